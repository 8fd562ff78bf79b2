"""Figure 7: the label decides what is drawn, the style how (section 4, Figure 6).

The claim: where the decoder is given an image's label, the code keeps the rest. Each row has one
style and each column one label: on MNIST the strokes of a row are alike, on SVHN its colours and
the neighbouring digits.

Beside the pictures stand numbers, which the paper does not have:

- how often a classifier, trained on real images alone, reads the label that was asked for;
- how often a linear probe reads the label in the style: at chance, where none of it is there;
- the reconstruction's error beside that of the mean image of each class, which is all that a
  decoder could give that ignores the style.

Our choices, where the paper is silent: the styles are those of one random test image of each
class, and samples of the prior; the networks on SVHN have the sizes of those on MNIST.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .pages.drawing import Drawing, seeds_of
from .pages.image_grids import WHITE, gap_of, side_by_side
from .pages.names import name_of
from .pages.other_variants import further_panels, other_variants, tell_others
from .pages.style import SMALL, new_figure, not_run
from .pages.tables import Row, Table, cell, write_tables
from .pages.titles import title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from .evidence.records import Record
    from .training.losses import Model
    from .training.run import Outcome, Run

VARIANTS = {"mnist": "a", "svhn": "b"}  # their panels
SAMPLED = 5  # rows of the sheet whose style is a sample of the prior
STYLES = 1000  # samples of the prior that are decoded and read
ROWS = (
    "asked_label_read_percent",
    "asked_label_read_from_prior_percent",
    "chance_percent",
    "reader_error_percent",
    "style_probe_percent",
    "largest_class_percent",
    "pixel_probe_percent",
    "test_reconstruction_per_pixel",
    "class_mean_per_pixel",
    "mean_image_per_pixel",
)


def train(run: "Run") -> "Outcome":
    """Train with the label in the decoder; train the classifiers afterwards, on what it gives."""
    import torch

    from .base.streams import generator
    from .measures.evaluate import mean_image_per_pixel, metrics_on_test
    from .measures.probes import (
        asked_label_read,
        class_mean_error,
        largest_class,
        pixel_probe,
        style_of,
        style_probes,
        train_reader,
    )
    from .models.priors import style_prior
    from .training.run import Outcome

    run.needs("has_decoder")
    settings, stack, data = run.settings, run.stack, run.dataset

    def evaluate() -> "dict[str, Tensor]":
        return metrics_on_test(stack, data, settings.given_size)

    fitted = run.fit(evaluate)
    reader = train_reader(data)
    drawn = style_prior(settings).sample(STYLES, generator(0, "styles")).to(run.device)
    how = (stack, data, reader, settings.label_dim)
    known = {
        "chance_percent": 100 / data.classes,
        "reader_error_percent": reader.error_percent(data.test),
        "largest_class_percent": largest_class(data.test),
        "pixel_probe_percent": pixel_probe(data, settings.style_dim),
        "class_mean_per_pixel": class_mean_error(data.train, data.test),
    }
    metrics = evaluate() | {
        "asked_label_read_percent": asked_label_read(*how, data.test.images, style_of(data)),
        "asked_label_read_from_prior_percent": asked_label_read(*how, drawn, lambda _, z: z),
        "style_probe_percent": style_probes(stack, data, [not d for d in fitted.diverged]),
        **{name: torch.full([len(run.seeds)], value) for name, value in known.items()},
        **mean_image_per_pixel(data, len(run.seeds)),
    }
    return Outcome(fitted, metrics, sheets(run, drawn[:SAMPLED]))


def sheets(run: "Run", drawn: "Tensor") -> "dict[str, Tensor]":
    """One test image of each class, and what is decoded from its style with every label.

    ``sources`` [S, 10, channels, height, width]; ``decoded`` [S, 10, 10, ...] of their styles;
    ``sampled`` [S, N, 10, ...] of the ``drawn`` styles [N, n].
    """
    import torch

    from .data.dataset import choose_labelled
    from .measures.evaluate import over_chunks
    from .measures.probes import style_of, with_label

    data, size, style = run.dataset, run.settings.label_dim, style_of(run.dataset)

    def of_styles(model: "Model", styles: "Tensor") -> "Tensor":
        labels = range(data.classes)
        return torch.stack([with_label(model, styles, k, size, data.scaling) for k in labels], 1)

    def of_images(model: "Model", images: "Tensor") -> "Tensor":
        return of_styles(model, style(model, images))

    chosen = data.test.images[choose_labelled(data.test.labels, data.classes, 0)]
    decoded = over_chunks(run.stack, of_images, chosen)
    sampled = over_chunks(run.stack, of_styles, drawn)
    arrays = {"sources": chosen.expand(len(decoded), -1, -1), "decoded": decoded}
    return {n: a.unflatten(-1, data.shape) for n, a in (arrays | {"sampled": sampled}).items()}


def draw_figure(drawing: Drawing) -> None:
    """A panel for each data set; then for every other variant."""
    panels = {v: f"({letter}) {data_of(drawing, v)}" for v, letter in VARIANTS.items()}
    panels |= further_panels(drawing, VARIANTS, ["sources", "decoded", "sampled"], "c")
    rows = math.ceil(len(panels) / 2)
    figure = new_figure(9, 6.9 * rows)
    grid = figure.subplots(rows, 2, squeeze=False).flat
    for axes in grid[len(panels) :]:
        axes.axis("off")
    tell_others(figure, drawing, panels)
    for axes, (variant, name) in zip(grid, panels.items(), strict=False):
        record = drawing.record(variant)
        title = f"{name}; above: the label given"
        if record is None or not record.values("asked_label_read_percent"):
            not_run(axes, record)
            axes.set_title(title)
            continue
        arrays = drawing.arrays(variant)
        panel(axes, arrays["sources"], arrays["decoded"], arrays["sampled"])
        axes.set_title(title, pad=8)  # above the labels
        axes.set_xlabel(in_words(record), fontsize=SMALL)
    drawing.save(figure)


def panel(axes: "Axes", sources: np.ndarray, decoded: np.ndarray, sampled: np.ndarray) -> None:
    """The sheet, the asked labels above it, and beside it where its styles come from."""
    picture = sheet(sources, decoded, sampled)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    tile, gap = decoded.shape[-1] + 1, gap_of(decoded)
    columns = [0, *(tile + gap + tile * k for k in range(decoded.shape[1]))]
    names = ["test\nimage", *map(str, range(decoded.shape[1]))]
    axes.set_xticks([left + tile / 2 - 1 for left in columns], names)
    above = len(decoded) * tile
    middles = [above / 2, above + gap + len(sampled) * tile / 2]
    texts = ["styles of test images", "samples of the prior"]
    axes.set_yticks(middles, texts, rotation=90, va="center")
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)


def sheet(sources: np.ndarray, decoded: np.ndarray, sampled: np.ndarray) -> np.ndarray:
    """uint8 images [R, C, H, W], [R, K, C, H, W], [N, K, C, H, W] as one picture.

    Rows: an image, a gap, what was decoded from its style; a gap; what was decoded from samples.
    Grey, [height, width], or in colour, [height, width, 3].
    """
    nothing = np.full_like(sampled[:, :1], WHITE)
    gap = gap_of(decoded)
    blocks = [side_by_side(sources[:, None], decoded, WHITE)]
    blocks.append(side_by_side(nothing, sampled, WHITE))
    between = np.full((gap, *blocks[0].shape[1:]), WHITE, dtype=np.uint8)
    picture = np.concatenate([blocks[0], between, blocks[1]])
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def in_words(record: "Record") -> str:
    """The panel's numbers in whole per cent, each with what it is compared with."""
    shown = {metric: replace(cell(record, metric), digits=0) for metric in ROWS}
    return (
        f"asked label is read: {shown['asked_label_read_percent']} %,"
        f" chance {shown['chance_percent']} %\n"
        f"linear probe of the style: {shown['style_probe_percent']} %,"
        f" largest class {shown['largest_class_percent']} %"
    )


