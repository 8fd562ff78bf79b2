"""A stack of seeds in training: what an item's ``train`` is given, and what it gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.base.streams import Streams
from replication.data.dataset import Dataset, choose_labelled
from replication.models.build import build
from replication.models.networks import Encoder
from replication.models.stack import Stack
from replication.settings.schema import Seed, Settings

from .batch_statistics import FreshStatistics
from .fit import Batches, Fitted, Kept, Monitor, Training, fit
from .schedule import in_order
from .second_stage import SecondStage
from .weight_average import Average


@dataclass(frozen=True)
class Execution:
    """Where, and in what arithmetic, a run is computed: the last bits of a result depend on it."""

    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"

    @property
    def name(self) -> str:
        """What bits depend on, for a folder's name: the precision; threads and device if other."""
        kind = self.device.partition(":")[0]
        if kind != "cpu":
            return f"{self.precision}-{kind}"
        return self.precision + (f"-{self.threads}threads" if self.threads > 1 else "")


@dataclass
class Outcome:
    """What ``train`` gives back for S seeds.

    ``metrics`` are [S] each; ``arrays`` are what a figure draws, [S, ...] each; ``images`` are for
    the tracker, uint8 [S, height, width] each.
    """

    fitted: Fitted
    metrics: dict[str, Tensor]
    arrays: dict[str, Tensor] = field(default_factory=dict)
    images: dict[str, Tensor] = field(default_factory=dict)


class Run:
    """A stack of seeds in training: what an item's ``train`` is given.

    It builds the stack, its streams and batches from the settings. A UserError where the label code
    does not fit the classes of ``dataset``. Without a ``monitor`` nothing is told or stored;
    messages name the ``item``.
    """

    def __init__(
        self,
        settings: Settings,
        dataset: Dataset,
        seeds: Sequence[Seed],
        execution: Execution | None = None,
        monitor: Monitor | None = None,
        item: str = "this item",
    ):
        execution = execution or Execution()
        if settings.labels and settings.label_dim != dataset.classes:
            problem = f"label_dim is {settings.label_dim}, {dataset.name} has {dataset.classes}"
            raise UserError(f"{problem} classes", "make them equal")
        self.settings = settings
        self.device = torch.device(execution.device)
        self.dataset = dataset.to(self.device)
        self.seeds = list(seeds)
        self.monitor = monitor or Monitor()
        self.item = item
        numbers = [s.seed for s in seeds]
        bf16 = execution.precision == "bf16-products"
        self.stack = Stack(lambda s: build(settings, dataset.pixels, s), numbers, self.device, bf16)
        self.streams = Streams(numbers, self.device)

    def needs(self, *parts: str) -> None:
        """A UserError that names the first setting of ``parts`` that is missing or 0.

        For what an item measures or draws, before anything is trained.
        """
        reconstruction = "joint.weights" if self.settings.joint else "phases"
        for part in parts:
            if not getattr(self.settings, part):
                key = f"{reconstruction}.reconstruction" if part == "has_decoder" else part
                problem = f"{self.item} needs {key}, which the settings leave out"
                raise UserError(problem, "set it")

    def decodes_styles_alone(self) -> None:
        """A UserError where the decoder is given a label, too: ``needs`` of what is too much.

        For items that decode samples of the style's prior.
        """
        if size := self.settings.decoder_label_dim:
            problem = f"{self.item} decodes styles alone, and label_dim: {size} gives its decoder"
            raise UserError(f"{problem} a label, too", "set label_dim and labels to 0")

    def shows_grey_images(self) -> None:
        """A UserError for images in colour: for items whose sheets have no channels."""
        if (channels := self.dataset.shape[0]) > 1:
            problem = f"{self.item} shows grey images alone, and data: {self.dataset.name} has"
            raise UserError(f"{problem} {channels} channels", "choose grey data")

    @property
    def epsilon_size(self) -> int:
        return cast(Encoder, self.stack.template.encoder).epsilon_size

    def batches(self) -> Batches:
        """Batches of the training images, with the labelled ones of each seed, if any."""
        train, count = self.dataset.train, self.settings.labels
        labelled = None
        if count:
            labels = train.labels
            if count != "all":
                labels = labels[: len(labels) - self.dataset.extra]
            chosen = [choose_labelled(labels, count, s.label_seed) for s in self.seeds]
            labelled = torch.stack(chosen)
        s = self.settings
        sizes = (s.batch_size, self.streams, s.given_size, s.differences.labelled_epochs)
        return Batches(self.dataset, labelled, *sizes, s.labelled_batch_size)

    def fit(self, evaluate: Callable[[], dict[str, Tensor]]) -> Fitted:
        """Train with the settings' phases and schedule.

        Where that was done before and only measuring is left, what was kept of it comes back.
        """
        if (kept := self.monitor.trained()) is not None:
            self.stack.load_state_dict(kept.weights)
            self.streams.load_state_dict(kept.streams)
            return kept.fitted
        fitted = self._train(evaluate)
        state = self.stack.state_dict(), self.streams.state_dict()
        self.monitor.keep(Kept(*state, fitted))
        return fitted

    def _train(self, evaluate: Callable[[], dict[str, Tensor]]) -> Fitted:
        s = self.settings
        phases = in_order(self.stack, s, self.streams, self.dataset)
        average = (
            Average(self.stack, s.weight_average_updates) if s.weight_average_updates else None
        )
        statistics = None
        if s.batch_norm_images:
            images = self.dataset.train.images[: s.batch_norm_images]
            statistics = FreshStatistics(self.stack, images, self.dataset.scaling)
        own = (self.batches(), self.streams, average, statistics)
        training = Training(self.stack, phases, *own)
        fitted = fit(training, s.epochs, s.evaluate_every, evaluate, self.monitor)
        if s.second_stage:  # one that is cut here starts again, and gives the same bits
            stage = SecondStage(self.stack, s.second_stage, self.streams, self.dataset)
            fitted.add(stage.train())
        return fitted
