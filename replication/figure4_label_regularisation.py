"""Figure 4: labels in the adversarial regularisation give each class its part of the prior.

The claim (section 2.3): a one-hot label beside the code at the discriminator's input, with one more
class for images without a label (Figure 3), ties each part of the prior to a class. With 10,000
labelled and 40,000 unlabelled images the codes of held-out images lie in their own component of a
mixture of ten 2-D Gaussians (a), or in their own tenth of a swiss roll (c), and the style varies
smoothly along the axes of each component (b) and along the roll (d).

Beside the paper's pictures (a) and (c) have numbers: the share of test images whose code lies where
their own class is the most likely one, its chance value and that of prior samples, and Figure 2's
distance of the codes to the prior.

Our choices, where the paper is silent: the shapes of the mixture and of the roll (see
``GaussianMixture`` and ``SwissRoll``); the 50,000 images are the first of the 60,000; the rates are
those of Figure 2 at the paper preset, Adam's at the others.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .pages.drawing import Drawing
from .pages.other_variants import further_panels, tell_others
from .pages.outlines import prior_outlines
from .pages.style import DIGITS, SMALL, new_figure, not_run, scatter_by_class, square_frame
from .pages.tables import Cell, cell, cell_if_measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from torch import Tensor

    from .evidence.records import Record
    from .models.priors import ClassPrior, GaussianMixture, SwissRoll
    from .settings.schema import Seed
    from .training.run import Outcome, Run

COMPONENTS = 3  # of the mixture, whose manifolds the paper shows
STEPS = 12  # along each axis of a component
ROWS, COLUMNS = 10, 30  # of the walk along the roll: a row for each class
NUMBERS = ("test_own_part_percent", "prior_distance", "prior_sampling_noise")
BOUNDS = ("own_part_chance_percent", "own_part_ceiling_percent")

PANELS = {
    "mixture": "(a) codes under the mixture of ten",
    "swiss_roll": "(c) codes under the swiss roll",
}
# What is decoded of a prior: the array, and what it shows.
DECODED = {
    "mixture": ("components", "decoded over the percentiles of the components of 0, 1 and 2"),
    "swiss_roll": ("walk", "decoded along the roll, from its middle outwards, row by row"),
}
# The squared error of a pixel, and of what is decoded by knowing less than the code.
ERRORS = {
    "test_reconstruction_per_pixel": "",
    "class_mean_per_pixel": "mean image of each class ",
    "mean_image_per_pixel": "mean of all images ",
}


def train(run: "Run") -> "Outcome":
    """Train an adversarial autoencoder whose style discriminator is told the labels."""
    import torch

    from .measures.evaluate import (
        mean_image_per_pixel,
        metrics_on_test,
        prior_distances,
        sampled_codes,
    )
    from .measures.probes import class_mean_error
    from .training.run import Outcome

    run.needs("has_decoder")
    prior = divided_prior(run)
    run.decodes_styles_alone()
    run.shows_grey_images()
    stack, data, labels = run.stack, run.dataset, run.dataset.test.labels

    def measured(codes: "Tensor") -> "dict[str, Tensor]":
        own = {"test_own_part_percent": own_part_percent(codes, labels, prior)}
        return metrics_on_test(stack, data) | own

    def drawn() -> "Tensor":
        return sampled_codes(stack, data, run.epsilon_size, run.streams)

    fitted = run.fit(lambda: measured(drawn()))
    codes = drawn()
    metrics = measured(codes) | prior_distances(codes, prior, run.seeds)
    metrics |= references(codes, labels, prior, run.seeds) | each_class(codes, labels, prior)
    class_mean = class_mean_error(data.train, data.test)
    metrics["class_mean_per_pixel"] = torch.full([len(run.seeds)], class_mean)
    metrics |= mean_image_per_pixel(data, len(run.seeds))
    arrays = {"codes": codes, "labels": labels.byte().expand(len(run.seeds), -1)}
    sheets, images = decoded_parts(run, prior)
    return Outcome(fitted, metrics, arrays | sheets, images)


def divided_prior(run: "Run") -> "GaussianMixture | SwissRoll":
    """The settings' prior; a UserError unless it has a part for each class."""
    from .base.errors import UserError
    from .models.priors import GaussianMixture, SwissRoll, style_prior

    data, prior = run.dataset, style_prior(run.settings)
    if not isinstance(prior, GaussianMixture | SwissRoll):
        kind = run.settings.style_prior.kind
        raise UserError(f"the {kind} prior has no parts", "choose another")
    if data.classes != prior.classes:
        problem = f"{data.name} has {data.classes} classes, the prior {prior.classes} parts"
        raise UserError(problem, "choose other data, or another prior")
    return prior