def draw_table(drawing: Drawing) -> None:
    """The numbers of both data sets, each with what it is compared with."""
    records = {v: drawing.record(v) for v in VARIANTS}
    rows: list[Row] = [[name_of(m).full, *(cell(r, m) for r in records.values())] for m in ROWS]
    counts = ", ".join(f"{data_of(drawing, v)} {seeds_of(r)}" for v, r in records.items())
    notes = [
        f"Ours alone: the paper has pictures. Mean ± standard deviation over seeds: {counts}.",
        "The reader is one perceptron, trained on the training images; it reads each style decoded "
        "with all ten labels. The probe is fitted on the styles of training images and reads those "
        "of test images.",
    ]
    caption = drawing.caption("What the label and the style decide (Figure 7)")
    columns = ["measure", *(data_of(drawing, v) for v in VARIANTS)]
    notes += drawing.provenance_notes()
    table = Table(caption, columns, rows, notes)
    write_tables(drawing.stem, [table, *other_variants(drawing, VARIANTS, ROWS)])


def data_of(drawing: Drawing, variant: str) -> str:
    """The readers' name of the data, and whether they were a part of the official ones."""
    record = drawing.record(variant)
    name = title_of(drawing.settings(variant).data)
    return f"{name}, {record.dataset.limit}" if record and record.dataset.limit else name


if __name__ == "__main__":
    main(__file__)
