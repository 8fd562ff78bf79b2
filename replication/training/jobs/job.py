"""One training job: the seeds of one variant, run in stacks, each result kept as it is finished."""

import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.base.files import locked, write_atomically
from replication.base.streams import Streams
from replication.data.dataset import Dataset, choose_labelled, load
from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.models.build import build
from replication.models.networks import Encoder
from replication.models.stack import Stack
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings

from . import checkpoint
from .fit import Batches, Fitted, Row, Training, fit
from .progress import Progress
from .schedule import in_order
from .tracking import Tracker, check_mode
from .weight_average import Average

CHECKPOINTS = Path(".checkpoints")
CODE = (":(top)", ":(top,exclude)results", ":(top,exclude)figures")
# Where bf16 begins to pay: the weights are cast at every use. At 128 units it is slower.
WIDE = 250


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
    ):
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
        self.progress = Progress(name, settings.epochs)
        self.trackers: list[Tracker] = []
        self._seconds_before = 0.0  # of the processes that this one goes on from
        self._started = time.monotonic()
        self._folder = folder
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
        return Batches(self.dataset, labelled, *sizes)

    def fit(self, evaluate: Callable[[], dict[str, Tensor]]) -> Fitted:
        """Train with the settings' phases and schedule."""
        s = self.settings
        phases = in_order(self.stack, s, self.streams)
        average = (
            Average(self.stack, s.weight_average_updates) if s.weight_average_updates else None
        )
        training = Training(self.stack, phases, self.batches(), self.streams, average)
        fitted = fit(training, s.epochs, s.evaluate_every, evaluate, self)
        self._keep_weights()
        return fitted

    def _keep_weights(self) -> None:
        """Before anything is measured, so that a measure that fails costs no training."""
        from safetensors.torch import save  # here: drawing does without

        state = self.stack.state_dict()
        for i, seed in enumerate(self.seeds):
            own = {name: value[i].cpu().contiguous() for name, value in state.items()}
            write_atomically(self._folder.parent / f"{seed_name(seed)}.safetensors", save(own))

    @property
    def seconds(self) -> float:
        """What training has taken so far."""
        return self._seconds_before + time.monotonic() - self._started

    # The loop's monitor

    def resume(self) -> dict[str, Any] | None:
        state = self._checkpoints.newest()
        if state is not None:
            self._seconds_before = state["seconds"]
            for tracker, history in zip(self.trackers, state["histories"], strict=False):
                for row in history:
                    tracker.log(row)
        return state

    def checkpoint(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        self._checkpoints.store(epoch, lambda: {**state(), "seconds": self.seconds})

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


@dataclass(frozen=True)
class Variant:
    """What is to be trained: an item's script and the resolved settings of one variant."""

    script: ModuleType
    preset: str
    name: str

    @property
    def item(self) -> str:
        return self.script.__name__.rpartition(".")[2]

    @property
    def settings(self) -> Settings:
        return experiments().settings_of(self.preset, self.item, self.name)

    @property
    def folder(self) -> Path:
        """Where checkpoints and finished seeds of these settings and this code lie."""
        identity = f"{self.settings.training_hash()}-{code_hash(self.script)}"
        return CHECKPOINTS / self.item / self.name / identity

    def finished(self, seed: Seed) -> Path:
        return self.folder / f"{seed_name(seed)}.pt"


def seed_name(seed: Seed) -> str:
    """What the files of a finished seed are called."""
    return f"seed_{seed.seed}_labels_{seed.label_seed}"


def train(variant: Variant, seeds: Sequence[Seed], execution: Execution, stacked: bool) -> None:
    """Train those of ``seeds`` that are not finished: as one stack, or one after the other."""
    check_mode()
    check_device(execution.device)
    torch.set_num_threads(execution.threads)
    torch.set_float32_matmul_precision("highest")
    pending = [s for s in seeds if not variant.finished(s).exists()]
    for stack in [pending] if stacked and pending else [[s] for s in pending]:
        train_stack(variant, stack, execution)


def train_stack(variant: Variant, seeds: Sequence[Seed], execution: Execution) -> None:
    """Train ``seeds`` as one stack and keep each one's result; goes on where it was cut."""
    numbers = ", ".join(str(s.seed) for s in seeds)
    title = f"{variant.item} {variant.name} ({variant.preset}) seed {numbers}"
    stack_name = "stack_" + "_".join(f"{s.seed}-{s.label_seed}" for s in seeds)
    folder = variant.folder / stack_name
    with locked(folder / "lock", f"training {title}"):
        made_with = environment(execution)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        dataset = load(variant.settings)
        run = Run(title, variant.settings, dataset, seeds, folder, execution)
        values = variant.settings.model_dump(mode="json")
        names = (variant.item, variant.name, variant.preset)
        run.trackers = [Tracker(*names, s.seed, s.label_seed, values) for s in seeds]
        outcome = variant.script.train(run)
        for i, seed in enumerate(seeds):
            result = seed_result(outcome, i, seed)
            result["provenance"] = {
                "started": started,
                "seconds": round(run.seconds, 1),
                "updates": outcome.fitted.histories[i][-1]["updates"]
                if outcome.fitted.histories[i]
                else 0,
                "stacked": len(seeds),
                "wandb_id": run.trackers[i].id,
                **made_with,
            }
            images = {name: sheet[i].cpu().numpy() for name, sheet in outcome.images.items()}
            run.trackers[i].finish(result["metrics"], result["status"], images)
            arrays = {name: a[i].cpu().numpy() for name, a in outcome.arrays.items()}
            keep(variant.finished(seed), result, arrays, dataset)
        run.clear()


def seed_result(outcome: Outcome, i: int, seed: Seed) -> dict[str, Any]:
    """The result of the ``i``-th seed of the stack; one that diverged has no metrics."""
    diverged = outcome.fitted.diverged[i]
    metrics = {} if diverged else {k: float(v[i]) for k, v in outcome.metrics.items()}
    return {
        "seed": seed.seed,
        "label_seed": seed.label_seed,
        "status": "diverged" if diverged else "ok",
        "warnings": records.warnings_of(metrics),
        "metrics": metrics,
        "history": outcome.fitted.histories[i],
    }


def keep(path: Path, result: dict, arrays: dict[str, np.ndarray], dataset: Dataset) -> None:
    """Store a finished seed until all of its variant are there."""
    tensors = {name: torch.from_numpy(a) for name, a in arrays.items()}
    summary = {
        "name": dataset.name,
        "sha256": dataset.sha256,
        "train": len(dataset.train),
        "test": len(dataset.test),
        "subset": dataset.subset,
    }
    checkpoint.save(path, {"result": result, "arrays": tensors, "dataset": summary})


def assemble(variant: Variant, path: Path) -> bool:
    """Write the record once every seed is finished; says whether it did."""
    finished = [variant.finished(seed) for seed in variant.settings.runs]
    if not all(f.exists() for f in finished):
        return False
    stored = [checkpoint.load(f) for f in finished]
    record = records.Record(
        preset=variant.preset,
        item=variant.item,
        variant=variant.name,
        settings=variant.settings,
        training_hash=variant.settings.training_hash(),
        measuring_hash=variant.settings.measuring_hash(),
        code_hash=code_hash(variant.script),
        dataset=records.DataSummary(**stored[0]["dataset"]),
        seeds=[records.SeedResult(**s["result"]) for s in stored],
    )
    healthy = [s for s in stored if s["result"]["status"] == "ok"]
    arrays = {name: a.numpy() for name, a in healthy[0]["arrays"].items()} if healthy else {}
    records.write(record, arrays, path)
    return True


def check_device(name: str) -> None:
    """A UserError unless torch can use the device ``name``."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # torch raises either, without CUDA
        reason = str(error).splitlines()[0]
        remedy = "name a device of this machine, such as cpu or cuda:0"
        raise UserError(f"device '{name}' cannot be used: {reason}", remedy) from None


def precision_of(wanted: str, device: str, settings: Settings) -> str:
    """The precision of the products; ``auto`` is the fastest that was measured to do no harm.

    That is bf16 in wide layers on a CPU that has the instructions (``bench.precision``).
    """
    if wanted != "auto":
        return wanted
    fast = device.startswith("cpu") and has_bf16_products() and min(settings.hidden_sizes) >= WIDE
    return "bf16-products" if fast else "float32"


def has_bf16_products() -> bool:
    """Whether the CPU has AVX512-BF16; torch multiplies bf16 slowly on one without."""
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False


def environment(execution: Execution) -> dict[str, Any]:
    """Where and with what a run was made."""
    on_gpu = torch.device(execution.device).type == "cuda"
    return {
        "commit": _git("rev-parse", "HEAD"),
        # A record or a drawing that is new makes no difference to the next run.
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", *CODE)),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
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
