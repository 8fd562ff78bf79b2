"""What the benches measured, the ratios made of it, and the goals that they are held against.

A file of bench/results is of one machine and one run; only ratios inside it mean anything.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, model_validator

from replication.base.places import MEASURED
from replication.evidence.json_files import read_json
from replication.evidence.records import Record
from replication.evidence.seeds import Machine
from replication.evidence.statistics import paired_difference
from replication.settings.experiments import experiments
from replication.settings.reading import known, parse, read_yaml
from replication.settings.strict import Natural, Positive, PositiveNumber, Strict

GOALS = Path(__file__).parent.parent / "speed.yaml"
LOOP, PYTHAE = "DataLoader loop", "Pythae"
ALONE = "ours, one seed after the other"
PRECISIONS = ("float32", "bf16-products")

ByName = Annotated[dict[str, PositiveNumber], Field(min_length=1)]
Measured = TypeVar("Measured", bound="OfMachine")


class OfMachine(Strict):
    machine: Machine


class Step(OfMachine):
    """Of ``bench.step``: updates of one seed a second, by program, and the machine's ceilings.

    The ceilings are GFLOP/s of the hidden layers' products, by precision.
    """

    seeds: Positive
    floor_flop_per_update: PositiveNumber
    executed_flop_per_update: PositiveNumber
    ceiling_gflops: ByName
    updates_per_second: ByName

    @model_validator(mode="after")
    def _has_what_the_ratios_need(self) -> "Step":
        if LOOP not in self.updates_per_second:
            raise ValueError(f"updates_per_second lacks {LOOP}")
        for name in self.updates_per_second:
            if precision_of(name) not in self.ceiling_gflops:
                raise ValueError(f"ceiling_gflops lacks {precision_of(name)}")
        return self

    def gflops(self, name: str) -> float:
        return self.updates_per_second[name] * self.floor_flop_per_update / 1e9

    def of_ceiling(self, name: str) -> float:
        return self.gflops(name) / self.ceiling_gflops[precision_of(name)]

    def to_loop(self, name: str) -> float:
        return self.updates_per_second[name] / self.updates_per_second[LOOP]

    def greatest_to_loop(self, precision: str) -> float:
        """What a program of equal products would reach if it did nothing but them."""
        return self.ceiling_gflops[precision] / self.gflops(LOOP)


class OneModel(Strict):
    """Table 1's model, by program: whole epochs of so many updates on the same images."""

    updates: Positive
    flop_per_update: ByName
    updates_per_second: ByName

    def to_pythae(self, name: str) -> float:
        return self.updates_per_second[name] / self.updates_per_second[PYTHAE]

    def work_to_pythae(self, name: str) -> float:
        """The ratio of the operations a second: Pythae does fewer in an update."""
        work = self.flop_per_update[name] / self.flop_per_update[PYTHAE]
        return work * self.to_pythae(name)


class StartToEnd(Strict):
    """Table 2's training, by program: seconds from the process's start to its last update."""

    epochs: Positive
    images: Positive
    seconds: ByName

    def to_loop(self, name: str) -> float:
        return self.seconds[LOOP] / self.seconds[name]


class Rivals(OfMachine):
    """Of ``bench.rivals``; without Pythae where it is not installed."""

    table1_model: OneModel
    start_to_end: StartToEnd

    @model_validator(mode="after")
    def _has_what_the_ratios_need(self) -> "Rivals":
        if LOOP not in self.start_to_end.seconds:
            raise ValueError(f"start_to_end lacks {LOOP}")
        model = self.table1_model
        if model.flop_per_update.keys() != model.updates_per_second.keys():
            raise ValueError("table1_model: flop_per_update and updates_per_second differ in names")
        return self


class Stacked(OfMachine):
    """Of ``bench.stacked``: updates of one seed a second of the processor, by program.

    Without JAX where it is not installed.
    """

    seeds: Positive
    updates: Positive
    load: float
    updates_per_second: ByName

    @model_validator(mode="after")
    def _has_what_the_ratios_need(self) -> "Stacked":
        if ALONE not in self.updates_per_second:
            raise ValueError(f"updates_per_second lacks {ALONE}")
        return self

    def to_ours(self, name: str) -> float:
        """Beside our engine with one seed after the other."""
        return self.updates_per_second[name] / self.updates_per_second[ALONE]


class Precision(OfMachine):
    """Of ``bench.precision``: the errors of the same seeds, by precision, in per cent."""

    epochs: Positive
    error_percent: dict[str, Annotated[list[float], Field(min_length=2)]]

    @model_validator(mode="after")
    def _has_pairs(self) -> "Precision":
        if "float32" not in self.error_percent:
            raise ValueError("error_percent lacks float32")
        if len({len(errors) for errors in self.error_percent.values()}) != 1:
            raise ValueError("error_percent: every precision needs the same seeds")
        return self

    def to_float32(self, precision: str) -> tuple[float, float]:
        """The mean difference over the seeds in points, and half its 95 % interval."""
        errors = self.error_percent
        difference, half = paired_difference(errors[precision], errors["float32"])
        assert half is not None  # every precision has two seeds or more
        return difference, half


class Quality(Strict):
    """Time to quality: the records (item -> variants), and the errors to fall to."""

    preset: str
    records: dict[str, list[str]]
    metric: str
    unit: str
    levels: list[PositiveNumber]

    @model_validator(mode="after")
    def _names_variants(self) -> "Quality":
        for item, variants in self.records.items():
            known(item, experiments().items, "item")
            for variant in variants:
                known(variant, experiments().items[item].variants, f"variant of {item}")
        return self


class Goals(Strict):
    """The whole of speed.yaml."""

    of_ceiling: PositiveNumber
    to_alternative: PositiveNumber
    quality: Quality


class Reached(Strict):
    """When the mean over the seeds first was as low as ``level``, at an evaluated epoch."""

    epoch: Natural
    seconds: float


def precision_of(name: str) -> str:
    """Of a program; what is not ours multiplies in float32."""
    precision = name.removeprefix("ours, ")
    return precision if precision in PRECISIONS else "float32"


@cache
def goals(path: Path = GOALS) -> Goals:
    return parse(Goals, read_yaml(path), path.name)


def measured(kind: str, model: type[Measured], folder: Path = MEASURED) -> dict[str, Measured]:
    """What ``bench.<kind>`` left, by machine; a UserError names a file that is damaged."""
    remedy = f"restore it from the repository, or run python -m bench.{kind} again"
    paths = sorted(folder.glob(f"{kind}_*.json"))
    return {path.stem.removeprefix(f"{kind}_"): read_json(path, model, remedy) for path in paths}


def reached(record: Record, metric: str, level: float) -> Reached | None:
    """When the mean of ``metric`` over the seeds first was ``level`` or less; None if never.

    The seconds are the mean over the seeds of their training's, evaluation included, in
    proportion to the epochs.
    """
    healthy = [seed for seed in record.seeds if seed.status == "ok"]
    if not healthy:
        return None
    for row in healthy[0].history:
        epoch = int(row["epoch"])
        values = record.values(metric, epoch)
        if len(values) == len(healthy) and sum(values) / len(values) <= level:
            whole = sum(seed.provenance.seconds for seed in healthy) / len(healthy)
            return Reached(epoch=epoch, seconds=whole * epoch / record.settings.epochs)
    return None
