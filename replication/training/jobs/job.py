"""One training job: the seeds of one variant, run in stacks, each result kept as it is finished."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from replication.base.errors import UserError
from replication.base.files import locked
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.evidence.lineage import current_code
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings
from replication.training.run import Outcome, Run

from . import checkpoint
from .provenance import Execution, check_device, environment
from .tracking import Tracker, check_mode
from .weights import are_kept, seed_name

CHECKPOINTS = Path(".checkpoints")


@dataclass(frozen=True)
class Variant:
    """What is to be trained: an item's script and the resolved settings of one variant."""

    script: ModuleType
    preset: str
    name: str
    execution: Execution = field(default_factory=Execution)

    @property
    def item(self) -> str:
        return self.script.__name__.rpartition(".")[2]

    @property
    def settings(self) -> Settings:
        return experiments().settings_of(self.preset, self.item, self.name)

    @property
    def folder(self) -> Path:
        """Where checkpoints, weights and finished seeds lie.

        One for each of what bits depend on: settings, code, precision, threads, kind of device.
        """
        return self._folder_of(code_hash(self.script))

    def _folder_of(self, code: str) -> Path:
        identity = f"{self.settings.training_hash()}-{code}-{self.execution.name}"
        return CHECKPOINTS / self.item / self.name / identity

    def kept(self, seeds: Sequence[Seed]) -> Path:
        """Where the weights of ``seeds`` lie: also those of older code with the same results.

        So that a new measure, which is new code, needs no training.
        """
        known = [self._folder_of(code) for code in sorted(current_code(self.item))]
        return next((f for f in [self.folder, *known] if are_kept(f, seeds)), self.folder)

    def finished(self, seed: Seed) -> Path:
        """The result of ``seed``, measured as the settings say now."""
        return self.folder / f"{seed_name(seed)}-{self.settings.measuring_hash()}.pt"

    def recorded(self, path: Path) -> dict[Seed, records.SeedResult]:
        """The seeds of the record in ``path`` that need no training; none where it is another's.

        They are of the same settings and of code with the same results.
        """
        if not path.exists():
            return {}
        record, settings = records.read(path), self.settings
        hashes = (settings.training_hash(), settings.measuring_hash())
        if (record.training_hash, record.measuring_hash) != hashes:
            return {}
        if record.code_hash not in current_code(self.item):
            return {}
        wanted = set(settings.runs)
        own = {Seed(s.seed, s.label_seed): s for s in record.seeds}
        return {seed: result for seed, result in own.items() if seed in wanted}

    def pending(self, seeds: Sequence[Seed], path: Path) -> list[Seed]:
        """Those of ``seeds`` that are neither in the record ``path`` nor finished."""
        recorded = self.recorded(path)
        return [s for s in seeds if s not in recorded and not self.finished(s).exists()]


def train(variant: Variant, seeds: Sequence[Seed], stacked: bool) -> None:
    """Train ``seeds``, or measure those whose weights are kept: as one stack or one by one."""
    execution = variant.execution
    check_mode()
    check_device(execution.device)
    torch.set_num_threads(execution.threads)
    torch.set_float32_matmul_precision("highest")
    stacks = [list(seeds)] if stacked and seeds else [[s] for s in seeds]
    for number, stack in enumerate(stacks, 1):
        train_stack(variant, stack, (number, len(stacks)))


def measure(variant: Variant, seeds: Sequence[Seed]) -> None:
    """Measure trained ``seeds`` again, without training; a UserError where weights are missing."""
    for seed in seeds:
        if not are_kept(variant.kept([seed]), [seed]):
            problem = f"there are no weights of seed {seed.seed} in {variant.folder}"
            raise UserError(problem, "train it first: weights are not part of the repository")
    train(variant, seeds, stacked=False)


