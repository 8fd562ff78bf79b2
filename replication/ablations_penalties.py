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
PANELS = {
    SHARE: "penalty's share of the loss, %",
    PROBE: "linear probe, %",
    ERROR: "error per pixel x 1000",
}
PENALTIES = {
    "contractive": "contractive",
    "weights_l1": "absolute network weights",
    "weights_l2": "squared network weights",
    "code_l1": "absolute codes",
    "code_kl": "mean activity",
}
PLAIN = "without a penalty"
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
    run.decodes_styles_alone()
    fitted = run.fit(dict)
    metrics = held_out_metrics(run, fitted.diverged)
    metrics[SHARE] = shares(fitted.histories)
    return Outcome(fitted, metrics)


def shares(histories: "list[list[dict[str, float]]]") -> "Tensor":
    """Per cent of each seed's loss that is its penalty, over the last epoch, [S].

    0 without a penalty; NaN for a seed that diverged before its first epoch was told.
    """
    import torch

    def share(history: "list[dict[str, float]]") -> float:
        if not history:
            return float("nan")
        last = history[-1]
        return last["penalty"] / last["reconstruction"] if "penalty" in last else 0.0

    return 100 * torch.tensor([share(history) for history in histories], dtype=torch.float64)


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
    """Columns of networks; rows of the penalty's share, what it brings and what it costs."""
    from matplotlib.ticker import NullFormatter

    figure = new_figure(9, 7.5)
    every = figure.subplots(len(PANELS), len(NETWORKS), sharex=True, sharey="row")
    for row, (metric, label) in zip(every, PANELS.items(), strict=True):
        row[0].set_ylabel(label)
        for axes, none in zip(row, NETWORKS, strict=True):
            draw_penalties(axes, drawing, none, metric)
            if not axes.lines:
                not_run(axes, drawing.any_record())
    for above, below, title in zip(every[0], every[-1], NETWORKS.values(), strict=True):
        above.set_title(title)
        below.set_xlabel("weight, times the least")
    every[0, 0].set_xscale("log")
    every[0, 0].xaxis.set_major_formatter("{x:g}")
    every[0, 0].xaxis.set_minor_formatter(NullFormatter())
    lines = [line for axes in every[1] for line in axes.lines]
    lines.sort(key=lambda line: line.get_label() == PLAIN)
    shown = {line.get_label(): line for line in lines}
    if shown:
        handles = [*shown.values()]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(NETWORKS))
    drawing.save(figure)


def draw_penalties(axes: "Axes", drawing: Drawing, none: str, metric: str) -> None:
    """A line for each penalty on the networks and data of ``none``; grey without a penalty."""
    network = drawing.settings(none)
    points: dict[str, list[tuple[float, float]]] = {}
    for variant in drawing.description.variants:
        own, record = drawing.settings(variant), drawing.record(variant)
        alike = own.model_copy(update={"penalty": None, "seeds": network.seeds}) == network
        if alike and own.penalty and record is not None and record.healthy:
            found = points.setdefault(own.penalty.kind, [])
            found.append((own.penalty.weight, mean(record, metric)))
    for kind, found in points.items():
        weights, values = zip(*sorted(found), strict=True)
        multiples = [weight / least(drawing, kind) for weight in weights]
        colour = LINES[list(PENALTIES).index(kind)]
        axes.plot(multiples, values, "o-", color=colour, label=PENALTIES[kind])
    plain = drawing.record(none)
    if plain is not None and plain.healthy and metric != SHARE:
        axes.axhline(mean(plain, metric), color=REFERENCE, ls="--", label=PLAIN)


def least(drawing: Drawing, kind: str) -> float:
    """The least weight of a penalty among all variants, run or not."""
    every = [drawing.settings(variant).penalty for variant in drawing.description.variants]
    return min(penalty.weight for penalty in every if penalty and penalty.kind == kind)


def mean(record: "Record", metric: str) -> float:
    """Over seeds, in the unit that is shown."""
    found = cell(record, metric).mean
    assert found is not None
    return found


if __name__ == "__main__":
    main(__file__)
