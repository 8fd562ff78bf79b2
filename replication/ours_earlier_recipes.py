"""Recipes of ours beside Table 2's: single changes of the appendix, and the one they led to.

None of it is the paper's. The recipes named ``tried_...`` changed one thing each, most of them
beside averaged weights, and were compared by their error on 10,000 training images held out of
training, whose labels serve nothing else.

Most were compared on one seed and one label draw, which is a weak choice: whether it held over
three seeds is in the table, beside the paper's recipe.

``tried_saturating`` has the generator's loss of the minimax as the paper prints it, where public
replications, and our Table 2, take the non-saturating form. It was tried because it stood out among
the ablations, which show test errors; on the held-out images three seeds show no difference.
"""

from typing import TYPE_CHECKING

from .cli import main
from .evidence.published import published
from .evidence.records import Record
from .pages.drawing import Drawing
from .pages.style import LINES, in_decades, new_figure, not_run
from .pages.tables import Cell, Row, Table, cell, published_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .training.run import Outcome, Run

PAPER = "table2_semi_supervised"
VALIDATION, TEST = "validation_error_percent", "test_error_percent"


def train(run: "Run") -> "Outcome":
    """Train the network of Figure 8; the held-out images are measured where there are any."""
    from .measures.semi_supervised import train_and_test

    return train_and_test(run)


def draw_table(drawing: Drawing) -> None:
    """Every recipe that was tried, the one that was chosen, and what is published."""
    rows: list[Row] = []
    for variant, described in drawing.description.variants.items():
        if drawing.preset in described.presets:
            record, epochs = drawing.record(variant), drawing.settings(variant).epochs
            rows.append([described.place, *cells(record, epochs)])
    literal = Drawing(drawing.preset, PAPER, drawing.results).record("mnist_100")
    rows.append(["Table 2's recipe, ours", *cells(literal, None)])
    content = published().items[PAPER]
    others = {o.method: o.values["mnist_100"] for o in content.others if "mnist_100" in o.values}
    best = min(others, key=lambda method: others[method].value)
    for method, value in (("AAE", content.targets["mnist_100"]), (best, others[best])):
        rows.append([f"{method} (paper's Table 2)", "", "", published_cell(value, "%")])
    caption = drawing.caption("MNIST with 100 labels by recipes of ours, error in %")
    notes = [
        "Recipes were compared by the held-out images alone; their test error is shown to tell how "
        "far the two differ.",
        "Mean ± standard deviation over seeds (n); each seed has its own label draw.",
    ]
    Table(caption, ["recipe", "epochs", "held out", "test"], rows, notes).write(drawing.stem)


def cells(record: Record | None, epochs: int | None) -> Row:
    """Epochs, held-out error (where images were held out) and test error."""
    if record is None:
        return [number_of(epochs), cell(None, TEST), ""]
    held_out = cell(record, VALIDATION, counted=True) if record.settings.validation_images else ""
    return [number_of(record.settings.epochs), held_out, cell(record, TEST, counted=True)]


def number_of(epochs: int | None) -> str | Cell:
    return "" if epochs is None else Cell(mean=epochs, digits=0)


def draw_figure(drawing: Drawing) -> None:
    """Error along epochs: of the recipes tried, and of the chosen one beside the paper's."""
    figure = new_figure(9, 4.8)
    tried, chosen = figure.subplots(1, 2)
    described = drawing.description.variants
    for variant in drawing.first([v for v in described if drawing.record(v)]):
        record, place = drawing.record(variant), described[variant].place
        if record and variant.startswith("tried"):
            curve(tried, record, VALIDATION, place.removeprefix("Tried: "))
        elif record:
            curve(chosen, record, TEST, place)
    literal = Drawing(drawing.preset, PAPER, drawing.results).record("mnist_100")
    if literal:
        curve(chosen, literal, TEST, "Table 2's recipe")
    for axes, title in ((tried, "(a) tried: held-out images"), (chosen, "(b) chosen: test images")):
        axes.set(title=title, xlabel="epoch", ylabel="error, %")
        if axes.lines:
            whole_epochs(axes)
            axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), handlelength=3)
        else:
            not_run(axes, drawing.any_record())
    drawing.save(figure)


def whole_epochs(axes: "Axes") -> None:
    """A logarithmic axis of errors, and whole epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.set_yscale("log")
    in_decades(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def curve(axes: "Axes", record: Record, metric: str, name: str) -> None:
    """The mean over the seeds, and the range between them."""
    rows, values = record.curve(metric)
    if not rows:
        return
    epochs = [row["epoch"] for row in rows]
    dashes = ("-", "--")[len(axes.lines) // len(LINES) % 2]
    text = f"{name} (n={len(values)})"
    (line,) = axes.plot(epochs, values.mean(0), label=text, lw=1.3, ls=dashes)
    axes.fill_between(
        epochs, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, linewidth=0
    )


if __name__ == "__main__":
    main(__file__)
