"""How much a penalty must weigh to change an autoencoder, by held-out images. Not in the paper.

The question: how much of the loss must a penalty on codes or weights be before it changes an
autoencoder, and does the code then tell more of the digit? Each penalty of
``companion_autoencoders`` has three weights here, 1, 10 and 100 times the least, on the same
networks after the same short schedule; beside them the networks without a penalty (``none``,
``none_relu``, ``none_sigmoid``).

Errors and accuracies are those of images held out of training; test images are not looked at. The
share is that of the training loss over the last epoch.
"""

from typing import TYPE_CHECKING

from .cli import main
from .pages.ablations import name_of, warned
from .pages.drawing import Drawing
from .pages.style import LINES, REFERENCE, new_figure, not_run
from .pages.tables import Row, Table, cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from .evidence.records import Record
    from .training.run import Outcome, Run

SHARE = "penalty_share_percent"
PROBE, ERROR = "held_out_linear_probe_percent", "held_out_reconstruction_per_pixel"
COLUMNS = {
    SHARE: "share of the loss, %",
    ERROR: "error per pixel x 1000",
    "held_out_nearest_neighbour_percent": "1-NN, %",
    PROBE: "linear probe, %",
}
PENALTIES = {
    "contractive": "contractive",
    "weights_l1": "absolute network weights",
    "weights_l2": "squared network weights",
    "code_l1": "absolute codes",
    "code_kl": "mean activity",
}
# The networks that are compared with each other: what their title is, and the one of no penalty.
NETWORKS = {
    "none": "codes of 8 numbers",
    "none_relu": "256 units, rectified",
    "none_sigmoid": "256 units, sigmoid",
}


def train(run: "Run") -> "Outcome":
    """Train one autoencoder; measure it on held-out images alone, and its penalty."""
    from .measures.representation import held_out_metrics
    from .training.run import Outcome

    run.needs("has_decoder", "validation_images")
    fitted = run.fit(dict)
    metrics = held_out_metrics(run, fitted.diverged)
    metrics[SHARE] = shares(fitted.histories)
    return Outcome(fitted, metrics)


def shares(histories: "list[list[dict[str, float]]]") -> "Tensor":
    """Per cent of each seed's loss that is its penalty, over the last epoch, [S]."""
    import torch

    last = [history[-1] if history else {} for history in histories]
    found = [row.get("penalty", 0.0) / row.get("reconstruction", float("nan")) for row in last]
    return 100 * torch.tensor(found, dtype=torch.float64)


def draw_table(drawing: Drawing) -> None:
    """A row for each weight of each penalty."""
    rows: list[Row] = []
    for variant in drawing.description.variants:
        record = drawing.record(variant)
        rows.append([name_of(drawing, variant), *(cell(record, m) for m in COLUMNS)])
    notes = [
        "Measured on images held out of training; the share is that of the training loss over the "
        "last epoch. 1-NN and linear probe read the digit in the code; the probe is fitted on "
        "10,000 training images at most. The family's table has the spread over seeds.",
        *warned(drawing),
        *drawing.provenance_notes(),
    ]
    caption = drawing.caption("How much a penalty must weigh to change an autoencoder")
    Table(caption, ["penalty", *COLUMNS.values()], rows, notes).write(drawing.stem)


def draw_figure(drawing: Drawing) -> None:
    """What a penalty brings (above) and costs (below) against its share of the loss."""
    from matplotlib.ticker import NullFormatter

    figure = new_figure(9, 5.6)
    every = figure.subplots(2, len(NETWORKS), sharex=True, sharey="row")
    for column, (none, title) in enumerate(NETWORKS.items()):
        above, below = every[:, column]
        above.set_title(title)
        for axes, metric in ((above, PROBE), (below, ERROR)):
            draw_penalties(axes, drawing, none, metric)
            if not axes.lines:
                not_run(axes)
        below.set_xlabel("the penalty's share of the loss, %")
    every[0, 0].set_ylabel("linear probe, held out, %")
    every[1, 0].set_ylabel("error per pixel x 1000, held out")
    every[0, 0].set_xscale("log")
    every[0, 0].xaxis.set_major_formatter("{x:g}")
    every[0, 0].xaxis.set_minor_formatter(NullFormatter())
    shown = {line.get_label(): line for axes in every[0] for line in axes.lines}
    if shown:
        figure.legend(handles=list(shown.values()), loc="outside lower center", ncols=len(shown))
    drawing.save(figure)


def draw_penalties(axes: "Axes", drawing: Drawing, none: str, metric: str) -> None:
    """A line for each penalty on the networks of ``none``; grey without a penalty."""
    plain = drawing.record(none)
    network = drawing.settings(none)
    points: dict[str, list[tuple[float, float]]] = {}
    for variant in drawing.description.variants:
        record, penalty = drawing.record(variant), drawing.settings(variant).penalty
        if record is None or not record.healthy or penalty is None:
            continue
        own = record.settings
        if (own.style_dim, own.code_activation) == (network.style_dim, network.code_activation):
            points.setdefault(penalty.kind, []).append((mean(record, SHARE), mean(record, metric)))
    for kind, found in points.items():
        colour = LINES[list(PENALTIES).index(kind)]
        axes.plot(*zip(*sorted(found), strict=True), "o-", color=colour, label=PENALTIES[kind])
    if plain is not None and plain.healthy:
        axes.axhline(mean(plain, metric), color=REFERENCE, ls="--", label="without a penalty")


def mean(record: "Record", metric: str) -> float:
    """Over seeds, in the unit that is shown."""
    found = cell(record, metric).mean
    assert found is not None
    return found


if __name__ == "__main__":
    main(__file__)
