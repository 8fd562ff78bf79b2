"""Learning curves as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from replication.evidence.records import Record

from .html import Html, element

# The first of these that was measured is drawn.
CURVES = ("test_error_percent", "reconstruction", "negative_elbo")


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


def curves(record: Record) -> Html:
    """A chart of the first of CURVES that was measured, a line for each seed."""
    rows = [row for seed in record.seeds for row in seed.history]
    metric = next((m for m in CURVES if any(m in row for row in rows)), None)
    if metric is None:
        return element("p", "Nothing was measured along the way.")
    lines = {}
    for seed in record.seeds:
        own = [(float(row["epoch"]), float(row[metric])) for row in seed.history if metric in row]
        labels = "" if seed.label_seed == seed.seed else f", labels {seed.label_seed}"
        every = len(own) // 300 + 1  # more points than pixels would only make the page heavy
        if own:
            lines[f"seed {seed.seed}{labels}"] = [*own[:-1:every], own[-1]]
    left, right = reach([x for line in lines.values() for x, _ in line])
    low, high = reach([y for line in lines.values() for _, y in line])
    logarithmic = low > 0 and high / low > 20
    across, up = Axis(left, right, 60, 460), Axis(low, high, 225, 15, logarithmic)
    name = metric.replace("_", " ") + (" (logarithmic)" if logarithmic else "")
    own_lines = [polyline(n, label, lines[label], across, up) for n, label in enumerate(lines)]
    text = f"{name} by epoch, {len(lines)} seeds, {record.variant}"
    parts = [*grid(across, up, name), *own_lines]
    svg = element("svg", *parts, viewBox="0 0 570 265", role="img", aria_label=text)
    return element("div", svg, class_="scroll")


def reach(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest, never equal."""
    low, high = min(values), max(values)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def grid(across: Axis, up: Axis, name: str) -> list[Html]:
    """Both axes' ticks, their labels and names."""
    parts = []
    for tick in up.ticks():
        y = f"{up.at(tick):.1f}"
        parts.append(element("line", x1=across.start, x2=across.end, y1=y, y2=y, class_="grid"))
        parts.append(element("text", f"{tick:g}", x=across.start - 6, y=y, dy=4, text_anchor="end"))
    for tick in across.ticks(least=1.0):
        x = f"{across.at(tick):.1f}"
        parts.append(element("text", f"{tick:g}", x=x, y=up.start + 16, text_anchor="middle"))
    middle = (across.start + across.end) / 2
    turned = f"rotate(-90) translate({-(up.start + up.end) / 2} 14)"
    return [
        *parts,
        element("text", "epoch", x=middle, y=up.start + 34, text_anchor="middle"),
        element("text", name, transform=turned, text_anchor="middle"),
    ]


def polyline(n: int, label: str, line: list[tuple[float, float]], across: Axis, up: Axis) -> Html:
    """A seed's line, a dot where it ends, and its name in the margin."""
    places = [f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in line]
    x, y = places[-1].split(",")
    return element(
        "g",
        element("polyline", points=" ".join(places)),
        element("circle", cx=x, cy=y, r=2.5),
        element("text", label, x=across.end + 14, y=up.end + 10 + 16 * n, class_="seed"),
        class_=f"seed-{n % 10}",
    )
