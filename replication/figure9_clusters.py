"""Figure 9: sixteen clusters of MNIST, found without labels (section 6).

The claim: each row is one cluster; the first image is its head (style code zero), the others are
random test images in it. Tilted and straight ones and sixes get clusters of their own. Drawn from
the first seed of Table 3's runs; clusters with like heads stand together.
"""

from .cli import main
from .pages.clusters import draw_clusters_of
from .pages.drawing import Drawing

VARIANT = "clusters_16"


def draw_figure(drawing: Drawing) -> None:
    """Two columns of eight clusters; the head is set apart from the members."""
    draw_clusters_of(drawing, VARIANT, alone=True)


if __name__ == "__main__":
    main(__file__)
