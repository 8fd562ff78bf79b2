"""Clusters as pictures (Figure 9), and as crosses in a plane (Figure 11)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from replication.settings.experiments import experiments

from .drawing import Drawing
from .image_grids import BLACK, gap_of, side_by_side, squares
from .other_variants import tell_others
from .style import SMALL, new_figure, not_run, scatter_by_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HARDLY = 0.002  # the share of codes that a used head has about it
# How the cluster heads are marked.
HEADS: dict[str, dict[str, Any]] = {
    "cluster head": {"marker": "P", "ms": 8, "color": "black", "mec": "white", "ls": ""},
    "head with hardly a code": {"marker": "x", "ms": 6, "color": "0.55", "ls": ""},
}


def draw_clusters_of(drawing: Drawing, variant: str, *, alone: bool = False) -> None:
    """The clusters of ``variant``, or that there are none to draw.

    ``alone``: no table beside the figure says which other variants were run.
    """
    record = drawing.record(variant)
    if record is not None and record.healthy:
        arrays = drawing.arrays(variant)
        figure = draw_clusters(arrays["heads"], arrays["members"])
        place = experiments().items[drawing.source].variants[variant].place
        text = f"{place}; seed {record.healthy[0].seed}, the first of {len(record.healthy)}"
        figure.axes[0].set_xlabel(text, fontsize=SMALL, loc="left")
    else:
        figure = new_figure(7, 3.4)
        for axes in figure.subplots(1, 2):
            not_run(axes, record)
    if alone:
        tell_others(figure, drawing, [variant])
    drawing.save(figure)


def draw_clusters(heads: np.ndarray, members: np.ndarray) -> "Figure":
    """Two columns of clusters, like ones together: a head [K, pixels], members [K, M, pixels]."""
    figure = new_figure(7, 3.4)
    order = alike(heads)
    every = squares(heads)[order], squares(members)[order]
    halves = np.array_split(np.arange(len(order)), 2)
    for axes, half in zip(figure.subplots(1, 2), halves, strict=True):
        draw_rows(axes, *(images[half] for images in every))
    return figure


def alike(heads: np.ndarray) -> np.ndarray:
    """The order of ``heads`` [K, pixels] in which neighbours are alike: no label is used."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    return leaves_list(linkage(heads / 255, "average", optimal_ordering=True))


def draw_rows(axes: "Axes", heads: np.ndarray, members: np.ndarray) -> None:
    """A row for each cluster: its head [K, 1, H, W], a gap, members [K, M, 1, H, W]."""
    sheet = side_by_side(heads[:, None], members, BLACK)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    tile = heads.shape[-1] + 1
    middle = tile + gap_of(heads) + members.shape[1] * tile / 2
    axes.set_xticks([tile / 2, middle], ["head", "random test images"], fontsize=SMALL)
    axes.set_yticks([])
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


def draw_plane(axes: "Axes", arrays: dict[str, np.ndarray], text: str, projected: bool) -> None:
    """``codes`` [N, 2] of ``labels`` coloured by digit, the ``heads`` [m, 2], ``text`` below."""
    codes, heads = arrays["codes"].astype(float), arrays["heads"].astype(float)
    scatter_by_class(axes, codes, arrays["labels"], heads)
    nearest = np.square(codes[:, None] - heads).sum(-1).argmin(1)
    used = np.bincount(nearest, minlength=len(heads)) > HARDLY * len(codes)
    for style, own in zip(HEADS.values(), (heads[used], heads[~used]), strict=True):
        axes.plot(*own.T, **style)
    if projected:
        axes.set_xlabel(f"{text}\nboth axes are projections, each with its scale")
        return
    axes.set_xlabel(text)
    axes.set(aspect="equal", adjustable="datalim")


def framed(axes: "Axes") -> None:
    """A panel whose axes have no unit."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color="0.7")


def legend_of_heads(figure: "Figure") -> None:
    """What the crosses are."""
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], **style, label=text) for text, style in HEADS.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=2)
