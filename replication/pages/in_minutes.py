"""What a reader gets in a few minutes: recipes of ours, measured, beside the paper's numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from replication.base.places import OWN
from replication.evidence.published import published
from replication.evidence.records import Record

from .drawing import Drawing
from .minutes import minutes_of, timed_by_the_clock
from .tables import number

PRESET = "quick"
METRIC = "test_error_percent"


@dataclass(frozen=True)
class Quick:
    """A recipe of ours that takes minutes, the published number beside it, and what it is."""

    item: str
    variant: str
    beside: str
    what: str


RECIPES = (
    Quick(
        "ours_clustering",
        "clusters_16",
        "table3_clustering",
        "MNIST in 16 clusters, with random warps of images; labels only name the clusters",
    ),
    Quick(
        "ours_semi_supervised",
        "mnist_100",
        "table2_semi_supervised",
        "MNIST classified from 100 labels",
    ),
)


def minutes_section(results: Path) -> str:
    """A heading with the longest of the measured times, and a row for each recipe that ran."""
    found = [(own, record) for own in RECIPES if (record := record_of(own, results))]
    if not found:
        return "## What you get in minutes\n\nRecipes of ours (docs/ours.md) have not been run.\n"
    longest = math.ceil(max(middle(record) for _, record in found))
    lines = [
        f"## What you get in {longest} minute{'s' if longest > 1 else ''}",
        "",
        "Recipes of ours, not the paper's, one seed on one core. "
        "[docs/ours.md](docs/ours.md) says how far to trust them.",
        "",
        "| what | test error, % (mean ± s.d.; range) | the paper's "
        "| minutes a seed (median; range) | machine |",
        "|---|---|---|---|---|",
        *(row(own, record) for own, record in found),
        "",
        "```sh",
        ". .venv/bin/activate",
        *(command(own) for own, _ in found),
        "```",
        "",
        f"This trains the first seed of each again, into `{OWN}/`; on the machine of the records "
        "it gave the same numbers.",
    ]
    return "\n".join(lines) + "\n"


def record_of(own: Quick, results: Path) -> Record | None:
    record = Drawing(PRESET, own.item, results).record(own.variant)
    return record if record is not None and record.values(METRIC) else None


def times(record: Record) -> list[float]:
    return [minutes_of(seed) for seed in record.seeds if seed.status == "ok"]


def middle(record: Record) -> float:
    return median(times(record))


def row(own: Quick, record: Record) -> str:
    values, minutes = record.values(METRIC), times(record)
    target = published().items[own.beside].targets[own.variant]
    machines = dict.fromkeys(
        f"{made.place}, {threads(made.threads)}, {made.precision}"
        for made in (seed.provenance for seed in record.seeds)
    )
    error = f"{replace(number(values), counted=True)}; {spread(values, 2)}"
    time = f"{median(minutes):.1f} ({spread(minutes, 1)})"
    time += ", by the clock, beside other work" if timed_by_the_clock(record) else ""
    return f"| {own.what} | {error} | {target} | {time} | {'; '.join(machines)} |"


def threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def spread(values: Sequence[float], digits: int) -> str:
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def command(own: Quick) -> str:
    """Into a folder of its own: beside the stored record nothing would be left to train."""
    return f"aae train {own.item}/{own.variant} --preset {PRESET} --seeds 1 --results {OWN}"