def train_stack(variant: Variant, seeds: Sequence[Seed], position: tuple[int, int]) -> None:
    """Train ``seeds`` as one stack and keep each one's result; goes on where it was cut."""
    numbers = ", ".join(str(s.seed) for s in seeds)
    title = f"{variant.item} {variant.name} ({variant.preset}) seed {numbers}"
    stack_name = "stack_" + "_".join(f"{s.seed}-{s.label_seed}" for s in seeds)
    folder = variant.folder / stack_name
    with locked(folder / "lock", f"training {title}"):
        made_with = environment(variant.execution)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        dataset = load(variant.settings)
        run = Run(
            title,
            variant.settings,
            dataset,
            seeds,
            folder,
            variant.execution,
            position,
            variant.kept(seeds),
        )
        run.provenance = {"started": started, "stacked": len(seeds), **made_with}
        values = variant.settings.model_dump(mode="json")
        names = (variant.item, variant.name, variant.preset)
        run.trackers = [Tracker(*names, s.seed, s.label_seed, values) for s in seeds]
        outcome = variant.script.train(run)
        for i, seed in enumerate(seeds):
            result = seed_result(outcome, i, seed)
            history = outcome.fitted.histories[i]
            result["provenance"] = provenance_of(run) | {
                "updates": history[-1]["updates"] if history else 0,
                "wandb_id": run.trackers[i].id,
            }
            images = {name: sheet[i].cpu().numpy() for name, sheet in outcome.images.items()}
            run.trackers[i].finish(result["metrics"], result["status"], images)
            arrays = {name: a[i].cpu().numpy() for name, a in outcome.arrays.items()}
            keep(variant.finished(seed), result, arrays, dataset)
        run.clear()


def provenance_of(run: Run) -> dict[str, Any]:
    """With what the seeds were trained; an item that trains nothing has its measuring's time."""
    told = {"seconds": round(run.seconds, 1)} | run.provenance
    return {name: value for name, value in told.items() if name != "data"}


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
    """Write the record once every seed is there; says whether it did.

    Seeds that the record in ``path`` has already are kept, so that seeds can be added.
    """
    recorded = variant.recorded(path)
    runs = variant.settings.runs
    stored = {s: checkpoint.load(f) for s in runs if (f := variant.finished(s)).exists()}
    if not all(run in recorded or run in stored for run in runs):
        return False
    if not stored:  # nothing is new
        return True
    summaries = [records.DataSummary(**s["dataset"]) for s in stored.values()]
    if recorded:
        summaries.append(records.read(path).dataset)
    if len({summary.sha256 for summary in summaries}) > 1:
        problem = f"the seeds of {variant.item} {variant.name} were trained on different data"
        raise UserError(problem, f"delete {variant.folder}, and {path} if there is one")
    results = [
        records.SeedResult(**stored[s]["result"]) if s in stored else recorded[s] for s in runs
    ]
    if len({result.provenance.precision for result in results}) > 1:
        print(f"note: the seeds of {path} have different precisions", file=sys.stderr)
    record = records.Record(
        schema_version=2,
        preset=variant.preset,
        item=variant.item,
        variant=variant.name,
        settings=variant.settings,
        training_hash=variant.settings.training_hash(),
        measuring_hash=variant.settings.measuring_hash(),
        code_hash=code_hash(variant.script),
        dataset=summaries[0],
        seeds=results,
    )
    records.write(record, drawn_arrays(stored, results, path), path)
    return True


def drawn_arrays(
    stored: Mapping[Seed, dict[str, Any]],
    results: Sequence[records.SeedResult],
    path: Path,
) -> dict[str, np.ndarray]:
    """The arrays of the first seed that did not diverge: what figures draw."""
    healthy = [Seed(r.seed, r.label_seed) for r in results if r.status == "ok"]
    if not healthy:
        return {}
    first = healthy[0]
    if first in stored:
        return {name: a.numpy() for name, a in stored[first]["arrays"].items()}
    return records.read_arrays(path) if path.with_suffix(".npz").exists() else {}
