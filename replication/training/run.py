"""A stack of seeds in training: what an item's ``train`` is given, and what it gives back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

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
from .fit import Batches, Fitted, Row, Training, fit
from .jobs import checkpoint, weights
from .jobs.progress import Progress
from .jobs.provenance import Execution
from .jobs.tracking import Tracker
from .schedule import in_order
from .second_stage import SecondStage
from .weight_average import Average


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

    It builds the stack, its streams and batches from the settings, and is the loop's monitor.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        dataset: Dataset,
        seeds: Sequence[Seed],
        folder: Path,
        execution: Execution,
        position: tuple[int, int] = (1, 1),
        kept: Path | None = None,
    ):
        """``position``: which of how many runs of the command this is, for the time left.

        ``kept``: where the weights are kept, or lie already; without it, nowhere.
        """
        if settings.labels and settings.label_dim != dataset.classes:
            problem = f"label_dim is {settings.label_dim}, {dataset.name} has {dataset.classes}"
            raise UserError(f"{problem} classes", "make them equal")
        self.name = name
        self.settings = settings
        self.device = torch.device(execution.device)
        self.dataset = dataset.to(self.device)
        self.seeds = list(seeds)
        numbers = [s.seed for s in seeds]
        bf16 = execution.precision == "bf16-products"
        self.stack = Stack(lambda s: build(settings, dataset.pixels, s), numbers, self.device, bf16)
        self.streams = Streams(numbers, self.device)
        self.progress = Progress(name, settings.epochs, *position)
        self.trackers: list[Tracker] = []
        self._seconds_before = 0.0  # of the processes that this one goes on from
        self._core_seconds_before = 0.0
        self._started, self._cores_started = time.monotonic(), time.process_time()
        self._folder = folder
        self._kept = kept
        self.provenance: dict[str, Any] = {}  # with what the seeds are, or were, trained
        self._checkpoints = checkpoint.Checkpoints(folder, execution.checkpoint_seconds)

    @property
    def epsilon_size(self) -> int:
        return cast(Encoder, self.stack.template.encoder).epsilon_size

    def batches(self) -> Batches:
        """Batches of the training images, with the labelled ones of each seed, if any."""
        train, count = self.dataset.train, self.settings.labels
        labelled = None
        if count:
            chosen = [choose_labelled(train.labels, count, s.label_seed) for s in self.seeds]
            labelled = torch.stack(chosen)
        s = self.settings
        sizes = (s.batch_size, self.streams, s.given_size, s.differences.labelled_epochs)
        return Batches(self.dataset, labelled, *sizes, s.labelled_batch_size)

    def fit(self, evaluate: Callable[[], dict[str, Tensor]]) -> Fitted:
        """Train with the settings' phases and schedule.

        Where all seeds were trained before and only have to be measured, their weights are read
        instead.
        """
        kept = self._kept
        if kept and weights.are_kept(kept, self.seeds):
            fitted, self.provenance = weights.restore(kept, self.seeds, self.stack, self.streams)
            self._check_data(self.provenance["data"], kept)
            return fitted
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
        fitted = fit(training, s.epochs, s.evaluate_every, evaluate, self)
        if s.second_stage:  # one that is cut here starts again, and gives the same bits
            stage = SecondStage(self.stack, s.second_stage, self.streams, self.dataset)
            fitted.add(stage.train())
        self.provenance |= {"seconds": round(self.seconds, 1), "data": self.dataset.sha256}
        if self.device.type == "cpu":
            self.provenance["core_seconds"] = round(self.core_seconds, 1)
        if kept:
            weights.keep(kept, self.seeds, self.stack, self.streams, fitted, self.provenance)
        self.clear()
        return fitted

    @property
    def seconds(self) -> float:
        """What training has taken so far."""
        return self._seconds_before + time.monotonic() - self._started

    @property
    def core_seconds(self) -> float:
        """The same of the processor alone: what else the machine did is not in it."""
        return self._core_seconds_before + time.process_time() - self._cores_started

    # The loop's monitor

    def resume(self) -> dict[str, Any] | None:
        state = self._checkpoints.newest()
        if state is not None:
            self._check_data(state.get("data"), self._folder)
            self._seconds_before = state["seconds"]
            self._core_seconds_before = state["core_seconds"]
            for tracker, history in zip(self.trackers, state["histories"], strict=False):
                for row in history:
                    tracker.log(row)
        return state

    def checkpoint(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        aside = {"seconds": self.seconds, "core_seconds": self.core_seconds}
        data = self.dataset.sha256
        self._checkpoints.store(epoch, lambda: {**state(), **aside, "data": data})

    def _check_data(self, trained_on: str | None, folder: Path) -> None:
        """A UserError if what lies in ``folder`` was trained on other images."""
        if trained_on != self.dataset.sha256:
            problem = f"{folder} was begun with other data than {self.dataset.name} is now"
            raise UserError(problem, "give the data of then, or move that folder away")

    def step(self, epoch: int, step: int, steps: int) -> None:
        self.progress.step(epoch, step, steps)

    def epoch(self, rows: list[Row | None], recorded: bool) -> None:
        self.progress.epoch(rows)
        for tracker, row in zip(self.trackers, rows, strict=False):
            if row is not None and recorded:
                tracker.log(row)

    def clear(self) -> None:
        """Forget the checkpoints of a finished stack."""
        self._checkpoints.clear()
