"""Figure 11's panels, of the paper's recipe and of ours: representations around cluster heads."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from replication.evidence.published import published
from replication.settings.schema import Settings

from .clusters import draw_plane, framed, legend_of_heads
from .drawing import Drawing
from .other_variants import further_panels, tell_others
from .style import new_figure, not_run
from .tables import cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER = "figure11_dimensionality_reduction"
# Of codes [N, 2], heads [m, 2] and labels [N]: per cent of the codes that the heads tell apart.
Told = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def draw_planes(drawing: Drawing, panels: Mapping[str, str], told_by_heads: Told) -> None:
    """``panels`` are titles by variant; then every other variant that was run."""
    every = dict(panels) | further_panels(drawing, panels, ["codes", "labels", "heads"], "e")
    rows = math.ceil(len(every) / 2)
    figure = new_figure(8, 4.2 * rows)
    grid = figure.subplots(rows, 2).flat
    for axes in grid[len(every) :]:
        axes.axis("off")
    for axes, (variant, title) in zip(grid, every.items(), strict=False):
        draw_panel(axes, drawing, variant, title, told_by_heads)
    tell_others(figure, drawing, every)
    legend_of_heads(figure)
    drawing.save(figure)


def draw_panel(
    axes: "Axes", drawing: Drawing, variant: str, title: str, told_by_heads: Told
) -> None:
    """Representations of the first seed coloured by digit, the heads as crosses; both errors."""
    target = published().items[PAPER].targets.get(variant)
    record = drawing.record(variant)
    error = cell(record, "test_error_percent", counted=True)
    paper = ""
    if target is not None and drawing.preset != "smoke":
        paper = f"; the paper {target} ({target.source})"
    axes.set_title(f"{title}\nerror, %: ours {error}{paper}")
    framed(axes)
    if record is None or error.mean is None:
        not_run(axes, text=str(error))
        return
    arrays = drawing.arrays(variant)
    told = told_by_heads(arrays["codes"], arrays["heads"], arrays["labels"])
    text = f"drawn codes whose nearest head is of their class: {told:.1f} %"
    draw_plane(axes, arrays, text, projected=dimensions(record.settings) > 2)


def dimensions(settings: Settings) -> int:
    """Of the representation."""
    return (settings.second_stage or settings).style_dim
