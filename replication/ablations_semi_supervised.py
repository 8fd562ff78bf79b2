"""Ablations: what public replications of the semi-supervised experiments do otherwise.

None of this is in the paper. The question: public replications report 4 to 5.5 % error with 100
labels, one of them 23.5 %, where the paper has 1.90 %; which of the things that they do otherwise
would explain it? Every row is the literal recipe of Table 2 with one thing changed, with the same
seeds and label draws, after as many epochs. Only where an epoch is a pass over the labelled images
there are more epochs and still fewer updates (at quick 500 instead of 4,800), and ``longer`` is the
literal recipe with twenty times the updates: does the seed that errs most in Table 2 catch up?

- ``he``: weights start with standard deviation sqrt(2 / inputs) instead of 0.01, as in
  conan7882's code;
- ``mean_error``: the squared error is averaged over pixels, ``labelled_epochs``: an epoch is a pass
  over the labelled images alone; TU Delft's code has both, as ``mean_and_labelled`` does, and
  fducau's the second;
- ``no_noise``: none on the encoder's input; ``discriminator_noise``: on the discriminators' inputs
  instead, as in musyoku's code;
- ``fresh_codes``: the generator's step encodes again, with new noise, as in fducau's code (whose
  noise is dropout);
- ``saturating``: the paper's minimax formula taken literally, which no public replication does;
- ``joint``: one optimiser descends the sum of the losses of encoder and decoder, as PyTorch-GAN's
  does (which has no labels and reports no error); here all weigh 1.

What each reported is in published.yaml with its source. They differ in more than these,
Adam above all, and some have other numbers of labels: their numbers stand beside ours for
orientation and are not compared.

``same_labels`` and ``same_start`` are the literal recipe with one label draw for all, or with one
initialisation (and order of batches, and noise) for all: which of them makes seeds differ?
"""

from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .evidence.published import published
from .evidence.statistics import deviation_factors
from .pages.ablations import (
    difference,
    learning_curves,
    legend_of,
    name_of,
    summary,
    values_of,
    warned,
)
from .pages.drawing import Drawing
from .pages.style import LITERAL as BLUE
from .pages.style import OURS, REFERENCE
from .pages.tables import Cell, Row, Table

if TYPE_CHECKING:
    from .training.run import Outcome, Run

ITEM = "ablations_semi_supervised"
METRIC = "test_error_percent"
LITERAL = "literal"
LONGER = "longer"
# By variant: what its runs differ in.
SPREADS = {
    LITERAL: "over both",
    "same_labels": "over initialisations with one label draw",
    "same_start": "over label draws with one initialisation",
}
COLUMNS = ("what is changed", "error, %", "difference (95 %)", "updates", "others reported, %")


def train(run: "Run") -> "Outcome":
    """Train the network of Figure 8, with the settings' differences."""
    from .measures.semi_supervised import train_and_test

    return train_and_test(run)


def draw_table(drawing: Drawing) -> None:
    """A row for each variant: our error, its difference to the literal recipe's, and others'."""
    rows: list[Row] = []
    for variant in drawing.description.variants:
        ours = [summary(drawing, variant, METRIC), gap(drawing, variant)]
        others: Row = [updates(drawing, variant), reported(variant)]
        rows.append([name_of(drawing, variant), *ours, *others])
    text = "Error on test images with 100 labels, one change of the paper's recipe at a time"
    notes = [
        "Ours: mean ± standard deviation over seeds. The difference is that to the first row over "
        "the same seeds and label draws, with half its 95 % interval (paired t); the intervals are "
        "not corrected for multiple comparisons.",
        "Others: their own reports, not the paper's; they differ in more (see the "
        "script), and 100 labels where nothing else is said.",
        *(f"Beside them: {r.text} {r} %." for r in published().items[ITEM].remarks),
        *spread(drawing),
        *warned(drawing),
    ]
    Table(drawing.caption(text), COLUMNS, rows, notes).write(drawing.stem)


def gap(drawing: Drawing, variant: str) -> Cell:
    """The difference to the literal recipe; of that itself, longer or repeated, none."""
    literal = variant in SPREADS or variant == LONGER
    return Cell() if literal else difference(drawing, variant, LITERAL, METRIC)


def updates(drawing: Drawing, variant: str) -> Cell:
    """How many updates were made: the schedules count epochs."""
    record = drawing.record(variant)
    if record is None:
        return Cell()
    return Cell(mean=max(s.provenance.updates for s in record.seeds), digits=0)


def reported(variant: str) -> str:
    """What public replications with this difference report."""
    others = published().items[ITEM].others
    found = [f"{o.values[variant]} ({o.method})" for o in others if variant in o.values]
    return "; ".join(found)


def spread(drawing: Drawing) -> list[str]:
    """How much the literal recipe's runs vary, and with what."""
    values = {v: values_of(drawing, v, METRIC) for v in SPREADS}
    parts = [
        f"{np.std(own, ddof=1):.2f} {SPREADS[v]} (n={len(own)})"
        for v, own in values.items()
        if len(own) > 1
    ]
    if not parts:
        return []
    least = min(len(own) for own in values.values() if len(own) > 1)
    low, high = deviation_factors(least)
    return [
        f"Standard deviation of the literal recipe's error: {', '.join(parts)}. With {least} seeds "
        f"its 95 % interval reaches from {low:.2f} to {high:.1f} times as much: which source of "
        "chance is the larger cannot be told. Each is seen beside one value of the other."
    ]


def draw_figure(drawing: Drawing) -> None:
    """The learning curves of each variant, before the literal recipe's."""
    figure, _ = learning_curves(drawing, METRIC, LITERAL, {*SPREADS, LONGER})
    figure.supylabel("error on test images, %")
    lines = {"literal recipe": BLUE, "one change": OURS, "literal recipe, to compare": REFERENCE}
    legend_of(figure, drawing, lines)
    drawing.save(figure)


if __name__ == "__main__":
    main(__file__)
