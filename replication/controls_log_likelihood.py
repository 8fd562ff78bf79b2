"""Controls of Table 1: how little the Parzen-window estimate means. Not in the paper.

The paper warns of the measure itself; Theis et al. (2016, arXiv:1511.01844) showed that it prefers
models which nobody would call good. Three sets of "samples" that take no model to draw are measured
as Table 1 measures the decoder's, with the same images to choose the window's bandwidth on:

- ``training_images``: as many images to train on as the table has samples. They are samples of the
  very distribution that is sought: a sound measure would put nothing above them;
- ``all_training_images``: every one of them, a model that has memorised its data;
- ``centroids``: means of similar training images by k-means, as many as Table 1 has samples, or a
  fifth of the images where they are fewer: a memory of blurred images, none of which is a digit
  that anyone wrote.

The figure shows the estimate against the number of samples and against the bandwidth.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .evidence.published import published
from .pages.drawing import Drawing
from .pages.style import LINES, SMALL, new_figure, not_run
from .pages.tables import Cell, Row, Table, cell, published_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from torch import Tensor

    from .data.dataset import Dataset
    from .evidence.records import Record
    from .settings.schema import Seed
    from .training.run import Outcome, Run

ITEM = "controls_log_likelihood"
TABLE = "table1_log_likelihood"
VARIANT = "mnist"
CONTROLS = {
    "training_images": "training images as samples",
    "all_training_images": "all training images (a memory)",
    "centroids": "k-means centroids of training images",
}
MODELS = {"mnist": "AAE", "mnist_vae": "VAE, same networks"}
# The AAE again: by more samples, the bandwidth by fewer images.
MORE_SAMPLES = {
    "mnist_1m": ("AAE, a million samples", "--"),
    "mnist_10m": ("AAE, ten million samples", ":"),
}


def train(run: "Run") -> "Outcome":
    """Nothing is trained: the controls' samples are drawn, and measured."""
    import torch

    from .data.dataset import scaled
    from .measures.parzen import estimate
    from .training.fit import Fitted
    from .training.run import Outcome

    run.needs("parzen", "validation_images")
    assert run.settings.parzen is not None
    bandwidths, count = run.settings.parzen.bandwidths(), run.settings.parzen.samples[0]
    data = run.dataset
    held_out, test = scaled(data.validation.images), scaled(data.test.images)
    metrics: dict[str, list[float]] = {}
    curves: dict[str, list[list[float]]] = {}
    for seed in run.seeds:
        for name, samples in control_samples(data, count, seed).items():

            def blocks(samples: "Tensor" = samples) -> "Iterator[Tensor]":
                yield from samples.split(5000)

            found = estimate(blocks, held_out, test, bandwidths)
            numbers = {
                "log_likelihood": found.mean,
                "standard_error": found.standard_error,
                "bandwidth": found.bandwidth,
                "samples": float(found.samples),
            }
            for measure, value in numbers.items():
                metrics.setdefault(f"{measure}_{name}", []).append(value)
            curves.setdefault(f"curve_{name}", []).append(found.curve)
    fitted = Fitted([[] for _ in run.seeds], [False for _ in run.seeds])
    values = {name: torch.tensor(own) for name, own in metrics.items()}
    return Outcome(fitted, values, {name: torch.tensor(own) for name, own in curves.items()})


