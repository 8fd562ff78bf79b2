"""The autoencoder family beside the adversarial one: what readers of the paper come from.

All have the paper's two layers of units, and differ in what keeps their code from the identity:

- ``undercomplete``: a code of two numbers and nothing else; ``aae_2d`` has the same networks and a
  prior. The figure shows the holes that the first one's code space has;
- ``sparse_l1``, ``sparse_kl``: many units, few of them active; ``weights_l1``, ``weights_l2``: a
  price on weights; ``contractive``: one on the code's Jacobian (Rifai et al., 2011);
- ``denoising_gaussian``, ``denoising_salt``: the clean image from a corrupted one (Vincent et al.,
  2008);
- ``stacked``: 784-1000-500-250-30, layer after layer and then as a whole (Hinton and Salakhutdinov,
  2006, whose layers were Boltzmann machines); ``stacked_deep`` and ``stacked_denoising``: three
  layers of 1000, fine-tuned with all labels (Vincent et al., 2010);
- ``vae_2d``, ``vae_8d``: the variational autoencoder (Kingma and Welling, 2014), re-parametrised,
  its bound in nats;
- ``aae``, ``aae_gaussian``, ``aae_universal``: the adversarial autoencoder with each of the
  posteriors of the paper's section 2.

Models without a prior are sampled through the Gaussian with the mean and covariance of their codes.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .evidence.published import published
from .pages.drawing import Drawing, enumerated
from .pages.image_grids import WHITE, squares, tiled
from .pages.sources import entries
from .pages.style import new_figure, not_run, scatter_by_class
from .pages.tables import Cell, Row, Table, cell, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from .evidence.records import Record
    from .training.run import Outcome, Run

ITEM = "companion_autoencoders"
COLUMNS = {
    "test_reconstruction_per_pixel": "error per pixel x 1000",
    "components_per_pixel": "same size of PCA",
    "log_likelihood_10000": "Parzen, nats",
    "nearest_neighbour_percent": "1-NN, %",
    "linear_probe_percent": "linear probe, %",
    "prior_distance": "prior mismatch, s.d.",
    "prior_sampling_noise": "its sampling noise, s.d.",
    "fid": "FID",
    "inception_score": "IS",
    "fine_tuned_error_percent": "fine-tuned error, %",
    "from_scratch_error_percent": "from scratch, %",
}
OF_PRIOR = ("prior_distance", "prior_sampling_noise")
PLANES = {"undercomplete": "autoencoder", "aae_2d": "adversarial", "vae_2d": "variational"}
DENOISED = {"denoising_gaussian": "Gaussian noise", "denoising_salt": "salt and pepper"}


def train(run: "Run") -> "Outcome":
    """Train one autoencoder, then measure its codes and what it draws."""
    import torch

    from .measures.code_plane import pictures
    from .measures.evaluate import mean_image_per_pixel, metrics_on_test
    from .measures.fine_tuning import fine_tuned_errors
    from .measures.generation import measure_generation
    from .measures.likelihood import likelihoods
    from .measures.representation import (
        code_metrics,
        codes_of,
        component_error,
        sampling_priors,
    )
    from .training.run import Outcome

    run.needs("has_decoder", "parzen", "validation_images")
    run.decodes_styles_alone()
    stack, data = run.stack, run.dataset

    def evaluate() -> "dict[str, Tensor]":
        return metrics_on_test(stack, data)

    fitted = run.fit(evaluate)
    metrics = evaluate()
    codes = codes_of(run, data.train)
    priors = sampling_priors(run, codes, fitted.diverged)
    estimates, _ = likelihoods(run, priors, fitted.diverged)
    drawn, _ = measure_generation(run, fitted.diverged, priors)
    metrics |= estimates | code_metrics(run, codes, priors, fitted.diverged) | drawn
    if run.settings.fine_tuning_epochs:
        metrics |= fine_tuned_errors(run, fitted.diverged)
    metrics |= mean_image_per_pixel(data, len(run.seeds))
    components = component_error(data, run.settings.style_dim)
    metrics["components_per_pixel"] = torch.full([len(run.seeds)], components)
    metrics["squared_error_per_image"] = data.pixels * metrics["test_reconstruction_per_pixel"]
    return Outcome(fitted, metrics, pictures(run))


def draw_table(drawing: Drawing) -> None:
    """A row for each autoencoder, a column for each measure; published errors below."""
    verdicts = {(v.variant, v.metric): str(v) for v in drawing.verdicts()}
    rows: list[Row] = []
    for variant, described in drawing.description.variants.items():
        record = drawing.record(variant)
        name = described.place.removeprefix("Autoencoders: ")
        cells = [measure(record, m, verdicts.get((variant, m), "")) for m in COLUMNS]
        rows.append([name, *cells])
    rows += bounds(drawing)
    notes = [
        "Mean ± standard deviation over seeds. 1-NN, linear probe and fine-tuning read the digit "
        "in the code of test images. Prior mismatch: sliced Wasserstein distance of test codes to "
        "samples of the prior, in units of its standard deviation (adversarial 5, variational 1). "
        "Models without one are sampled through the Gaussian of their codes' mean and covariance.",
        "FID and IS through the suite's own classifier, trained on the training images (whose FID "
        "is no lower bound therefore): not comparable with other papers'.",
        *readers(drawing),
        *stages(drawing),
        *(f"Published, {entry}." for entry in entries(ITEM, published().items[ITEM])),
        *drawing.provenance_notes(),
    ]
    caption = drawing.caption("The autoencoder family: codes, reconstructions and samples")
    Table(caption, ["autoencoder", *COLUMNS.values()], rows, notes).write(drawing.stem)


def measure(record: "Record | None", metric: str, verdict: str = "") -> Cell:
    """A measure of one autoencoder; empty where it does not have it."""
    if record is None:
        return Cell(note="not run" if metric == next(iter(COLUMNS)) else "", verdict=verdict)
    healthy = [s for s in record.seeds if s.status == "ok"]
    lacking = any(metric not in seed.metrics for seed in healthy)
    found = Cell() if lacking else cell(record, metric, verdict=verdict)
    return in_units_of_prior(found, record) if metric in OF_PRIOR else found


def in_units_of_prior(found: Cell, record: "Record") -> Cell:
    """A distance of codes, in standard deviations of their prior; none where there is no prior."""
    if not record.settings.has_style_prior:
        return Cell()
    std = record.settings.style_prior.std
    if found.mean is None:
        return found
    return replace(found, mean=found.mean / std, sd=None if found.sd is None else found.sd / std)


def bounds(drawing: Drawing) -> list[Row]:
    """What the measures are between: the mean image, real images as drawn ones."""
    record = next((r for v in drawing.description.variants if (r := drawing.record(v))), None)
    if record is None or not record.values("mean_image_per_pixel"):
        return []
    empty = dict.fromkeys(COLUMNS, Cell())
    mean = empty | {"test_reconstruction_per_pixel": cell(record, "mean_image_per_pixel")}
    scores = {"fid": "fid_sampling_noise", "inception_score": "inception_score_ceiling"}
    real = empty | {column: cell(record, metric) for column, metric in scores.items()}
    return [["the mean image", *mean.values()], ["real images", *real.values()]]


def readers(drawing: Drawing) -> list[str]:
    """A note where the rows' classifiers differ, as another machine's rounding makes them."""
    names: dict[float, list[str]] = {}
    for variant, described in drawing.description.variants.items():
        record = drawing.record(variant)
        for error in dict.fromkeys(record.values("reader_error_percent") if record else []):
            name = described.place.removeprefix("Autoencoders: ")
            names.setdefault(error, []).append(f"“{name}”")
    if len(names) < 2:
        return []
    usual = max(names, key=lambda error: len(names[error]))
    others = [
        f"that of {enumerated(own)} (on another machine or other data) {error:.2f} %"
        for error, own in names.items()
        if error != usual
    ]
    differ = f"The classifier errs on {usual:.2f} % of the test images, {'; '.join(others)}"
    return [f"{differ}: FID and IS of those rows are compared with the others' with care."]


def stages(drawing: Drawing) -> list[str]:
    """The stacked autoencoders' error after their last layer, before the whole was trained."""
    notes = []
    for variant, described in drawing.description.variants.items():
        record = drawing.record(variant)
        if record is None or not (per_layer := record.settings.layerwise_epochs):
            continue
        after = (len(record.settings.hidden_sizes) + 1) * per_layer
        if values := record.values("test_reconstruction_per_pixel", epoch=after):
            greedy = number([1000 * value for value in values])
            name = described.place.removeprefix("Autoencoders: ")
            notes.append(f"{name}: error per pixel x 1000 layer by layer {greedy}.")
    return notes


