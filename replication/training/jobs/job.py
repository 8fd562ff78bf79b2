"""One training job: the seeds of one variant, run in stacks, each result kept as it is finished."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from replication.base import sealed
from replication.base.errors import UserError
from replication.base.files import check_writable, locked
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.evidence.numbers import in_range
from replication.evidence.seeds import DataSummary, SeedResult
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.arithmetic import set_arithmetic
from replication.training.run import Outcome, Run

from .arrays import arrays_of, check_arrays, refused
from .cards import use_device
from .keeper import Keeper, stack_name
from .media import sheets
from .predictions import predictions
from .progress import Progress
from .provenance import environment
from .stored import read_finished
from .tracking import Tracker, check_mode
from .variant import Variant
from .weights import told_of


@dataclass(frozen=True)
class Pace:
    """What a job does beside training: nothing of it touches a result."""

    checkpoint_seconds: float = 120.0
    live: bool | None = None  # one line that is renewed; by default on a terminal


def train(variant: Variant, seeds: Sequence[Seed], most: int, pace: Pace | None = None) -> None:
    """Train ``seeds`` in stacks of at ``most`` so many.

    Those whose weights are kept are only measured, in the stacks that they were trained in, for the
    same bits. A UserError where other seeds of the variant, or those of its record, are of other
    data than today's.
    """
    execution, pace = variant.execution, pace or Pace()
    check_mode()
    use_device(execution.device)
    if seeds:
        set_arithmetic(execution)
        check_writable(variant.root)
    left = [seed for seed in seeds if variant.kept(seed) is None]
    for stack in trained_stacks(variant, [seed for seed in seeds if seed not in left]):
        train_stack(variant, stack, (1, 1), pace)
    stacks = [left[first : first + most] for first in range(0, len(left), most)]
    for number, stack in enumerate(stacks, 1):
        train_stack(variant, stack, (number, len(stacks)), pace)


def measure(variant: Variant, seeds: Sequence[Seed]) -> None:
    """Measure trained ``seeds`` again, without training; a UserError where weights are missing."""
    for seed in seeds if variant.trains else ():
        variant.weights(seed)
    train(variant, seeds, most=1)


def trained_stacks(variant: Variant, seeds: Sequence[Seed]) -> list[list[Seed]]:
    """The stacks in which ``seeds``, whose weights are kept, were trained.

    A seed is alone where the weights of another one of its stack are gone.
    """
    stacks: list[list[Seed]] = []
    for seed in seeds:
        told = told_of(variant.weights(seed), seed)
        stack = [Seed(*numbers) for numbers in told["stack"]]
        whole = all(variant.kept(other) is not None for other in stack)
        if (own := stack if whole else [seed]) not in stacks:
            stacks.append(own)
    return stacks


def train_stack(
    variant: Variant, seeds: Sequence[Seed], position: tuple[int, int], pace: Pace
) -> None:
    """Train ``seeds`` as one stack and keep each one's result; goes on where it was cut.

    ``position``: which of how many trainings of the command this is.
    """
    settings = variant.settings
    title = f"{variant} seed {', '.join(str(s.seed) for s in seeds)}"
    with locked(variant.folder / stack_name(seeds) / "lock", f"training {title}"):
        dataset = load(settings)
        check_data(variant, dataset)
        progress = Progress(title, settings.epochs, *position, pace.live)
        keeper = Keeper(variant, seeds, dataset, progress, pace.checkpoint_seconds)
        run = Run(settings, dataset, seeds, variant.execution, keeper, variant.item)
        keeper.stack = run.stack
        values = settings.model_dump(mode="json")
        names = (variant.item, variant.name, variant.preset)
        made_with = environment(variant.execution)
        keeper.trackers = [Tracker(*names, s.seed, s.label_seed, values, made_with) for s in seeds]
        try:
            outcome = variant.script.train(run)
            results = [seed_result(variant, outcome, i, seed) for i, seed in enumerate(seeds)]
            stored = outcome.arrays | predictions(run)
            arrays = [
                {name: a[i].cpu().numpy() for name, a in stored.items()} for i in range(len(seeds))
            ]
            for seed, result, own in zip(seeds, results, arrays, strict=True):
                if result["status"] == "ok":
                    check_arrays(own, variant, seed)
        except BaseException:  # an interruption, too
            for tracker in keeper.trackers:
                tracker.cut()
            raise
        for i, seed in enumerate(seeds):
            result, history = results[i], outcome.fitted.histories[i]
            result["provenance"] = keeper.provenance() | {
                "updates": history[-1]["updates"] if history else 0,
                "wandb_id": keeper.trackers[i].id,
            }
            images = sheets(arrays[i], dataset.shape)
            images |= {name: sheet[i].cpu().numpy() for name, sheet in outcome.images.items()}
            keeper.trackers[i].finish(result["metrics"], result["status"], images)
            keep(variant.finished(seed), result, arrays[i], dataset)


def check_data(variant: Variant, dataset: Dataset) -> None:
    """A UserError unless what there is of ``variant`` already is of ``dataset``."""
    kept = {seed: variant.kept(seed) for seed in variant.settings.runs}
    found = {told_of(folder, seed)["data"]: folder for seed, folder in kept.items() if folder}
    if variant.recorded():
        found[records.read(variant.record).dataset.sha256] = variant.record
    for sha256, where in found.items():
        if sha256 != dataset.sha256:
            problem = f"{where} was made with other data than {dataset.name} is now"
            raise UserError(problem, "give the data of then, or move it away")


def seed_result(variant: Variant, outcome: Outcome, i: int, seed: Seed) -> dict[str, Any]:
    """The result of the ``i``-th seed of the stack; one that diverged has no metrics.

    A UserError for a metric that no record can hold, such as NaN.
    """
    diverged = outcome.fitted.diverged[i]
    metrics = {} if diverged else {k: float(v[i]) for k, v in outcome.metrics.items()}
    try:
        in_range(metrics)
    except ValueError as error:
        raise refused(variant, seed, str(error)) from None
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
    sealed.save(path, {"result": result, "arrays": tensors, "dataset": summary})


def assemble(variant: Variant, again: bool = False, trained: bool = True) -> bool:
    """Write the record once every seed is there; says whether it is whole.

    Seeds that the record has already stay as they are, unless they were measured ``again``; so
    seeds can be added. Where nothing was ``trained`` just now, finished seeds have to be of today's
    data: a UserError if they are not.
    """
    settings, recorded, path = variant.settings, variant.recorded(), variant.record
    runs = settings.runs
    wanted = [run for run in runs if again or run not in recorded]
    finished = {s: f for s in wanted if (f := variant.finished(s)).exists()}
    stored = {s: read_finished(f, s) for s, f in finished.items()}
    if not all(run in recorded or run in stored for run in runs):
        return False
    if not stored and records.read(path).settings == settings:
        return True
    if not trained:
        check_data(variant, load(settings))
    summaries = [DataSummary(**s["dataset"]) for s in stored.values()]
    summaries = summaries or [records.read(path).dataset]
    results = [SeedResult(**stored[s]["result"]) if s in stored else recorded[s] for s in runs]
    tell_mixture(path, results)
    tell_missing(path, results)
    record = records.Record(
        schema_version=2,
        preset=variant.preset,
        item=variant.item,
        variant=variant.name,
        settings=settings,
        training_hash=settings.training_hash(),
        measuring_hash=settings.measuring_hash(),
        code_hash=code_hash(variant.script),
        dataset=summaries[0],
        seeds=results,
        origin=experiments().origins.get(f"{variant.item}/{variant.name}"),
    )
    fresh = {seed: s["arrays"] for seed, s in stored.items()}
    records.write(record, arrays_of(fresh, results, variant), path)
    return True


def tell_mixture(path: Path, results: Sequence[SeedResult]) -> None:
    """One line on standard error where seeds were trained in different precisions."""
    seeds: dict[str, list[str]] = {}
    for result in results:
        seeds.setdefault(result.provenance.precision, []).append(str(result.seed))
    if len(seeds) > 1:
        told = "; ".join(f"{', '.join(own)} in {name}" for name, own in seeds.items())
        print(f"note: {path} has seeds {told}", file=sys.stderr)


def tell_missing(path: Path, results: Sequence[SeedResult]) -> None:
    """One line on standard error for what seeds lack that others have: older code measured them."""
    healthy = [result for result in results if result.status == "ok"]
    every = set().union(*(result.metrics for result in healthy))
    for result in healthy:
        if missing := sorted(every - result.metrics.keys()):
            lacks = f"seed {result.seed} lacks {', '.join(missing)}, which other seeds have"
            remedy = "move the record away and train again"
            print(f"note: {path}: {lacks}: {remedy}", file=sys.stderr)
