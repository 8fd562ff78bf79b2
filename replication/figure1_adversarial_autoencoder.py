"""Figure 1: the architecture of the adversarial autoencoder (section 2).

Drawn from one real update of the modules of Figure 2a: an autoencoder, and below it a second
network that tells samples of the prior p(z) from codes.
"""

from .cli import main
from .pages.diagrams.diagram import draw_diagram
from .pages.drawing import Drawing


def draw_figure(drawing: Drawing) -> None:
    draw_diagram(drawing, "aae_gaussian")


if __name__ == "__main__":
    main(__file__)
