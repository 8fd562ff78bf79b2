"""Ablations of our recipe for 100 labels: which part does the work? Not in the paper.

Each row leaves out one part of ``ours_semi_supervised``, or two, or keeps the smoothness alone in
Table 2's recipe; the same seeds and label draws, 20 epochs of 50,000 images. Without both
adversaries it is no adversarial autoencoder any more; without the reconstruction as well, a
classifier with virtual adversarial training and a balance term.

The last rows ask the same of Table 2's recipe at this width and length, in the paper's order of
phases: without D(y), without D(z), without either, without the reconstruction.

Test errors are shown and chose nothing; the held-out images stand beside them.
"""

from typing import TYPE_CHECKING

from .cli import main
from .pages.ablations import difference, learning_curves, legend_of, name_of, summary, warned
from .pages.drawing import Drawing
from .pages.minutes import NOTE, core_minutes
from .pages.style import LITERAL, OURS, REFERENCE
from .pages.tables import Cell, Row, Table

if TYPE_CHECKING:
    from .training.run import Outcome, Run

WHOLE = "whole"
# Rows of Table 2's recipe are compared with it, not with ours.
CHANGES = "smoothness no_label_adversary no_style_adversary no_adversaries no_reconstruction"
LITERAL_ROWS = {f"literal_{change}": "literal" for change in CHANGES.split()}
HELD_OUT, TEST = "validation_error_percent", "test_error_percent"


def train(run: "Run") -> "Outcome":
    """Train, with what the settings leave."""
    from .measures.semi_supervised import train_and_test

    return train_and_test(run)


def draw_table(drawing: Drawing) -> None:
    """A row for each variant: both errors, and the difference to the recipe that it is of."""
    rows: list[Row] = []
    for variant, described in drawing.description.variants.items():
        if drawing.preset not in described.presets:
            continue
        record = drawing.record(variant)
        beside = LITERAL_ROWS.get(variant, WHOLE)
        gap = Cell() if variant == WHOLE else difference(drawing, variant, beside, TEST)
        errors = [summary(drawing, variant, metric) for metric in (HELD_OUT, TEST)]
        minutes = core_minutes(record) if record else Cell()
        rows.append([name_of(drawing, variant), *errors, gap, minutes])
    columns = ["what is left out", "held-out error, %", "test error, %", "difference (95 %)"]
    notes = [
        "Mean ± standard deviation over seeds, each with its own label draw. The difference is the "
        "test error's over the same seeds, with half its 95 % interval (paired t): to the first "
        "row, and of the rows after Table 2's recipe to that. The intervals are not corrected for "
        "multiple comparisons.",
        "Nothing left out: it errs more than the recipe itself, which is trained for more epochs, "
        "and on the held-out images, too.",
        NOTE,
        *warned(drawing),
    ]
    caption = drawing.caption("What each part of our recipe brings, MNIST with 100 labels")
    Table(caption, [*columns, "core-minutes"], rows, notes).write(drawing.stem)


def draw_figure(drawing: Drawing) -> None:
    """The learning curves of each variant, before those of the recipe that it is of."""
    figure, _ = learning_curves(drawing, TEST, WHOLE, beside=LITERAL_ROWS)
    figure.supylabel("error on test images, %")
    compared = "what it is compared with: the whole recipe, or Table 2's"
    lines = {"whole recipe": LITERAL, "one part less": OURS, compared: REFERENCE}
    legend_of(figure, drawing, lines)
    drawing.save(figure)


if __name__ == "__main__":
    main(__file__)
