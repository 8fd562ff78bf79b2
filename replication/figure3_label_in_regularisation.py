"""Figure 3: the architecture with label information in the regularisation (section 2.3).

Drawn from one real update of the modules of Figure 4: the discriminator sees a one-hot label beside
the code, with one more class for images without a label.
"""

from .cli import main
from .pages.diagrams.diagram import draw_diagram
from .pages.drawing import Drawing


def draw_figure(drawing: Drawing) -> None:
    draw_diagram(drawing, "mixture")


if __name__ == "__main__":
    main(__file__)
