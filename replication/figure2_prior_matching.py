"""Figure 2: the codes of held-out images under a prior, adversarial against variational.

The claim (section 2.1): the adversarial autoencoder's codes fill the prior without holes, be it a
2-D Gaussian (a) or a mixture of ten (b); the VAE's leave gaps (c) and miss the mixture (d). (e)
decodes the Gaussian's percentiles along both axes of the code of (a).

Beside the paper's pictures each panel has a number: the sliced Wasserstein distance of the
aggregated posterior of held-out images to the prior, and the same distance between two prior
samples of that size, its floor.

Our choices, where the paper is silent: the Gaussian's deviation 5, the shape of the mixture (see
``GaussianMixture``), the VAE's Bernoulli likelihood and Adam.
"""

from typing import TYPE_CHECKING

import numpy as np

from .engine.cli import main
from .engine.drawing import Drawing, new_figure, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from .engine.job import Outcome, Run

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

    from .engine.evaluate import (
        mean_image_error,
        prior_distances,
        sampled_codes,
        test_metrics,
    )
    from .engine.job import Outcome
    from .engine.models import style_prior
    from .engine.phases import EncoderInput, Reconstruction, Regularisation, Variational
    from .engine.priors import Gaussian

    settings, stack, optimiser = run.settings, run.stack, run.settings.phases
    prior = style_prior(settings.style_prior, settings.style_size)
    encoder_input = EncoderInput(run.streams, settings.input_noise, run.epsilon_size)
    phases: list = []
    if optimiser.reconstruction:
        phases.append(Reconstruction(stack, optimiser.reconstruction, encoder_input))
    if optimiser.discriminator and optimiser.generator:
        adversaries = (optimiser.discriminator, optimiser.generator)
        game = Regularisation(stack, *adversaries, {"style": prior}, encoder_input, run.streams)
        phases.append(game)
    if optimiser.variational:
        phases.append(Variational(stack, optimiser.variational, prior, encoder_input))

    test = run.dataset.test

    def evaluate() -> "dict[str, Tensor]":
        return test_metrics(stack, test, run.epsilon_size)

    fitted = run.fit(phases, evaluate)
    codes = sampled_codes(stack, test, run.epsilon_size, run.streams)
    metrics = evaluate() | prior_distances(codes, prior, run.seeds)
    floor = mean_image_error(run.dataset.train, test)
    metrics["mean_image_per_pixel"] = torch.full([len(run.seeds)], floor)
    arrays = {"codes": codes, "labels": test.labels.byte().expand(len(run.seeds), -1)}
    if isinstance(prior, Gaussian):
        axis = prior.percentiles(STEPS).to(run.device)
        # Row by row from the top: the second code falls, the first rises.
        grid = torch.cartesian_prod(axis.flip(0), axis).flip(-1)
        with torch.no_grad():
            images = stack.each(lambda model, code: model.decoder(code), shared=(grid,))
        shape = (len(run.seeds), STEPS, STEPS, *run.dataset.shape)
        arrays["manifold"] = (images * 255).round().byte().view(shape)
    return Outcome(fitted, metrics, arrays)


def draw_figure(drawing: Drawing) -> None:
    """Panels (a) to (d) as scatter plots, (e) as a grid of images."""
    figure = new_figure(11, 6.4)
    axes = figure.subplot_mosaic([["a", "b", "e", "e"], ["c", "d", "e", "e"]])
    for axis, (variant, title) in zip("abcd", PANELS.items(), strict=True):
        scatter(axes[axis], drawing, variant, title)
    manifold(axes["e"], drawing)
    figure.suptitle(drawing.caption("Codes of held-out images, coloured by digit (Figure 2)"))
    drawing.save(figure)


def scatter(axes: "Axes", drawing: Drawing, variant: str, title: str) -> None:
    """One panel of codes, with its distance to the prior and that distance's floor."""
    axes.set_title(title)
    record = drawing.record(variant)
    if record is None:
        not_run(axes)
        return
    arrays = drawing.arrays(variant)
    codes, labels = arrays["codes"].astype(float), arrays["labels"]
    x, y = codes.T
    points = axes.scatter(x, y, c=labels, cmap="tab10", s=2, linewidths=0, vmin=-0.5, vmax=9.5)
    points.set_rasterized(True)
    # The prior's extent, so that codes outside it and holes inside it both show.
    if record.settings.style_prior.kind == "mixture":
        reach = 3.2
    else:
        reach = 3.5 * record.settings.style_prior.deviation
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    distance, floor = (record.values(m) for m in ("prior_distance", "prior_distance_floor"))
    text = f"distance to prior {percent(distance)}, floor {percent(floor)}"
    axes.set_xlabel(text, fontsize=7)


def manifold(axes: "Axes", drawing: Drawing) -> None:
    """The images decoded from the percentiles of the Gaussian, as one picture."""
    axes.set_title("(e) images over the Gaussian's percentiles, decoder of (a)")
    if drawing.record("aae_gaussian") is None:
        not_run(axes)
        return
    images = drawing.arrays("aae_gaussian")["manifold"][:, :, 0]
    rows, columns, height, width = images.shape
    sheet = images.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    axes.imshow(np.asarray(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.axis("off")


def not_run(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "not run", ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])


if __name__ == "__main__":
    main(__file__)
