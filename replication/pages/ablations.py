"""Variants of one recipe beside each other: errors, differences and learning curves."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from replication.evidence.statistics import paired_difference

from .drawing import Drawing, enumerated
from .names import name_of as metric_name
from .style import LITERAL, OURS, REFERENCE, new_figure
from .tables import Cell, cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from replication.evidence.records import Record

PANELS = 4  # in a row
TITLE, LINE = 34, 150  # letters in a line of a panel's title, and of the figure
UNIT = "% (points)"


def name_of(drawing: Drawing, variant: str) -> str:
    """What the variant changes, as experiments.yaml has it."""
    return drawing.description.variants[variant].place.removeprefix("Ablation: ")


def values_of(drawing: Drawing, variant: str, metric: str) -> list[float]:
    """Those of the seeds that did not diverge."""
    record = drawing.record(variant)
    return record.values(metric) if record else []


def summary(drawing: Drawing, variant: str, metric: str) -> Cell:
    """Mean over seeds: never blank, and with the seeds that diverged."""
    record = drawing.record(variant)
    found = cell(record, metric, counted=True)
    if record is None:
        return found
    seeds = len(record.seeds)
    lost = seeds - len(record.values(metric))
    return replace(found, note=f"{lost} of {seeds} diverged" if lost else "")


def difference(drawing: Drawing, variant: str, literal: str, metric: str) -> Cell:
    """The mean difference to the ``literal`` recipe over the seeds that ended well in both.

    With its 95 % interval; empty without such seeds.
    """
    own, other = (by_run(drawing, v, metric) for v in (variant, literal))
    shared = [run for run in own if run in other]
    if not shared:
        return Cell()
    gap, half = paired_difference([own[r] for r in shared], [other[r] for r in shared])
    return Cell(mean=gap, half=half, n=len(shared), metric=metric, unit=UNIT, signed=True)


def by_run(drawing: Drawing, variant: str, metric: str) -> dict[tuple[int, int], float]:
    """``metric`` by seed and label seed, of those that did not diverge."""
    record = drawing.record(variant)
    healthy = [s for s in record.seeds if s.status == "ok"] if record else []
    runs = [(s.seed, s.label_seed) for s in healthy]
    return dict(zip(runs, values_of(drawing, variant, metric), strict=True))


def warned(drawing: Drawing) -> list[str]:
    """A note for each warning that a seed or more carries, with the variants."""
    failed: dict[str, list[str]] = {}
    for variant in drawing.description.variants:
        record = drawing.record(variant)
        found = {w for seed in record.seeds for w in seed.warnings} if record else set()
        for warning in sorted(found):
            failed.setdefault(warning, []).append(f"“{name_of(drawing, variant)}”")
    return [f"In a seed or more {w}: {enumerated(names)}." for w, names in failed.items()]


def learning_curves(
    drawing: Drawing,
    metric: str,
    literal: str,
    again: Collection[str] = (),
    beside: Mapping[str, str] | None = None,
) -> "tuple[Figure, dict[str, Axes]]":
    """A panel for each variant of the preset that was run and there is room for.

    Those that were not run are named by ``legend_of``.
    The ``literal`` recipe's curve is grey behind them, or that of the variant which stands
    ``beside`` a name. Its own, and those of its repetitions ``again``, are blue. The panels by
    variant, to draw more into.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    variants = drawing.first([v for v in meant(drawing) if drawing.record(v)])
    rows = max(1, -(-len(variants) // PANELS))
    figure = new_figure(11, 2.4 * rows + 0.8)
    every = list(figure.subplots(rows, PANELS, sharex=True, sharey=True, squeeze=False).flat)
    panels = dict(zip(variants, every, strict=False))
    for variant, axes in panels.items():
        axes.set(xscale="log", yscale="log")
        reference = drawing.record((beside or {}).get(variant, literal))
        if reference is not None and variant != literal:
            draw_curve(axes, reference, metric, REFERENCE)
        record, told = drawing.record(variant), summary(drawing, variant, metric)
        axes.set_title(f"{fill(name_of(drawing, variant), TITLE)}\n{told}")
        if told.mean is None:  # every seed diverged
            axes.text(0.05, 0.08, str(told), transform=axes.transAxes, fontweight="bold")
        elif record is not None:
            own = LITERAL if variant == literal or variant in again else OURS
            draw_curve(axes, record, metric, own)
    first, last = every[0].get_xlim()
    labelled = (1, 3) if last < 3000 * first else (1,)  # more of them would overlap
    for place, axes in enumerate(every):
        for axis, leading in ((axes.xaxis, labelled), (axes.yaxis, (1, 2, 5))):
            axis.set_major_locator(LogLocator(subs=leading))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        if place + PANELS >= len(variants):  # the lowest of its column
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("updates")
        if place >= len(variants):
            axes.axis("off")
    if not variants:
        figure.text(0.5, 0.6, "not run", ha="center")
    return figure, panels


def meant(drawing: Drawing) -> list[str]:
    """The variants of the preset."""
    return [v for v, own in drawing.description.variants.items() if drawing.preset in own.presets]


def missing(drawing: Drawing) -> str:
    """Which variants of the preset were not run; empty where all were."""
    every = meant(drawing)
    names = [f"“{name_of(drawing, v)}”" for v in every if drawing.record(v) is None]
    if not names:
        return ""
    return fill(f"not run: {'all' if len(names) == len(every) else enumerated(names)}", LINE) + "\n"


def draw_curve(axes: "Axes", record: "Record", metric: str, colour: str) -> None:
    """Mean and range of ``metric`` along the updates, over the seeds that did not diverge."""
    steps, values = learning_curve(record, metric)
    if len(steps):
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.25, lw=0)
        axes.plot(steps, values.mean(0), ".-", color=colour, lw=1.2, ms=3)


def learning_curve(record: "Record", metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The updates [N] at which ``metric`` was measured, and it [S, N], of S healthy seeds."""
    rows, values = record.curve(metric)
    return np.array([row["updates"] for row in rows]), values


def legend_of(
    figure: "Figure",
    drawing: Drawing,
    lines: Mapping[str, str],
    metrics: Mapping[str, str] | None = None,
) -> None:
    """Below the panels: what was not run, and what the colours mean.

    Those of ``lines``, and the dashed ones of ``metrics``.
    """
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=c, lw=2, label=name) for name, c in lines.items()]
    dashed = (metrics or {}).items()
    handles += [Line2D([], [], color=c, ls="--", label=metric_name(m).text) for m, c in dashed]
    text = f"{missing(drawing)}mean (line) and range (band) over seeds:"
    figure.legend(handles=handles, title=text, loc="outside lower center", ncols=len(handles))
