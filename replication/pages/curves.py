"""Learning curves: where the lines of a chart go, which a template draws as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from replication.evidence.records import Record

from .names import name_of

# The first of these that was measured is drawn; where none was, the first loss.
ERRORS = (
    "test_error_percent",
    "validation_error_percent",
    "test_own_part_percent",
    "test_reconstruction_per_pixel",
    "negative_elbo",
)
MOST_POINTS = 200  # more points than pixels would only make the page heavy


@dataclass(frozen=True)
class Axis:
    """Places values between the pixels ``start`` and ``end``."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        scale = math.log if self.logarithmic else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self, least: float = 0.0) -> list[float]:
        """Round values, ``least`` or more apart."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)))
            digits = (1, 2, 5) if self.high / self.low < 1000 else (1,)
            values = [digit * 10.0**power for power in powers for digit in digits]
            return [v for v in values if self.low <= v <= self.high]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = max(least, next(d * power for d in (1, 2, 5, 10) if d * power >= rough))
        steps = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return [i * step for i in steps]


@dataclass(frozen=True)
class Line:
    """A seed's curve: its points in pixels, and what they stand for."""

    name: str
    points: list[tuple[str, str]]
    epochs: list[str]
    values: list[str]


@dataclass(frozen=True)
class Chart:
    """Lines of one metric along the epochs; ticks are (pixel, text)."""

    title: str
    metric: str
    across: Axis
    up: Axis
    lines: list[Line]
    across_ticks: list[tuple[str, str]]
    up_ticks: list[tuple[str, str]]


def chart_of(record: Record) -> Chart | None:
    """A line for each seed, of the metric that ``charted`` chooses; None without a history."""
    metric = charted(record)
    if metric is None:
        return None
    name = name_of(metric)
    curves = {
        seed_name(seed.seed, seed.label_seed): thinned(
            [
                (float(row["epoch"]), name.scale * float(row[metric]))
                for row in seed.history
                if metric in row
            ]
        )
        for seed in record.seeds
    }
    curves = {seed: curve for seed, curve in curves.items() if curve}
    left, right = reach([x for curve in curves.values() for x, _ in curve])
    low, high = reach([y for curve in curves.values() for _, y in curve])
    logarithmic = low > 0 and high / low > 20
    across, up = Axis(left, right, 60, 460), Axis(low, high, 225, 15, logarithmic)
    lines = [
        Line(
            seed,
            [(f"{across.at(x):.1f}", f"{up.at(y):.1f}") for x, y in curve],
            [f"{x:g}" for x, _ in curve],
            [f"{y:.5g}" for _, y in curve],
        )
        for seed, curve in curves.items()
    ]
    place = f"{record.item}/{record.variant} ({record.preset})"
    return Chart(
        f"{name.full} by epoch, {len(lines)} seeds of {place}",
        name.full + (" (logarithmic)" if logarithmic else ""),
        across,
        up,
        lines,
        [(f"{across.at(tick):.1f}", f"{tick:g}") for tick in across.ticks(least=1.0)],
        [(f"{up.at(tick):.1f}", f"{tick:g}") for tick in up.ticks()],
    )


def charted(record: Record) -> str | None:
    """The metric that tells most of the training, of those in the record's histories."""
    stored = dict.fromkeys(name for seed in record.seeds for row in seed.history for name in row)
    losses = [name for name in stored if name not in ("epoch", "updates")]
    return next((m for m in (*ERRORS, *losses) if m in stored), None)


def seed_name(seed: int, label_seed: int) -> str:
    """What tells a run of a record from the others."""
    return f"seed {seed}" + ("" if label_seed == seed else f", labels {label_seed}")


def thinned(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Evenly, and the last point always."""
    every = len(curve) // MOST_POINTS + 1
    return [*curve[:-1:every], curve[-1]] if curve else []


def reach(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest, never equal."""
    low, high = min(values), max(values)
    return (low, high) if low < high else (low - 0.5, high + 0.5)