def draw_figure(drawing: Drawing) -> None:
    """Code spaces and what is decoded of them above; corrupted and denoised images below."""
    figure = new_figure(11, 9.2)
    above, below = figure.subfigures(2, height_ratios=[3.6, 1], squeeze=False)[:, 0]
    planes = above.subplots(2, len(PLANES), height_ratios=[1, 1])
    for column, (variant, name) in enumerate(PLANES.items()):
        draw_plane(planes[0, column], drawing, variant, name)
        draw_decoded(planes[1, column], drawing, variant)
    for axes, (variant, name) in zip(below.subplots(1, 2), DENOISED.items(), strict=True):
        draw_denoised(axes, drawing, variant, name)
    drawing.save(figure)


def draw_plane(axes: "Axes", drawing: Drawing, variant: str, name: str) -> None:
    """The codes of test images, and the frame of what is decoded below."""
    axes.set_title(f"{name}: codes of test images")
    arrays = arrays_of(drawing, variant)
    if "codes" not in arrays:
        not_run(axes, drawing.record(variant))
        return
    scatter_by_class(axes, arrays["codes"], arrays["labels"])
    (left, bottom), (right, top) = arrays["grid"].min(0), arrays["grid"].max(0)
    frame = np.array([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)])
    axes.plot(*frame.T, color="black", lw=0.8)
    axes.set_xlabel("$z_1$ (frame: what is decoded below)")
    axes.set_ylabel("$z_2$")


