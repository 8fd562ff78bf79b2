"""The monitor of a training: it stores it, tells it, and takes it up again where it was cut."""

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.data.dataset import Dataset
from replication.evidence.code_hash import code_hash
from replication.models.stack import Stack
from replication.settings.schema import Seed
from replication.training.fit import Kept, Monitor, Row

from . import weights
from .checkpoint import Checkpoints
from .progress import Progress
from .provenance import environment
from .tracking import Tracker
from .variant import Variant

LONGEST = 100  # characters of a stack's name that says all its seeds
ASIDE = "seeds"  # the file that says them where the name does not
INTERNAL = ("code", "data", "stack")  # what records do not tell of each seed


def stack_name(seeds: Sequence[Seed]) -> str:
    """What the folder of a stack in training is called: all seeds, or the first and last of many.

    A name of a file has 255 characters at most.
    """
    names = seed_names(seeds)
    whole = f"stack_{'_'.join(names)}"
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"stack_{names[0]}_to_{names[-1]}_{len(names)}_{digest}"


def seed_names(seeds: Sequence[Seed]) -> list[str]:
    return [f"{s.seed}-{s.label_seed}" for s in seeds]


def stacked_in(folder: Path) -> list[str]:
    """The names of the seeds whose stack is in training in ``folder``."""
    aside = folder / ASIDE
    name = folder.name.removeprefix("stack_")
    return aside.read_text().split() if aside.exists() else name.split("_")


class Keeper(Monitor):
    """Of the stack ``seeds`` of ``variant``; ``trackers`` are one for each seed.

    Other images than those that a training was begun with are a UserError.
    """

    def __init__(
        self,
        variant: Variant,
        seeds: Sequence[Seed],
        dataset: Dataset,
        progress: Progress,
        checkpoint_seconds: float,
    ):
        self.trackers: list[Tracker] = []
        self.stack: Stack | None = None  # whose weights what was stored has to fit
        self._variant, self._seeds, self._dataset = variant, list(seeds), dataset
        self._progress = progress
        self._folder = variant.folder / stack_name(seeds)
        self._checkpoints = Checkpoints(self._folder, checkpoint_seconds)
        self._began, self._core_began = time.monotonic(), time.process_time()
        # Of the processes that this one goes on from; the processor's may not have been told.
        self._seconds_before = 0.0
        self._core_seconds_before: float | None = 0.0
        self._process = {
            "work": "training",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            **environment(variant.execution),
        }
        self._earlier: list[dict[str, Any]] = []  # processes
        self._told: dict[str, Any] | None = None  # of a training that has ended

    def provenance(self) -> dict[str, Any]:
        """With what, when and how fast the seeds were trained; every process, if there were more.

        An item that trains nothing has its measuring's time.
        """
        told = dict(self._told or self._tell())
        processes = [*self._earlier, self._process]
        told["processes"] = processes if len(processes) > 1 else []
        return {name: value for name, value in told.items() if name not in INTERNAL}

    def trained(self) -> Kept | None:
        folders = [f for seed in self._seeds if (f := self._variant.kept(seed)) is not None]
        if len(folders) < len(self._seeds):
            return None
        kept, told = weights.restore(folders, self._seeds)
        weights.clear(self._folder)  # a kill may have left its checkpoints
        self._check_data(told["data"], folders[0])
        self._check_weights(kept.weights, folders[0])
        self._told, self._earlier = told, told["processes"]
        self._process["work"] = "measuring"
        self._replay(kept.fitted.histories)
        return kept

    def resume(self) -> dict[str, Any] | None:
        if "_to_" in self._folder.name:
            write_atomically(self._folder / ASIDE, " ".join(seed_names(self._seeds)).encode())
        state = self._checkpoints.newest()
        if state is not None:
            self._check_data(state["data"], self._folder)
            self._check_weights(state["training"]["models"], self._folder)
            self._seconds_before, self._earlier = state["seconds"], state["processes"]
            self._core_seconds_before = state.get("core_seconds")
            for tracker in self.trackers:
                tracker.resumed()
            self._replay(state["histories"])
        return state

    def checkpoint(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        self._checkpoints.store(epoch, lambda: {**state(), **self._tell()})

    def step(self, epoch: int, step: int, steps: int) -> None:
        self._progress.step(epoch, step, steps)

    def epoch(self, rows: list[Row | None], recorded: bool) -> None:
        self._progress.epoch(rows)
        for tracker, row in zip(self.trackers, rows, strict=True):
            if row is not None and recorded:
                tracker.log(row)

    def keep(self, kept: Kept) -> None:
        self._told = self._tell() | {"captured": kept.fitted.captured}
        weights.keep(self._variant.folder, self._folder, self._seeds, kept, self._told)

    def _core_seconds(self) -> float | None:
        """What the processor has taken so far; not told where a GPU did the work."""
        if self._variant.execution.device != "cpu" or self._core_seconds_before is None:
            return None
        return round(self._core_seconds_before + time.process_time() - self._core_began, 1)

    def _tell(self) -> dict[str, Any]:
        """What a checkpoint, or a trained seed, says of itself."""
        first = (*self._earlier, self._process)[0]
        own = {name: value for name, value in self._process.items() if name != "work"}
        return {
            **own,
            "started": first["started"],
            "seconds": round(self._seconds_before + time.monotonic() - self._began, 1),
            "core_seconds": self._core_seconds(),
            "stacked": len(self._seeds),
            "stack": [[s.seed, s.label_seed] for s in self._seeds],
            "processes": [*self._earlier, self._process],
            "data": self._dataset.sha256,
            "code": code_hash(self._variant.script),
        }

    def _replay(self, histories: list[list[Row]]) -> None:
        for tracker, history in zip(self.trackers, histories, strict=True):
            for row in history:
                tracker.log(row)

    def _check_weights(self, weights: dict[str, Tensor], folder: Path) -> None:
        """A UserError unless ``weights`` are those of the models that the settings make."""
        own = self.stack.state_dict() if self.stack else {}
        for name in sorted(own.keys() | weights.keys()) if own else []:
            shapes = [tuple(s[name].shape) if name in s else "missing" for s in (weights, own)]
            if shapes[0] != shapes[1]:
                problem = f"{folder} does not fit the settings: {name} is {shapes[0]}"
                raise UserError(f"{problem}, not {shapes[1]}", "delete it and train again")

    def _check_data(self, trained_on: str, folder: Path) -> None:
        if trained_on != self._dataset.sha256:
            problem = f"{folder} was made with other data than {self._dataset.name} is now"
            raise UserError(problem, "give the data of then, or move that folder away")