def decoded_parts(
    run: "Run", prior: "GaussianMixture | SwissRoll"
) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
    """What is decoded along the prior's parts: as arrays [S, ...], and as one image each."""
    import torch

    from .models.priors import GaussianMixture

    if isinstance(prior, GaussianMixture):
        sheets = [decoded(run, petal(prior, k), STEPS, STEPS) for k in range(COMPONENTS)]
        return {"components": torch.stack(sheets, 1)}, {"components": torch.cat(sheets, 2)}
    steps = ROWS * COLUMNS
    walk = decoded(run, prior.place((torch.arange(steps) + 0.5) / steps), ROWS, COLUMNS)
    return {"walk": walk}, {"walk": walk}


def own_part_percent(codes: "Tensor", labels: "Tensor", prior: "ClassPrior") -> "Tensor":
    """The share of ``codes`` [..., N, 2] where the class of ``labels`` [N] is likeliest, [...]."""
    return 100 * (prior.class_of(codes) == labels).double().mean(-1)


def references(
    codes: "Tensor", labels: "Tensor", prior: "ClassPrior", seeds: "Sequence[Seed]"
) -> "dict[str, Tensor]":
    """What the share of codes [S, N, 2] in their own part is to be compared with, [S] each.

    ``own_part_chance_percent`` is its expectation when the labels are permuted among the codes,
    ``own_part_ceiling_percent`` that of prior samples, drawn for the classes of ``labels``.
    """
    import torch

    from .base.streams import generator
    from .models.priors import one_hot

    taken = one_hot(prior.class_of(codes), prior.classes).mean(1)
    chance = 100 * taken @ one_hot(labels, prior.classes).mean(0)
    streams = [generator(s.seed, "ceiling of the own part") for s in seeds]
    samples = torch.stack([prior.sample_class(labels.cpu(), stream) for stream in streams])
    ceiling = own_part_percent(samples, labels.cpu(), prior)
    return {"own_part_chance_percent": chance, "own_part_ceiling_percent": ceiling}


def each_class(codes: "Tensor", labels: "Tensor", prior: "ClassPrior") -> "dict[str, Tensor]":
    """The share of each class's codes that lie in its own part, [S] each.

    Of the classes that ``labels`` [N] have: data of the user's own may lack one in the test set.
    """
    own = 100 * (prior.class_of(codes) == labels).double()
    shares = {k: own[:, labels == k].mean(1) for k in labels.unique().tolist()}
    return {f"class_{k}_own_part_percent": share for k, share in shares.items()}


def petal(mixture: "GaussianMixture", component: int) -> "Tensor":
    """The codes of a component's percentiles along both of its axes, [STEPS * STEPS, 2].

    Row by row from the top: across the petal falls, along it (outwards) rises.
    """
    import torch

    from .models.priors import Gaussian

    axis = Gaussian(1).percentiles(STEPS)
    standard = torch.cartesian_prod(axis.flip(0), axis).flip(-1)
    return mixture.place(torch.full((len(standard),), component), standard)


