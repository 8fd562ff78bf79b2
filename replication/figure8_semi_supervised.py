"""Figure 8: the architecture of the semi-supervised adversarial autoencoder (section 5).

Drawn from one real update of the modules of Table 2: the encoder infers the class y and the style
z; one adversarial network imposes a categorical prior on y, another a Gaussian on z.
"""

from .cli import main
from .pages.diagrams.diagram import draw_diagram
from .pages.drawing import Drawing


def draw_figure(drawing: Drawing) -> None:
    draw_diagram(drawing, "mnist_100")


if __name__ == "__main__":
    main(__file__)
