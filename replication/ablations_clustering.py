"""Ablations of the clustering of Table 3: what lets 16 clusters find the digits? Not in the paper.

The question: does the softmax of q(y|x) saturate in the first epochs, and freeze the clusters far
from the published 9.55 %, and what prevents it? Each row changes one thing, with the same seeds,
after the same short schedule (but for ``longer`` and ``wide``); at quick on networks of 300 units
a layer, the paper's have 3000:

- ``longer``: is it the time that is short? ``wide``: or the network that is narrow?
- ``scale_1``, ``scale_2``, ``scale_3``: the batch-norm before the softmax has no learned gain and
  shift; the logits keep that standard deviation, which is an inverse temperature;
- ``style_2``, ``style_10``: what the style can tell of an image, the clusters need not;
- ``reconstruction``, ``adversaries``: the balance of the two costs;
- ``saturating``: the minimax as the paper prints it, whose pull on the encoder is weak where the
  discriminators win;
- ``no_dropout``, ``noise``: what corrupts the encoder's input, or the noise of the semi-supervised
  experiments instead.

Beside the errors: the entropy of q(y|x), in nats, and that of its mean over images, along training;
and the error of the seed that a user without a single label would keep, the one with the least
reconstruction error in training.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .pages.ablations import (
    PANELS,
    difference,
    learning_curve,
    learning_curves,
    legend_of,
    name_of,
    summary,
    warned,
)
from .pages.drawing import Drawing
from .pages.style import LINES, OURS, REFERENCE
from .pages.style import LITERAL as BLUE
from .pages.tables import Cell, Row, Table, cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .evidence.records import Record
    from .training.run import Outcome, Run

LITERAL = "literal"
METRIC = "test_error_percent"
# Beside the paper's naming of clusters.
MEASURES = {
    "majority_error_percent": "majority, %",
    "hungarian_error_percent": "Hungarian, %",
    "normalised_mutual_information": "NMI",
    "adjusted_rand_index": "ARI",
    "label_entropy": "entropy of q(y|x)",
    "mean_label_entropy": "of its mean",
}
ENTROPIES = {"label_entropy": LINES[2], "mean_label_entropy": LINES[3]}


def train(run: "Run") -> "Outcome":
    """As Table 3, without its pictures."""
    from .measures.clustering import train_clusters
    from .training.run import Outcome

    return Outcome(*train_clusters(run))


def draw_table(drawing: Drawing) -> None:
    """A row for each variant: errors by every naming, entropies, and the unlabelled choice."""
    columns = ["what is changed", "error, %", "difference (95 %)", "best", "chosen without labels"]
    rows: list[Row] = []
    for variant in drawing.description.variants:
        record = drawing.record(variant)
        mean = summary(drawing, variant, METRIC)
        gap = Cell() if variant == LITERAL else difference(drawing, variant, LITERAL, METRIC)
        own = [mean, gap, *alone(mean, record)]
        own += [cell(record, m) if mean.mean is not None else Cell() for m in MEASURES]
        rows.append([name_of(drawing, variant), *own])
    text = "16 clusters on test images, one change of the paper's recipe at a time"
    notes = [
        "Mean ± standard deviation over seeds. The difference is that to the first row over the "
        "same seeds, with half its 95 % interval (paired t); the intervals are not corrected for "
        "multiple comparisons. Clusters are named by their most confident image (the paper's "
        "rule) or by the majority, among held-out images.",
        "Chosen without labels: the seed with the least reconstruction error at the end of "
        "training. Entropies in nats; 16 clusters of equal size have "
        f"{np.log(16):.2f}, a sure q(y|x) has 0.",
        *warned(drawing),
    ]
    Table(drawing.caption(text), [*columns, *MEASURES.values()], rows, notes).write(drawing.stem)


def alone(mean: Cell, record: "Record | None") -> list[Cell]:
    """The best seed, and the one with the least reconstruction error in training."""
    kept = record.least("reconstruction") if record else None
    if record is None or kept is None:
        return [Cell(), Cell()]
    one = replace(mean, sd=None, n=1, counted=False, note="")
    return [replace(one, mean=v) for v in (min(record.values(METRIC)), kept.metrics[METRIC])]


def draw_figure(drawing: Drawing) -> None:
    """The error along training, and the entropies beside it."""
    figure, panels = learning_curves(drawing, METRIC, LITERAL)
    for place, (variant, axes) in enumerate(panels.items(), 1):
        if record := drawing.record(variant):
            draw_entropies(axes, record, labelled=place % PANELS == 0 or place == len(panels))
    figure.supylabel("error on test images, % (full lines)")
    lines = {"literal recipe": BLUE, "one change": OURS, "literal recipe, to compare": REFERENCE}
    legend_of(figure, drawing, lines, ENTROPIES)
    drawing.save(figure)


def draw_entropies(axes: "Axes", record: "Record", labelled: bool) -> None:
    """Along the right axis, which has its label at the end of a row."""
    beside = axes.twinx()
    for name, colour in ENTROPIES.items():
        steps, values = learning_curve(record, name)
        if len(steps):
            beside.plot(steps, values.mean(0), "--", color=colour, lw=1)
    beside.set_ylim(0, np.log(record.settings.label_dim) * 1.05)
    beside.spines["right"].set_visible(labelled)
    beside.tick_params(right=labelled, labelright=labelled)
    if labelled:
        beside.set_ylabel("entropy, nats (dashed)")


if __name__ == "__main__":
    main(__file__)