def draw_decoded(axes: "Axes", drawing: Drawing, variant: str) -> None:
    """What is decoded of an even grid over the frame, and of the code (0, 0)."""
    axes.set(title="decoded, evenly over the frame", xticks=[], yticks=[])
    arrays = arrays_of(drawing, variant)
    if "plane" not in arrays:
        not_run(axes, drawing.record(variant))
        return
    images = squares(arrays["plane"])  # [steps^2, 1, side, side]
    steps = math.isqrt(len(images))
    show(axes, images.reshape(steps, steps, *images.shape[1:]))
    axes.spines[:].set_visible(False)
    origin = axes.inset_axes((1.02, 0.0, 0.16, 0.16))
    show(origin, squares(arrays["origin"][None, None]))
    origin.set(xticks=[], yticks=[], title="(0, 0)")
    origin.spines[:].set_visible(False)


def draw_denoised(axes: "Axes", drawing: Drawing, variant: str, name: str) -> None:
    """Test images, the same corrupted, and the autoencoder's reconstructions, in three rows."""
    axes.set(title=name, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    arrays = arrays_of(drawing, variant)
    if "answers" not in arrays:
        not_run(axes, drawing.record(variant))
        return
    images = squares(arrays["answers"])
    show(axes, images)
    tile = images.shape[-2] + 1
    rows = ("input", "corrupted", "reconstruction")
    axes.set_yticks([tile * (row + 0.5) for row in range(len(rows))], rows)
    axes.tick_params(length=0)


def arrays_of(drawing: Drawing, variant: str) -> dict[str, np.ndarray]:
    record = drawing.record(variant)
    return drawing.arrays(variant) if record and record.healthy else {}


def show(axes: "Axes", images: np.ndarray) -> None:
    sheet = tiled(images, WHITE)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


if __name__ == "__main__":
    main(__file__)