def control_samples(data: "Dataset", count: int, seed: "Seed") -> "dict[str, Tensor]":
    """The samples of each control, [N, pixels] in [0, 1]."""
    import torch

    from .base.streams import generator
    from .data.dataset import scaled

    images = scaled(data.train.images)
    chosen = torch.randperm(len(images), generator=generator(seed.seed, "control"))[:count]
    return {
        "training_images": images[chosen.to(images.device)],
        "all_training_images": images,
        "centroids": centroids(images, min(count, len(images) // 5), seed.seed),
    }


def centroids(images: "Tensor", count: int, seed: int) -> "Tensor":
    """``count`` means [count, pixels] of similar ``images`` [N, pixels], by mini-batch k-means.

    Its batch of twice as many images as means, at least, is what scikit-learn recommends for many.
    """
    import torch
    from sklearn.cluster import MiniBatchKMeans

    batch = max(1024, 2 * count)
    means = MiniBatchKMeans(
        count, batch_size=batch, max_iter=5, n_init=1, init="random", random_state=seed
    )
    means.fit(images.cpu().numpy())
    return torch.from_numpy(means.cluster_centers_).to(images)


def draw_table(drawing: Drawing) -> None:
    """The models of Table 1 above what needs no model."""
    models = Drawing(drawing.preset, TABLE, drawing.results)
    rows: list[Row] = [
        [name, *cells(models.record(variant), first_count(models, variant))]
        for variant, name in MODELS.items()
    ]
    rows += [[text, *cells(drawing.record(VARIANT), name)] for name, text in CONTROLS.items()]
    if drawing.preset != "smoke":
        paper = published_cell(published().items[TABLE].targets["mnist"], "nats")
        rows.append(["AAE (paper, Table 1)", Cell(mean=10000, digits=0), paper, ""])
    caption = drawing.caption(
        "What the Parzen-window estimate says of samples without a model, nats"
    )
    notes = [
        "Mean ± standard deviation over seeds [standard error over test images]. The window's "
        "bandwidth was chosen on held-out images.",
        "A model whose row is below one of the last three has a likelihood, by this measure, that "
        "copying training images, or blurring them, would surpass.",
        *(f"Published beside it: {r.text}: {r} nats." for r in published().items[ITEM].remarks),
    ]
    columns = ["samples", "number", "log-likelihood", "bandwidth"]
    Table(caption, columns, rows, notes).write(drawing.stem)


def first_count(models: Drawing, variant: str) -> str:
    parzen = models.settings(variant).parzen
    assert parzen is not None
    return str(parzen.samples[0])


def cells(record: "Record | None", name: str) -> Row:
    """Number of samples, estimate and bandwidth of one row."""
    found = cell(record, f"log_likelihood_{name}", counted=True)
    if record is None or found.mean is None:
        return ["", found, ""]
    numbers = [float(name)] if name.isdigit() else record.values(f"samples_{name}")
    error = float(np.mean(record.values(f"standard_error_{name}")))
    bandwidth = cell(record, f"bandwidth_{name}")
    return [Cell(mean=numbers[0], digits=0), replace(found, standard_error=error), bandwidth]


def draw_figure(drawing: Drawing) -> None:
    """The estimate against the number of samples, and against the bandwidth."""
    from matplotlib.ticker import LogLocator, NullFormatter

    models = Drawing(drawing.preset, TABLE, drawing.results)
    figure = new_figure(9, 4)
    by_count, by_bandwidth = figure.subplots(1, 2)
    styles = iter(zip(LINES, ("-", "-", "--", ":", "-."), strict=False))
    for variant, name in MODELS.items():
        style = next(styles)
        if record := models.record(variant):
            draw_counts(by_count, record, name, style)
            draw_curve(by_bandwidth, models, variant, first_count(models, variant), style)
    for variant, (name, dashes) in MORE_SAMPLES.items():
        if record := models.record(variant):
            draw_counts(by_count, record, name, (LINES[0], dashes))
    if record := drawing.record(VARIANT):
        for name, text in CONTROLS.items():
            style = next(styles)
            found = [record.values(f"{m}_{name}") for m in ("samples", "log_likelihood")]
            by_count.plot(*found, "s", ms=5, color=style[0], ls=style[1], label=text)
            draw_curve(by_bandwidth, drawing, VARIANT, name, style)
    if drawing.preset != "smoke":
        draw_published(by_count)
    labels = {"xlabel": "number of samples", "ylabel": "log-likelihood of test images, nats"}
    by_count.set(xscale="log", title="(a) against the number of samples", **labels)
    labels = {"xlabel": "bandwidth of the window", "ylabel": "log-likelihood, held out, nats"}
    by_bandwidth.set(xscale="log", title="(b) against the bandwidth (fewest samples)", **labels)
    by_bandwidth.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    by_bandwidth.xaxis.set_major_formatter("{x:g}")
    by_bandwidth.xaxis.set_minor_formatter(NullFormatter())
    if by_bandwidth.lines:  # far from its best bandwidth an estimate falls without end
        highest = max(np.max(line.get_ydata()) for line in by_bandwidth.lines)
        lowest = max(by_bandwidth.get_ylim()[0], highest - 3 * abs(highest))
        by_bandwidth.set_ylim(bottom=lowest)
    for axes in (by_count, by_bandwidth):
        if not axes.lines:
            not_run(axes, drawing.any_record())
    if by_count.lines:
        figure.legend(loc="outside lower center", ncols=3)
    drawing.save(figure)


Style = tuple[str, str]  # colour and dashes


def draw_counts(axes: "Axes", record: "Record", name: str, style: Style) -> None:
    """Mean and range over seeds for each number of samples."""
    assert record.settings.parzen is not None
    counts = [c for c in record.settings.parzen.samples if record.values(f"log_likelihood_{c}")]
    if not counts:
        return
    values = np.array([record.values(f"log_likelihood_{c}") for c in counts])
    colour, dashes = style
    axes.plot(counts, values.mean(1), "o", ms=4, ls=dashes, color=colour, label=f"{name} (ours)")
    axes.fill_between(counts, values.min(1), values.max(1), color=colour, alpha=0.25, lw=0)


def draw_curve(axes: "Axes", drawing: Drawing, variant: str, name: str, style: Style) -> None:
    """The held-out images' log-likelihood along the bandwidths, of the first seed; its best one."""
    record = drawing.record(variant)
    if record is None or not record.healthy or record.settings.parzen is None:
        return
    arrays = drawing.arrays(variant)
    curve = arrays.get(f"curve_{name}")
    if curve is None:
        return
    bandwidths, (colour, dashes) = record.settings.parzen.bandwidths(), style
    if len(curve) != len(bandwidths):
        raise arrays.wrong(f"is damaged: curve_{name} has {len(curve)} of {len(bandwidths)} values")
    axes.plot(bandwidths, curve, ls=dashes, color=colour, lw=1.5)
    axes.plot(bandwidths[int(curve.argmax())], curve.max(), "o", ms=4, color=colour)


def draw_published(axes: "Axes") -> None:
    """What the paper has for 10,000 samples; for 10 million beyond the axis, unless ours reach."""
    targets = published().items[TABLE].targets
    few, many = targets["mnist"].value, targets["mnist_10m"].value
    axes.plot([10**4], [few], "*", ms=9, color="black", ls="", label="AAE (paper)")
    if axes.get_xlim()[1] >= 10**7:
        axes.plot([10**7], [many], "*", ms=9, color="black", ls="")
        return
    text = f"paper, 10 million samples: {many:g} nats →"
    axes.annotate(text, (1, 1), xycoords="axes fraction", ha="right", va="top", fontsize=SMALL)


if __name__ == "__main__":
    main(__file__)
