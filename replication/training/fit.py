"""The training loop: epochs of updates over resident data, checkpoints, divergence."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from replication.base.streams import Streams
from replication.data.dataset import Dataset
from replication.models.priors import one_hot
from replication.models.stack import Stack

from .batch_statistics import FreshStatistics
from .captured import Captured
from .descent import ChangingPhase, Phase, passed_through
from .inputs import Batch
from .labelled_batches import EvenBatches
from .weight_average import Average

Row = dict[str, float | int]


class Monitor:
    """What training tells, and asks, the outside world; this one listens to nothing."""

    def trained(self) -> "Kept | None":
        """What was kept of a training that had ended, if there was one."""
        return None

    def resume(self) -> dict[str, Any] | None:
        """The state of the last checkpoint, if there is one."""
        return None

    def checkpoint(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        """Called after each epoch; stores ``state()`` if it is time."""

    def step(self, epoch: int, step: int, steps: int) -> None:
        """Called after each update."""

    def epoch(self, rows: list[Row | None], recorded: bool) -> None:
        """Called after each epoch with each seed's row, ``recorded`` if the history has it."""

    def keep(self, kept: "Kept") -> None:
        """Called once, when training has ended and nothing is measured yet."""


class Batches:
    """Draws S seeds' batches. One epoch is one pass over the *unlabelled* images.

    With ``labelled_epochs`` it is one over the labelled images, as public replications have it.

    ``labelled`` holds each seed's own labelled indices [S, L]. Up to a batch of them are taken
    whole at every update; more are cycled through in a random order, batch by batch. With
    ``labelled_batch_size`` each update draws so many anew, evenly over the classes. Where
    ``given_size`` is positive, each image comes with its label instead, a one-hot of that length;
    the last class is that of images without a label, if there are any.
    """

    def __init__(
        self,
        dataset: Dataset,
        labelled: Tensor | None,
        batch_size: int,
        streams: Streams,
        given_size: int = 0,
        labelled_epochs: bool = False,
        labelled_batch_size: int = 0,
    ):
        train = dataset.train
        self.train = train
        self.scaling = dataset.scaling
        self.given_size = given_size
        self.labelled = None if given_size else labelled
        if given_size and labelled is not None:
            unknown = train.labels.new_full((len(labelled), len(train)), given_size - 1)
            self.known = unknown.scatter(1, labelled, train.labels[labelled])
        self.batch_size = min(batch_size, len(train))
        self.streams = streams
        passed = labelled.shape[1] if labelled_epochs and labelled is not None else len(train)
        self.steps = max(1, passed // self.batch_size)
        self._order: Tensor | None = None
        self._position = 0
        self._even: EvenBatches | None = None
        if labelled_batch_size and labelled is not None:
            self._even = EvenBatches(train.labels, labelled, labelled_batch_size, streams)

    def epoch(self, number: int = 0) -> Iterator[Batch]:
        """The batches of the epoch with index ``number``."""
        order = self.streams.permutation("batches", len(self.train))
        for step in range(self.steps):
            index = order[:, step * self.batch_size : (step + 1) * self.batch_size]
            images = self.scaling.to_network(self.train.images[index])
            own = (images, self._given(index))
            place = (index, number + step / self.steps)
            if self.labelled is None:
                yield Batch(*own, images[:, :0], index[:, :0], *place)
                continue
            chosen = self._labelled_batch()
            labelled_images = self.scaling.to_network(self.train.images[chosen])
            yield Batch(*own, labelled_images, self.train.labels[chosen], *place)

    def _given(self, index: Tensor) -> Tensor:
        if not self.given_size:
            return torch.empty((*index.shape, 0), device=index.device)
        return one_hot(self.known.gather(1, index), self.given_size)

    def _labelled_batch(self) -> Tensor:
        assert self.labelled is not None
        if self._even:
            return self._even.draw()
        count = self.labelled.shape[1]
        if count <= self.batch_size:
            return self.labelled
        if self._order is None or self._position + self.batch_size > count:
            self._order = self.streams.permutation("labelled batches", count)
            self._position = 0
        chosen = self._order[:, self._position : self._position + self.batch_size]
        self._position += self.batch_size
        return self.labelled.gather(1, chosen)

    def state_dict(self) -> dict[str, Any]:
        return {"order": self._order, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        order, self._position = state["order"], state["position"]
        # A checkpoint is read on the host.
        self._order = None if order is None else order.to(self.train.labels.device)


@dataclass
class Fitted:
    """The history of each seed, whether it stayed finite, and whether a graph was replayed."""

    histories: list[list[Row]]
    diverged: list[bool] = field(default_factory=list)
    captured: bool = False

    def add(self, losses: dict[str, Tensor]) -> None:
        """Put ``losses`` [S] into each seed's last row; with one not finite the seed diverged."""
        for seed, history in enumerate(self.histories):
            own = {name: values[seed].item() for name, values in losses.items()}
            self.diverged[seed] |= not all(map(math.isfinite, own.values()))
            if history and not self.diverged[seed]:
                history[-1] |= own


@dataclass
class Kept:
    """What measures need: all parameters and buffers [S, ...], the streams' states, S each."""

    weights: dict[str, Tensor]
    streams: dict[str, list[Tensor]]
    fitted: Fitted


class Training:
    """Everything that an update changes, so that one place saves and restores it."""

    def __init__(
        self,
        stack: Stack,
        phases: Sequence[Phase],
        batches: Batches,
        streams: Streams,
        average: Average | None = None,
        statistics: FreshStatistics | None = None,
    ):
        self.stack = stack
        self.phases = phases
        self.batches = batches
        self.streams = streams
        self.average = average
        self.statistics = statistics
        self.descents = [d for phase in phases for d in phase.descents]
        self.changing = [phase for phase in phases if isinstance(phase, ChangingPhase)]
        optimisers = [d.optimiser for d in self.descents]
        self.captured = Captured(partial(passed_through, phases), streams, optimisers)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One update: every phase once, in order. Returns the losses, [S] each."""
        branch = tuple(phase.start_update(batch.epoch) for phase in self.changing)
        losses = self.captured(branch, *batch.tensors)
        if self.average:
            self.average.update()
        return losses

    def epoch(self, epoch: int, told: Callable[[int, int, int], None]) -> dict[str, list[float]]:
        """One epoch; the mean of each loss over its updates. The device is read once, here."""
        for descent in self.descents:
            descent.start_epoch(epoch)
        totals: dict[str, Tensor] = {}
        for step, batch in enumerate(self.batches.epoch(epoch)):
            for name, loss in self.update(batch).items():
                totals[name] = totals[name] + loss if name in totals else loss
            told(epoch, step, self.batches.steps)
        return {name: (total / self.batches.steps).tolist() for name, total in totals.items()}

    @contextmanager
    def as_evaluated(self) -> Iterator[None]:
        """The stack has the averaged weights and fresh statistics meanwhile, where asked for."""
        with ExitStack() as changes:
            if self.average:
                changes.enter_context(self.average.in_place())
            if self.statistics:
                changes.enter_context(self.statistics.in_place())
            yield

    def finish(self) -> None:
        """Leave the stack as it was evaluated."""
        if self.average:
            self.average.swap()
        if self.statistics:
            self.statistics.refresh()

    def state_dict(self) -> dict[str, Any]:
        return {
            "models": self.stack.state_dict(),
            "optimisers": [d.optimiser.state_dict() for d in self.descents],
            "streams": self.streams.state_dict(),
            "batches": self.batches.state_dict(),
            "average": self.average.state_dict() if self.average else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stack.load_state_dict(state["models"])
        for descent, saved in zip(self.descents, state["optimisers"], strict=True):
            descent.optimiser.load_state_dict(saved)
        self.streams.load_state_dict(state["streams"])
        self.batches.load_state_dict(state["batches"])
        if self.average:
            self.average.load_state_dict(state["average"])


def fit(
    training: Training,
    epochs: int,
    evaluate_every: int,
    evaluate: Callable[[], dict[str, Tensor]],
    monitor: Monitor,
) -> Fitted:
    """Train for ``epochs``; ``evaluate`` gives metrics [S] every so many epochs and at the end.

    The epochs that are evaluated make the history, with the mean losses of their updates. Averaged
    weights, or refreshed statistics of batch-norm, are evaluated, and left in the stack.

    A seed whose losses stop being finite has diverged: its history ends there, and the others go
    on. Training goes on from the monitor's last checkpoint, if there is one, and then gives the
    same bits as if it had never stopped.
    """
    count = training.stack.size
    fitted = Fitted([[] for _ in range(count)], [False] * count)
    first = 0
    if (state := monitor.resume()) is not None:
        training.load_state_dict(state["training"])
        fitted = Fitted(state["histories"], state["diverged"])
        first = state["epochs"]
    for epoch in range(first, epochs):
        if all(fitted.diverged):
            break
        values = training.epoch(epoch, monitor.step)
        due = (epoch + 1) % evaluate_every == 0 or epoch + 1 == epochs
        if due:
            with training.as_evaluated():
                values |= {name: metric.tolist() for name, metric in evaluate().items()}
        updates = (epoch + 1) * training.batches.steps
        rows = _rows(fitted, values, epoch + 1, updates)
        if due:  # 5000 epochs of ten seeds would make a record of 11 MB
            for history, row in zip(fitted.histories, rows, strict=True):
                history += [] if row is None else [row]
        monitor.epoch(rows, due)
        monitor.checkpoint(epoch + 1, partial(_state, training, fitted, epoch + 1))
    training.finish()
    return replace(fitted, captured=training.captured.replays)


def _state(training: Training, fitted: Fitted, epochs: int) -> dict[str, Any]:
    return {
        "training": training.state_dict(),
        "histories": fitted.histories,
        "diverged": fitted.diverged,
        "epochs": epochs,
    }


def _rows(
    fitted: Fitted, values: dict[str, list[float]], epoch: int, updates: int
) -> list[Row | None]:
    """The epoch's row of each seed, None for one that has diverged, now or before."""
    rows: list[Row | None] = []
    for seed in range(len(fitted.histories)):
        own = {name: value[seed] for name, value in values.items()}
        fitted.diverged[seed] |= not all(math.isfinite(v) for v in own.values())
        row: Row = {"epoch": epoch, "updates": updates, **own}
        rows.append(None if fitted.diverged[seed] else row)
    return rows
