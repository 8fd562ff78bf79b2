"""Figure 10: the architecture for dimensionality reduction (section 7).

Drawn from one real update of the modules of Figure 11: the decoder sees only the sum of the style z
and of the class's cluster head, a row of the learned matrix W_C, whose rows keep their distance.
"""

from .cli import main
from .pages.diagrams.diagram import draw_diagram
from .pages.drawing import Drawing


def draw_figure(drawing: Drawing) -> None:
    draw_diagram(drawing, "labels_100")


if __name__ == "__main__":
    main(__file__)
