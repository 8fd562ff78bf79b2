"""Ours, not the paper's: fewer errors than Table 2's recipe, in ten minutes of a core.

An adversarial autoencoder, the network of Figure 8, whose costs are descended as one sum, with two
costs more: q(y|x) changes little under the perturbation that it is most sensitive to (virtual
adversarial training, Miyato et al., 2018; the length of the perturbation grows with the image's
distance to its neighbours), and its mean over a batch stays near the uniform p(y) until the classes
are found. Batch-norm stands before each ReLU of the encoder and on the logits. No pixel knows its
place: the recipe is permutation-invariant, as the paper's.

What does the work is the smoothness and the label's adversary, on some label draws the balance:
see the ablations of ours. That the recipe errs less than the paper's says nothing for or against
Table 2.

The recipe was found with prototypes, mostly on one label draw, by the error on 10,000 training
images held out of training; these trials have no record. The rows "tried" were run with this code.
The seeds of the first rows, and their label draws, were used for nothing before.
"""

from typing import TYPE_CHECKING

from .cli import main
from .evidence.published import published
from .pages.drawing import Drawing
from .pages.image_grids import BLACK, squares, tiled
from .pages.minutes import NOTE, core_minutes, draw_minutes
from .pages.style import LINES, SMALL, in_decades, new_figure, not_run
from .pages.tables import Cell, Row, Table, cell, published_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .evidence.records import Record
    from .training.run import Outcome, Run

PAPER = "table2_semi_supervised"
COLUMNS = {"mnist_100": "100", "mnist_1000": "1000", "mnist_all": "all"}
SVHN = {"svhn_1000": "SVHN, 1000"}
BASELINE = "nn_svhn"
VALIDATION, TEST = "validation_error_percent", "test_error_percent"


def train(run: "Run") -> "Outcome":
    """Train, and draw every label in a few styles."""
    from .measures.pictures import style_label_grid
    from .measures.semi_supervised import train_and_test

    run.needs("has_decoder")
    outcome = train_and_test(run)
    outcome.arrays["grid"] = style_label_grid(run)
    return outcome


def draw_table(drawing: Drawing) -> None:
    """For each number of labels what is published, Table 2's recipe and ours; then the search."""
    literal = Drawing(drawing.preset, PAPER, drawing.results)
    content = published().items[PAPER]
    rows: list[Row] = []
    for variant, labels in (COLUMNS | SVHN).items():
        target = content.targets[variant]
        others = {o.method: o.values[variant] for o in content.others if variant in o.values}
        best = min(others, key=lambda method: others[method].value)
        for method, value in (("AAE", target), (best, others[best])):
            name = f"{labels}: {method} (the paper's table)"
            rows.append([name, "", "", "", published_cell(value, "%")])
        rows.append([f"{labels}: AAE by Table 2's recipe (ours)", *cells(literal.record(variant))])
        rows.append([f"{labels}: this recipe (ours)", *cells(drawing.record(variant))])
    rows.append(["SVHN, 1000: the labels alone (ours)", *cells(literal.record(BASELINE))])
    for variant, described in drawing.description.variants.items():
        if variant not in COLUMNS | SVHN and drawing.preset in described.presets:
            rows.append([described.place, *cells(drawing.record(variant))])
    columns = ["labels: method", "epochs", "core-minutes", "held-out error", "test error"]
    notes = [
        "Ours: mean ± standard deviation over seeds (n), each with its own label draw; in %.",
        NOTE,
        "Tried: chosen by the held-out images alone; the test error shows how far the two differ.",
    ]
    caption = drawing.caption("MNIST by a recipe of ours, not the paper's: error in %")
    Table(caption, columns, rows, notes).write(drawing.stem)


def cells(record: "Record | None") -> Row:
    """Epochs, core-minutes and both errors; what was not measured is empty."""
    if record is None:
        return ["", "", "", cell(None, TEST)]
    held_out = cell(record, VALIDATION, counted=True) if record.settings.validation_images else ""
    epochs = Cell(mean=record.settings.epochs, digits=0)
    error = cell(record, TEST, counted=True, note=record.dataset.limit)
    return [epochs, core_minutes(record), held_out, error]


def draw_figure(drawing: Drawing) -> None:
    """The test error along the minutes, beside Table 2's recipe; every label in eight styles."""
    figure = new_figure(9, 4.6)
    curves, grid = figure.subplots(1, 2, width_ratios=[1.3, 1])
    literal = Drawing(drawing.preset, PAPER, drawing.results)
    for colour, (variant, labels) in zip(LINES, COLUMNS.items(), strict=False):
        draw_minutes(curves, drawing.record(variant), TEST, f"ours, {labels} labels", colour)
        own = literal.record(variant)
        draw_minutes(curves, own, TEST, f"Table 2's recipe, {labels}", colour, "--")
    curves.set(title="Test error along training", xlabel="core-minutes", ylabel="error, %")
    if curves.lines:
        curves.set(xscale="log", yscale="log")
        in_decades(curves.xaxis)
        in_decades(curves.yaxis)
        curves.legend(fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    else:
        not_run(curves, drawing.any_record())
    draw_grid(grid, drawing)
    drawing.save(figure)


def draw_grid(axes: "Axes", drawing: Drawing) -> None:
    """A column for each label, a row for each style; of the first seed with 100 labels."""
    axes.set_title("Decoded: a row has one style, a column one label")
    record = drawing.record("mnist_100")
    if record is None or not record.healthy:
        not_run(axes, record)
        return
    sheet = tiled(squares(drawing.arrays("mnist_100")["grid"]), BLACK)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.axis("off")
    axes.set_anchor("N")


if __name__ == "__main__":
    main(__file__)
