"""The networks of the adversarial latent autoencoder (ALAE).

Pidhorskyi, Adjeroh and Doretto (2020), arXiv:2004.04467; sizes are those of its public code for
permutation-invariant MNIST. They are named as the paper's networks are where they do the same:
``encoder`` is E, ``decoder`` is G; ``mapping`` is F and ``latent_discriminator`` is D.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from replication.base.errors import UserError
from replication.base.streams import generator
from replication.settings.schema import Settings

SLOPE = 0.2  # of the leaky ReLU for negative inputs, in the encoder's trunk and the mapping
GAIN = math.sqrt(2)


class Equalised(nn.Module):
    """A layer with an equalised learning rate (Karras et al., 2018).

    The weights start with deviation 1 and are scaled by sqrt(2 / inputs) whenever they are used,
    so that Adam moves all layers at the same speed. A ``multiplier`` of 0.1 makes the layer ten
    times slower: weights ten times as large, used at a tenth.
    """

    def __init__(self, shape: Sequence[int], inputs: int, outputs: int, multiplier: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.multiplier = multiplier
        self.scale = GAIN / math.sqrt(inputs) * multiplier

    def bias_used(self) -> Tensor:
        return self.bias * self.multiplier


class EqualisedLinear(Equalised):
    """[..., inputs] to [..., outputs]."""

    def __init__(self, inputs: int, outputs: int, multiplier: float = 1.0):
        super().__init__((outputs, inputs), inputs, outputs, multiplier)

    def forward(self, values: Tensor) -> Tensor:
        # The batch is smaller than the weights: scaling it instead of them costs less.
        return linear(values * self.scale, self.weight, self.bias_used())


class HalvingConvolution(Equalised):
    """A 3x3 convolution that halves the side: [B, inputs, H, W] to [B, outputs, H/2, W/2]."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__((outputs, inputs, 3, 3), 9 * inputs, outputs, 1.0)

    def forward(self, images: Tensor) -> Tensor:
        scaled = images * self.scale
        return conv2d(scaled, self.weight, self.bias_used(), stride=2, padding=1)


class DoublingConvolution(Equalised):
    """A transposed 3x3 convolution that doubles the side."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__((inputs, outputs, 3, 3), 9 * inputs, outputs, 1.0)

    def forward(self, images: Tensor) -> Tensor:
        how = {"stride": 2, "padding": 1, "output_padding": 1}
        return conv_transpose2d(images * self.scale, self.weight, self.bias_used(), **how)


def layers(sizes: Sequence[int], multiplier: float = 1.0, slope: float = SLOPE) -> list[nn.Module]:
    """Linear layers of the given sizes, each followed by a leaky ReLU."""
    made: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        made += [EqualisedLinear(inputs, outputs, multiplier), nn.LeakyReLU(slope)]
    return made


class LatentEncoder(nn.Module):
    """E: latent codes w of images. Its ``trunk`` gives the features before the last layer."""

    def __init__(self, trunk: Sequence[nn.Module], features: int, size: int, slope: float):
        super().__init__()
        self.trunk = nn.Sequential(*trunk)
        self.last = EqualisedLinear(features, size)
        self.slope = slope

    def forward(self, images: Tensor, epsilon: Tensor | None = None) -> dict[str, Tensor]:
        """``style`` [B, size], which is w, of ``images`` [B, pixels]; it takes no epsilon."""
        return {"style": leaky_relu(self.last(self.trunk(images)), self.slope).float()}


class LatentDecoder(nn.Module):
    """G: images [B, pixels] of latent codes w [B, size]; the outputs are unbounded."""

    def __init__(self, trunk: Sequence[nn.Module]):
        super().__init__()
        self.trunk = nn.Sequential(*trunk)

    def forward(self, code: Tensor, label: Tensor | None = None) -> Tensor:
        return self.trunk(code).float()


class Mapping(nn.Module):
    """F: latent codes w of noise z, [B, size] both, which is scaled to a mean square of 1."""

    def __init__(self, size: int, depth: int, multiplier: float):
        super().__init__()
        self.trunk = nn.Sequential(*layers([size] * (depth + 1), multiplier))

    def forward(self, noise: Tensor) -> Tensor:
        return self.trunk(noise * torch.rsqrt(noise.square().mean(-1, True) + 1e-8)).float()


class LatentDiscriminator(nn.Module):
    """D: the logit of "this code is one of a real image", [B] from codes w [B, size].

    Linear, as the public code has it: there is nothing between its layers.
    """

    def __init__(self, size: int, depth: int, multiplier: float):
        super().__init__()
        sizes = [size] * depth + [1]
        self.trunk = nn.Sequential(*(EqualisedLinear(i, o, multiplier) for i, o in pairwise(sizes)))

    def forward(self, code: Tensor) -> Tensor:
        return self.trunk(code).float().squeeze(-1)


def build(settings: Settings, pixels: int, seed: int) -> nn.ModuleDict:
    """The parts that the phases train, initialised from the stream "initialisation" of ``seed``.

    A UserError where convolutions cannot take images of ``pixels`` values.
    """
    alae, size = settings.alae, settings.style_dim
    assert alae is not None
    slope = alae.generator_slope
    if alae.channels:
        into, features, out = convolutions(alae.channels, pixels, size, slope)
    else:
        into, features = layers([pixels, *settings.hidden_sizes]), settings.hidden_sizes[-1]
        out = [
            *layers([size, *settings.hidden_sizes], slope=slope),
            EqualisedLinear(settings.hidden_sizes[-1], pixels),
        ]
    model = nn.ModuleDict()
    model["encoder"] = LatentEncoder(into, features, size, slope)
    model["decoder"] = LatentDecoder(out)
    if settings.phases.generator:
        depths = (alae.mapping_layers, alae.discriminator_layers)
        model["mapping"] = Mapping(size, depths[0], alae.learning_rate_multiplier)
        model["latent_discriminator"] = LatentDiscriminator(
            size, depths[1], alae.learning_rate_multiplier
        )
    initialise(model, generator(seed, "initialisation"))
    return model


def convolutions(
    channels: Sequence[int], pixels: int, size: int, slope: float
) -> tuple[list[nn.Module], int, list[nn.Module]]:
    """The encoder's trunk, how many features it gives, and the decoder that mirrors it."""
    side, shrunk = math.isqrt(pixels), 2 ** len(channels)
    if side * side != pixels or side % shrunk:
        problem = f"alae.channels: images of {pixels} values are not square, grey, and of a side"
        raise UserError(f"{problem} that {shrunk} divides", "leave alae.channels out")
    least = side // shrunk
    features = channels[-1] * least * least
    into: list[nn.Module] = [nn.Unflatten(-1, (1, side, side))]
    for inputs, outputs in pairwise([1, *channels]):
        into += [HalvingConvolution(inputs, outputs), nn.LeakyReLU(SLOPE)]
    out: list[nn.Module] = [
        *layers([size, features], slope=slope),
        nn.Unflatten(-1, (channels[-1], least, least)),
    ]
    for inputs, outputs in pairwise([*reversed(channels), 1]):
        out += [DoublingConvolution(inputs, outputs), nn.LeakyReLU(slope)]
    return [*into, nn.Flatten(-3)], features, [*out[:-1], nn.Flatten(-3)]


def initialise(model: nn.Module, stream: torch.Generator) -> None:
    """Weights of deviation 1, divided by the layer's multiplier; biases stay zero."""
    for layer in model.modules():
        if isinstance(layer, Equalised):
            nn.init.normal_(layer.weight, 0.0, 1 / layer.multiplier, generator=stream)
