"""One training job: the seeds of one variant, run in stacks, each result kept as it is finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from replication.base.files import locked
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings
from replication.training.run import Outcome, Run

from . import checkpoint
from .provenance import Execution, check_device, environment
from .tracking import Tracker, check_mode
from .weights import seed_name

CHECKPOINTS = Path(".checkpoints")


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
        schema_version=2,
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
