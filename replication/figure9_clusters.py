"""Figure 9: sixteen clusters of MNIST, found without labels (section 6).

The claim: each row is one cluster; the first image is its head (style code zero), the others are
random test images in it. Tilted and straight ones and sixes get clusters of their own. Drawn from
the first seed of Table 3's runs; clusters with like heads stand together.
"""

from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .pages.drawing import Drawing
from .pages.image_grids import BLACK, gap_of, side_by_side, squares
from .pages.style import SMALL, new_figure, not_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VARIANT = "clusters_16"


def draw_figure(drawing: Drawing) -> None:
    """Two columns of eight clusters; the head is set apart from the members."""
    figure = new_figure(7, 2.9)
    halves = figure.subplots(1, 2)
    record = drawing.record(VARIANT)
    if record is None or not any(seed.status == "ok" for seed in record.seeds):
        for axes in halves:
            not_run(axes, "diverged" if record else "not run")
        drawing.save(figure)
        return
    arrays = drawing.arrays(VARIANT)
    order = alike(arrays["heads"])
    heads, members = squares(arrays["heads"])[order], squares(arrays["members"])[order]
    for axes, half in zip(halves, np.array_split(np.arange(len(order)), 2), strict=True):
        draw_clusters(axes, heads[half], members[half])
    drawing.save(figure)


def alike(heads: np.ndarray) -> np.ndarray:
    """The order of ``heads`` [K, pixels] in which neighbours are alike: no label is used."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    return leaves_list(linkage(heads / 255, "average", optimal_ordering=True))


def draw_clusters(axes: "Axes", heads: np.ndarray, members: np.ndarray) -> None:
    """A row for each cluster: its head [K, 1, H, W], a gap, members [K, M, 1, H, W]."""
    sheet = side_by_side(heads[:, None], members, BLACK)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    tile = heads.shape[-1] + 1
    middle = tile + gap_of(heads) + members.shape[1] * tile / 2
    axes.set_xticks([tile / 2, middle], ["head", "random test images"], fontsize=SMALL)
    axes.set_yticks([])
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    main(__file__)