def decoded(run: "Run", codes: "Tensor", rows: int, columns: int) -> "Tensor":
    """The images of ``codes`` [rows * columns, 2] as one picture, uint8 [S, height, width].

    A black frame of one pixel keeps the images apart: those of 8x8 pixels fill their square.
    """
    from torch.nn.functional import pad

    from .measures.evaluate import over_chunks

    outputs = over_chunks(run.stack, lambda model, code: model.decoder(code), codes.to(run.device))
    _, height, width = run.dataset.shape
    pixels = run.dataset.scaling.to_bytes(outputs).view(-1, rows, columns, height, width)
    tiles = pad(pixels, (1, 1, 1, 1))
    return tiles.transpose(2, 3).reshape(-1, rows * (height + 2), columns * (width + 2))


def draw_figure(drawing: Drawing) -> None:
    """Panels (a) and (c) as scatter plots; (b) and (d) as grids of images; then the others."""
    panels = PANELS | further_panels(drawing, PANELS, ["codes", "labels"], "e")
    figure = new_figure(11, 3.35 * len(panels))
    for (left, right), (variant, title) in zip(
        figure.subplots(len(panels), 2, width_ratios=[1, 2.1]), panels.items(), strict=True
    ):
        scatter(left, drawing, variant, title)
        letter = f"({chr(ord(title[1]) + 1)}) " if variant in PANELS else ""
        kind = drawing.settings(variant).style_prior.kind
        name, shown = DECODED[kind]
        pictures(right, drawing, variant, name, letter + shown)
    tell_others(figure, drawing, panels)
    drawing.save(figure)


def scatter(axes: "Axes", drawing: Drawing, variant: str, title: str) -> None:
    """One panel of codes over the outlines of each class's part, with the panel's numbers."""
    axes.set_title(title)
    record = drawing.record(variant)
    if record is None or not record.values("test_own_part_percent"):
        not_run(axes, record)
        return
    for digit, outline in enumerate(prior_outlines(record.settings.style_prior)):
        axes.plot(*outline, color=DIGITS[digit], linewidth=1, alpha=0.6)
    arrays = drawing.arrays(variant)
    scatter_by_class(axes, arrays["codes"], arrays["labels"])
    square_frame(axes, arrays["codes"], 3.2)
    axes.set_anchor("N")
    own, distance, noise = (rounded(record, m) for m in NUMBERS)
    chance, ceiling = (replace(cell(record, m), sd=None, digits=0) for m in BOUNDS)
    each = (cell_if_measured(record, f"class_{k}_own_part_percent") for k in range(len(DIGITS)))
    shares = {k: share.mean for k, share in enumerate(each) if share.mean is not None}
    least = min(shares, key=lambda k: shares[k])
    text = f"in their own part: {own} % of codes (by chance {chance} %,\n"
    text += f"prior samples {ceiling} %); least, of digit {least}: {shares[least]:.0f} %\n"
    text += f"distance to prior {distance};\nof two prior samples {noise}"
    axes.set_xlabel(f"$z_1$\n{text}", fontsize=SMALL)
    axes.set_ylabel("$z_2$", fontsize=SMALL)


def rounded(record: "Record", metric: str) -> Cell:
    """Shares with a decimal, distances with three."""
    return replace(cell(record, metric), digits=1 if metric.endswith("percent") else 3)


def pictures(axes: "Axes", drawing: Drawing, variant: str, name: str, title: str) -> None:
    """Decoded images as they were stored; several sheets stand side by side, a gap between."""
    axes.set_title(title)
    record = drawing.record(variant)
    if record is None or not record.values("test_own_part_percent"):
        not_run(axes, record)
        return
    sheet = drawing.arrays(variant)[name]
    if sheet.ndim == 3:
        gap = np.full((sheet.shape[1], sheet.shape[1] // 30), 255, dtype=sheet.dtype)
        sheet = np.concatenate([p for own in sheet for p in (gap, own)][1:], 1)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    errors = {of: cell_if_measured(record, metric) for metric, of in ERRORS.items()}
    text = "; ".join(f"{of}{error}" for of, error in errors.items() if error.mean is not None)
    text = f"squared error per pixel x 1000: {text}"
    axes.set_title(f"{title}\n{text}", fontsize=SMALL)
    axes.set_anchor("N")
    axes.axis("off")


if __name__ == "__main__":
    main(__file__)
