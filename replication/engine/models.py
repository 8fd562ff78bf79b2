"""Models as the settings describe them, made of the paper's networks."""

from torch import nn

from .config import Settings, StylePrior
from .networks import Decoder, Discriminator, Encoder, initialise
from .priors import Gaussian, GaussianMixture
from .streams import generator


def build(settings: Settings, pixels: int, seed: int) -> nn.ModuleDict:
    """The parts that the phases train: ``encoder``, ``decoder``, ``<code>_discriminator``.

    The initialisation comes from the stream "initialisation" of ``seed``, on the CPU, so that it
    is the same on every device.
    """
    sizes = {"style": settings.style_size, "label": settings.label_size}
    heads = {name: size for name, size in sizes.items() if size}
    phases, hidden = settings.phases, settings.hidden
    model = nn.ModuleDict()
    posterior = (settings.posterior, settings.posterior_noise_size)
    model["encoder"] = Encoder(pixels, hidden, heads, *posterior, settings.batch_norm != "none")
    if phases.reconstruction or phases.variational:
        model["decoder"] = Decoder(
            sum(heads.values()), hidden, pixels, settings.output, settings.batch_norm == "all"
        )
    if phases.discriminator:
        for name, size in heads.items():
            model[f"{name}_discriminator"] = Discriminator(size, hidden)
    initialise(model, settings.initial_deviation, generator(seed, "initialisation"))
    return model


def style_prior(settings: StylePrior, size: int) -> Gaussian | GaussianMixture:
    """p(z) of the style code."""
    if settings.kind == "mixture":
        return GaussianMixture(settings.radius, settings.radial, settings.tangential)
    return Gaussian(size, settings.deviation)
