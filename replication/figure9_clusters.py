"""Figure 9: sixteen clusters of MNIST, found without labels (section 6).

The claim: each row is one cluster; the first image is its head (style code zero), the others are
random test images in it. Tilted and straight ones and sixes get clusters of their own. Drawn from
the first seed of Table 3's runs; clusters with like heads stand together.
"""

from .cli import main
from .pages.clusters import draw_clusters
from .pages.drawing import Drawing
from .pages.style import new_figure, not_run

VARIANT = "clusters_16"


def draw_figure(drawing: Drawing) -> None:
    """Two columns of eight clusters; the head is set apart from the members."""
    record = drawing.record(VARIANT)
    if record is not None and any(seed.status == "ok" for seed in record.seeds):
        arrays = drawing.arrays(VARIANT)
        drawing.save(draw_clusters(arrays["heads"], arrays["members"]))
        return
    figure = new_figure(7, 2.9)
    for axes in figure.subplots(1, 2):
        not_run(axes, "diverged" if record else "not run")
    drawing.save(figure)


if __name__ == "__main__":
    main(__file__)
