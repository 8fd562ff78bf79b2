"""Figure 9: sixteen clusters of MNIST, found without labels (section 6).

The claim: each row is one cluster; the first image is its head (style code zero), the others are
random test images in it. Tilted and straight ones and sixes get clusters of their own. Drawn from
the first seed of Table 3's runs.
"""

from .cli import main
from .pages.drawing import Drawing
from .pages.image_grids import BLACK, side_by_side, squares
from .pages.style import new_figure, not_run

VARIANT = "clusters_16"


def draw_figure(drawing: Drawing) -> None:
    """Two columns of eight clusters; the head is set apart from the members."""
    figure = new_figure(7, 4.4)
    figure.suptitle(drawing.caption("16 clusters: heads, test members (Figure 9)"))
    axes = figure.subplots(1, 2)
    if drawing.record(VARIANT) is None:
        for own in axes:
            not_run(own)
        drawing.save(figure)
        return
    arrays = drawing.arrays(VARIANT)
    heads, members = squares(arrays["heads"]), squares(arrays["members"])
    sheet = side_by_side(heads[:, None], members, BLACK)
    for half, own in enumerate(axes):
        rows = slice(half * len(sheet) // 2, (half + 1) * len(sheet) // 2)
        own.imshow(sheet[rows], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        own.axis("off")
    drawing.save(figure)


if __name__ == "__main__":
    main(__file__)
