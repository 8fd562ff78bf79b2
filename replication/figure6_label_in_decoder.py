"""Figure 6: the architecture of the supervised adversarial autoencoder (section 4).

Drawn from one real update of the modules of Figure 7: the decoder is given the one-hot label, so
that the code z learns the style.
"""

from .cli import main
from .pages.diagrams.diagram import draw_diagram
from .pages.drawing import Drawing


def draw_figure(drawing: Drawing) -> None:
    draw_diagram(drawing, "mnist")


if __name__ == "__main__":
    main(__file__)
