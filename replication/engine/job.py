"""One training job: the seeds of one variant, run in stacks, each result kept as it is finished."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import checkpoint
from .code_hash import code_hash
from .config import Settings, experiments
from .data import Dataset, choose_labelled, load
from .files import locked
from .fit import Batches, Fitted, Row, Training, fit
from .models import build
from .progress import Progress
from .stack import Stack
from .streams import Seed, Streams

CHECKPOINTS = Path(".checkpoints")


@dataclass(frozen=True)
class Execution:
    """How a job is run: none of it is scientific, all of it is told in the record."""

    device: str = "cpu"
    threads: int = 1
    precision: str = "float32"
    checkpoint_seconds: float = 120.0


@dataclass
class Outcome:
    """What ``train`` gives back for S seeds.

    ``metrics`` are [S] each; ``arrays`` are what a figure draws, [S, ...] each.
    """

    fitted: Fitted
    metrics: dict[str, Tensor]
    arrays: dict[str, Tensor]


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
    ):
        self.name = name
        self.settings = settings
        self.device = torch.device(execution.device)
        self.dataset = dataset.to(self.device)
        self.seeds = list(seeds)
        numbers = [s.seed for s in seeds]
        self.stack = Stack(lambda s: build(settings, dataset.pixels, s), numbers, self.device)
        self.streams = Streams(numbers, self.device)
        self.progress = Progress(name, settings.epochs)
        self._checkpoints = checkpoint.Checkpoints(folder, execution.checkpoint_seconds)
        self._epoch = 0

    @property
    def epsilon_size(self) -> int:
        return self.stack.template.encoder.epsilon_size  # type: ignore[union-attr, return-value]

    def batches(self) -> Batches:
        """Batches of the training images, with the labelled ones of each seed, if any."""
        train, count = self.dataset.train, self.settings.labels
        labelled = None
        if count:
            chosen = [choose_labelled(train.labels, count, s.label_seed) for s in self.seeds]
            labelled = torch.stack(chosen)
        return Batches(train, labelled, self.settings.batch_size, self.streams)

    def fit(self, phases: Sequence[Any], evaluate: Callable[[], dict[str, Tensor]]) -> Fitted:
        """Train with the given phases, in their order, on the settings' schedule."""
        training = Training(self.stack, phases, self.batches(), self.streams)
        s = self.settings
        return fit(training, s.epochs, s.evaluate_every, evaluate, self)

    # The loop's monitor

    def resume(self) -> dict[str, Any] | None:
        return self._checkpoints.newest()

    def checkpoint(self, state: Callable[[], dict[str, Any]]) -> None:
        self._checkpoints.store(self._epoch, state)

    def step(self, epoch: int, step: int, steps: int) -> None:
        self._epoch = epoch + 1
        self.progress.step(epoch, step, steps)

    def epoch(self, rows: list[Row | None]) -> None:
        self.progress.epoch(rows)

    def finished(self) -> None:
        self._checkpoints.clear()


def folder_of(item: ModuleType, preset: str, variant: str) -> Path:
    """Where the checkpoints and finished seeds of this variant's settings and code lie."""
    name = item.__name__.split(".")[-1]
    settings = experiments().settings_of(preset, name, variant)
    return CHECKPOINTS / name / variant / f"{settings.hash()}-{code_hash(item)}"


def result_path(folder: Path, seed: Seed) -> Path:
    return folder / f"seed_{seed.seed}_labels_{seed.label_seed}.pt"


def train_seeds(
    item: ModuleType, preset: str, variant: str, seeds: Sequence[Seed], execution: Execution
) -> None:
    """Train ``seeds`` as one stack and keep each one's result; resumes what was cut."""
    torch.set_num_threads(execution.threads)
    medium = execution.precision == "bf16-products"
    torch.set_float32_matmul_precision("medium" if medium else "highest")
    name = item.__name__.split(".")[-1]
    settings = experiments().settings_of(preset, name, variant)
    folder = folder_of(item, preset, variant)
    title = f"{name} {variant} ({preset}) seed " + ", ".join(str(s.seed) for s in seeds)
    stack_folder = folder / ("stack_" + "_".join(f"{s.seed}-{s.label_seed}" for s in seeds))
    with locked(stack_folder / "lock", f"training {title}"):
        dataset = load(settings)
        started, clock, made_with = datetime.now(UTC), time.monotonic(), environment(execution)
        run = Run(title, settings, dataset, seeds, stack_folder, execution)
        outcome = item.train(run)
        provenance = {
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 1),
            "updates": run.progress.updates,
            "stacked": len(seeds),
            **made_with,
        }
        for i, seed in enumerate(seeds):
            result = {
                "seed": seed.seed,
                "label_seed": seed.label_seed,
                "status": "diverged" if outcome.fitted.diverged[i] else "ok",
                "metrics": {k: v[i].item() for k, v in outcome.metrics.items()},
                "history": outcome.fitted.histories[i],
                "arrays": {k: v[i].cpu().clone() for k, v in outcome.arrays.items()},
                "dataset": {
                    "name": dataset.name,
                    "sha256": dataset.sha256,
                    "train": len(dataset.train),
                    "test": len(dataset.test),
                },
                "provenance": provenance,
            }
            checkpoint.save(result_path(folder, seed), result)
        run.finished()


def environment(execution: Execution) -> dict[str, Any]:
    """Where and with what a run was made."""
    on_gpu = torch.device(execution.device).type == "cuda"
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else f"CPU ({_processor()})",
        "threads": execution.threads,
        "precision": execution.precision,
    }


def _git(*arguments: str) -> str:
    """What git says of this checkout; empty where there is none (an unpacked archive)."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
