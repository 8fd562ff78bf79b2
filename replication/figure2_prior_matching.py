"""Figure 2: the codes of held-out images under a prior, adversarial against variational.

The claim (section 2.1): the adversarial autoencoder's codes fill the prior without holes, be it a
2-D Gaussian (a) or a mixture of ten (b); the VAE's leave gaps (c) and miss the mixture (d). (e)
decodes the Gaussian's percentiles along both axes of the code of (a).

Beside the paper's pictures each panel has a number: the sliced Wasserstein distance of the
aggregated posterior of held-out images to the prior, and the same distance between two prior
samples of that size, its sampling noise.

Our choices, where the paper is silent: the Gaussian's standard deviation 5, the shape of the
mixture (see ``GaussianMixture``), the VAE's Bernoulli likelihood and Adam.
"""

from typing import TYPE_CHECKING

from .cli import main
from .pages.drawing import Drawing
from .pages.other_variants import further_panels, tell_others
from .pages.outlines import prior_outlines
from .pages.style import SMALL, TINY, new_figure, not_run, scatter_by_class, square_frame
from .pages.tables import cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from .training.run import Outcome, Run

PANELS = {
    "aae_gaussian": "(a) AAE, 2-D Gaussian",
    "aae_mixture": "(b) AAE, mixture of ten",
    "vae_gaussian": "(c) VAE, 2-D Gaussian",
    "vae_mixture": "(d) VAE, mixture of ten",
}
STEPS = 20  # the manifold of panel (e) has 20 x 20 images


def train(run: "Run") -> "Outcome":
    """Train an adversarial or a variational autoencoder, without labels."""
    import torch

    from .base.errors import UserError
    from .measures.evaluate import (
        mean_image_per_pixel,
        metrics_on_test,
        over_chunks,
        prior_distances,
        sampled_codes,
    )
    from .models.priors import Gaussian, style_prior
    from .training.run import Outcome

    run.needs("has_decoder")
    run.decodes_styles_alone()
    stack, test, prior = run.stack, run.dataset.test, style_prior(run.settings)
    if isinstance(prior, Gaussian):
        run.shows_grey_images()
    if (size := prior.size) != 2:
        problem = f"{run.item} draws a plane of codes, and style_dim is {size}"
        raise UserError(problem, "set style_dim to 2")

    def evaluate() -> "dict[str, Tensor]":
        return metrics_on_test(stack, run.dataset)

    fitted = run.fit(evaluate)
    codes = sampled_codes(stack, run.dataset, run.epsilon_size, run.streams)
    metrics = evaluate() | prior_distances(codes, prior, run.seeds)
    metrics |= mean_image_per_pixel(run.dataset, len(run.seeds))
    images = {}
    arrays = {"codes": codes, "labels": test.labels.byte().expand(len(run.seeds), -1)}
    if isinstance(prior, Gaussian):
        axis = prior.percentiles(STEPS).to(run.device)
        # Row by row from the top: the second code falls, the first rises.
        grid = torch.cartesian_prod(axis.flip(0), axis).flip(-1)
        decoded = over_chunks(stack, lambda model, code: model.decoder(code), grid)
        _, height, width = run.dataset.shape
        tiles = run.dataset.scaling.to_bytes(decoded).view(-1, STEPS, STEPS, height, width)
        sheet = tiles.transpose(2, 3).reshape(-1, STEPS * height, STEPS * width)
        arrays["manifold"] = images["manifold"] = sheet
    return Outcome(fitted, metrics, arrays, images)


def draw_figure(drawing: Drawing) -> None:
    """Panels (a) to (d) as scatter plots, (e) as a grid of images; then every other variant."""
    panels = PANELS | further_panels(drawing, PANELS, ["codes", "labels"], "f")
    places = [title[1] for title in panels.values()]  # their letters
    places += ["."] * (len(places) % 2)
    pairs = zip(places[::2], places[1::2], strict=True)
    rows = [f"{a}{b}{'e' if k < 2 else '.'}" for k, (a, b) in enumerate(pairs)]
    figure = new_figure(11, 3.05 * len(rows))
    axes = figure.subplot_mosaic(";".join(rows), width_ratios=[1, 1, 1.75])
    for variant, title in panels.items():
        scatter(axes[title[1]], drawing, variant, title)
    manifold(axes["e"], drawing)
    tell_others(figure, drawing, panels)
    drawing.save(figure)


def scatter(axes: "Axes", drawing: Drawing, variant: str, title: str) -> None:
    """One panel of codes, the prior's outline, and the codes' distance to the prior."""
    axes.set_title(title)
    record = drawing.record(variant)
    if record is None or not record.values("prior_distance"):
        not_run(axes, record)
        return
    arrays = drawing.arrays(variant)
    prior = record.settings.style_prior
    for outline in prior_outlines(prior):
        axes.plot(*outline, color="black", linewidth=0.6, alpha=0.7)
    scatter_by_class(axes, arrays["codes"], arrays["labels"])
    square_frame(axes, arrays["codes"], 2.8 if prior.kind == "mixture" else 2.6 * prior.std)
    axes.set_anchor("N")
    distance = cell(record, "prior_distance", counted=True)
    noise = cell(record, "prior_sampling_noise")
    text = f"$z_1$\ndistance to prior {distance}\nof two prior samples {noise}"
    axes.set_xlabel(text, fontsize=TINY)
    axes.set_ylabel("$z_2$", fontsize=SMALL)


def manifold(axes: "Axes", drawing: Drawing) -> None:
    """The images decoded from the percentiles of the Gaussian, as one picture."""
    axes.set_title("(e) decoder of (a), over the Gaussian's percentiles")
    record = drawing.record("aae_gaussian")
    if record is None or not record.healthy:
        not_run(axes, record)
        return
    sheet = drawing.arrays("aae_gaussian")["manifold"]
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[], anchor="N")
    axes.set_xlabel("percentiles of $z_1$, rising to the right", fontsize=SMALL)
    axes.set_ylabel("percentiles of $z_2$, rising to the top", fontsize=SMALL)


if __name__ == "__main__":
    main(__file__)
