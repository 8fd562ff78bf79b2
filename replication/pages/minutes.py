"""How long training took: core-minutes, in tables and along learning curves."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .tables import Cell, number

NOTE = (
    "Core-minutes: of training and its evaluations, a seed, on the machine of the record; by the "
    "clock, where the processor's time was not recorded: other work of the machine is in it."
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from replication.evidence.records import Record
    from replication.evidence.seeds import SeedResult


def minutes_of(seed: "SeedResult") -> float:
    """Core-minutes of one seed: a stack's time is shared among its seeds.

    Where the processor's time was not recorded, the clock's, which other work makes longer.
    """
    own = seed.provenance
    seconds = own.seconds * own.threads if own.core_seconds is None else own.core_seconds
    return seconds / own.stacked / 60


def timed_by_the_clock(record: "Record") -> bool:
    """Some of its seeds have no processor's time."""
    return any(seed.provenance.core_seconds is None for seed in record.seeds)


def way(record: "Record") -> str:
    """What two records must share for their minutes to be compared: precision, and which time."""
    precisions = dict.fromkeys(seed.provenance.precision for seed in record.seeds)
    return " and ".join(precisions) + (", by the clock" if timed_by_the_clock(record) else "")


def core_minutes(record: "Record") -> Cell:
    """Over the seeds, with one decimal; it says where the clock stands in for the processor."""
    found = number([minutes_of(seed) for seed in record.seeds], 1)
    note = "by the clock" if timed_by_the_clock(record) else ""
    return replace(found, unit="core-minutes", note=note)


def along_minutes(record: "Record", metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Core-minutes [N] at which ``metric`` was measured, and it [S, N], of the healthy seeds.

    The clock is read at the end alone: each update counts the same.
    """
    rows, values = record.curve(metric)
    if not rows:
        return np.empty(0), np.empty((0, 0))
    whole = float(np.mean([minutes_of(seed) for seed in record.healthy]))
    return whole * np.array([row["updates"] / rows[-1]["updates"] for row in rows]), values


def draw_minutes(
    axes: "Axes", record: "Record | None", metric: str, name: str, colour: str, line: str = "-"
) -> None:
    """Mean of ``metric`` over the seeds along core-minutes, and their range; nothing without."""
    if record is None:
        return
    minutes, values = along_minutes(record, metric)
    if not len(minutes):
        return
    final = replace(number([float(v) for v in values[:, -1]]), counted=True)
    label = f"{name}: {final}; {way(record)}"
    axes.plot(minutes, values.mean(0), line, color=colour, lw=1.2, label=label)
    axes.fill_between(minutes, values.min(0), values.max(0), color=colour, alpha=0.2, lw=0)
