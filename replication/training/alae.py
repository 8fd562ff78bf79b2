"""The adversarial latent autoencoder (ALAE) of Pidhorskyi, Adjeroh and Doretto (2020).

arXiv:2004.04467; sizes and rates are those of its public code for permutation-invariant MNIST. A
mapping F makes a latent code w of Gaussian noise z, a generator G an image of w; an encoder E takes
the image back to w, where the discriminator D judges it. Neither pixels nor the distribution of w
are prescribed: that w = F(z) comes back as E(G(w)) is asked for in the latent space.

The parts are named as the paper's networks are where they do the same: ``encoder`` is E,
``decoder`` is G; ``mapping`` is F and ``latent_discriminator`` is D.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear, softplus

from replication.base.errors import UserError
from replication.base.streams import Streams, generator
from replication.models.stack import Stack
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Settings

from .descent import Descent, Phase
from .inputs import Batch, EncoderInput
from .losses import half_squared_error
from .phases import Reconstruction

if TYPE_CHECKING:
    from .losses import Model

SLOPE = 0.2  # of the leaky ReLU for negative inputs
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


def layers(sizes: Sequence[int], multiplier: float = 1.0) -> list[nn.Module]:
    """Linear layers of the given sizes, each followed by a leaky ReLU."""
    made: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        made += [EqualisedLinear(inputs, outputs, multiplier), nn.LeakyReLU(SLOPE)]
    return made


class LatentEncoder(nn.Module):
    """E: latent codes w of images. Its ``trunk`` gives the features before the last layer."""

    def __init__(self, trunk: Sequence[nn.Module], features: int, size: int):
        super().__init__()
        self.trunk = nn.Sequential(*trunk)
        self.last = EqualisedLinear(features, size)

    def forward(self, images: Tensor, epsilon: Tensor | None = None) -> dict[str, Tensor]:
        """``style`` [B, size], which is w, of ``images`` [B, pixels]; it takes no epsilon."""
        return {"style": leaky_relu(self.last(self.trunk(images)), SLOPE).float()}


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
    if alae.channels:
        into, features, out = convolutions(alae.channels, pixels, size)
    else:
        into, features = layers([pixels, *settings.hidden_sizes]), settings.hidden_sizes[-1]
        out = [
            *layers([size, *settings.hidden_sizes]),
            EqualisedLinear(settings.hidden_sizes[-1], pixels),
        ]
    model = nn.ModuleDict()
    model["encoder"] = LatentEncoder(into, features, size)
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
    channels: Sequence[int], pixels: int, size: int
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
        *layers([size, features]),
        nn.Unflatten(-1, (channels[-1], least, least)),
    ]
    for inputs, outputs in pairwise([*reversed(channels), 1]):
        out += [DoublingConvolution(inputs, outputs), nn.LeakyReLU(SLOPE)]
    return [*into, nn.Flatten(-3)], features, [*out[:-1], nn.Flatten(-3)]


def initialise(model: nn.Module, stream: torch.Generator) -> None:
    """Weights of deviation 1, divided by the layer's multiplier; biases stay zero."""
    for layer in model.modules():
        if isinstance(layer, Equalised):
            nn.init.normal_(layer.weight, 0.0, 1 / layer.multiplier, generator=stream)


class BoundedDescent(Descent):
    """A descent whose every step moves a parameter tensor by ``bound`` at most (Euclidean norm).

    Not in the ALAE paper: a popular tutorial describes ALAE with a "Lipschitz bound on the updates
    of the parameters". With ``stacked`` parameters, [S, ...], each seed has its own norm.
    """

    def __init__(self, parameters: list[Tensor], settings: Optimiser, bound: float, stacked: bool):
        super().__init__(parameters, settings)
        self.bound = bound
        self.stacked = stacked

    def step(self) -> None:
        moved = [p for p in self.parameters if p.grad is not None]
        before = [p.detach().clone() for p in moved]
        super().step()
        with torch.no_grad():
            for parameter, old in zip(moved, before, strict=True):
                change = parameter - old
                within = tuple(range(int(self.stacked), change.ndim))
                norm = torch.linalg.vector_norm(change, dim=within, keepdim=True)
                parameter.copy_(old + change * (self.bound / norm.clamp(min=self.bound)))


def codes_of(model: "Model", images: Tensor) -> Tensor:
    return model.encoder(images)["style"]


def judged(model: "Model", images: Tensor) -> Tensor:
    """D(E(x)), [B] from images [B, pixels]."""
    return model.latent_discriminator(codes_of(model, images))


def generated(model: "Model", noise: Tensor) -> Tensor:
    """G(F(z)), [B, pixels] from noise [B, size]."""
    return model.decoder(model.mapping(noise))


def latent_error(model: "Model", noise: Tensor) -> Tensor:
    """The mean of (E(G(F(z))) - F(z))^2, in which F is not to move."""
    codes = model.mapping(noise).detach()
    return (codes_of(model, model.decoder(codes)) - codes).square().mean()


class LatentGame:
    """The three steps of an update of ALAE (its Algorithm 1), each with noise of its own.

    1. E and D learn to tell the codes of images from those of generated images;
    2. F and G learn to confuse them;
    3. E and G learn that a code comes back as it was.

    There is one optimiser for E and D and one for G and F, as in the public code: the third step
    goes on with the moments of the other two.
    """

    def __init__(self, stack: Stack, settings: Settings, streams: Streams):
        assert settings.alae is not None
        assert settings.phases.discriminator is not None
        assert settings.phases.generator is not None
        self.stack = stack
        self.streams = streams
        self.size = settings.style_dim
        self.gamma = settings.alae.gamma
        bound = settings.alae.max_update_norm
        sides = [
            (stack.parameters("encoder", "latent_discriminator"), settings.phases.discriminator),
            (stack.parameters("decoder", "mapping"), settings.phases.generator),
        ]
        self.descents = [
            Descent(*side) if bound is None else BoundedDescent(*side, bound, stack.size > 1)
            for side in sides
        ]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        losses = self.discriminate(batch.images)
        losses["generator"] = self.confuse(batch.images.shape[1])
        losses["latent_reconstruction"] = self.reconstruct(batch.images.shape[1])
        return losses

    def discriminate(self, images: Tensor) -> dict[str, Tensor]:
        """Step 1 on ``images`` [S, B, pixels] and as many generated ones."""
        # Detached, not under no_grad, which would switch the bf16 products off (``Stack.each``).
        fake = self.stack.each(generated, self._noise(images.shape[1])).detach()
        real = images.detach().requires_grad_()
        logits = self.stack.each(judged, real)
        penalty = gradient_penalty(logits, real)
        game = softplus(self.stack.each(judged, fake)).mean(1) + softplus(-logits).mean(1)
        self.descents[0](game + 0.5 * self.gamma * penalty)
        return {"discriminator": game.detach(), "gradient_penalty": penalty.detach()}

    def confuse(self, count: int) -> Tensor:
        """Step 2 on ``count`` generated images; its losses [S]."""
        fake = self.stack.each(generated, self._noise(count))
        losses = softplus(-self.stack.each(judged, fake)).mean(1)
        self.descents[1](losses)
        return losses.detach()

    def reconstruct(self, count: int) -> Tensor:
        """Step 3 on ``count`` latent codes; its losses [S]."""
        losses = self.stack.each(latent_error, self._noise(count))
        moved = self.stack.parameters("encoder", "decoder")
        gradients = torch.autograd.grad(losses.sum(), moved)
        for parameter, gradient in zip(moved, gradients, strict=True):
            parameter.grad = gradient.contiguous()  # as in ``Descent``
        for descent in self.descents:
            descent.step()  # D and F have no gradient and stay as they are
        return losses.detach()

    def _noise(self, count: int) -> Tensor:
        return self.streams.normal("noise z", count, self.size)


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """The squared norm of the logits' gradient by their images, mean over the batch, [S] (R1).

    ``logits`` [S, B] were computed from ``images`` [S, B, pixels]; the gradient has one of its own.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().sum(-1).mean(1)


def half_absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """1/2 |x - x^|, summed over pixels and averaged over the batch."""
    return 0.5 * (output - target).abs().sum(-1).mean()


def in_order(stack: Stack, settings: Settings, streams: Streams) -> list[Phase]:
    """The phases that ``settings`` name: the game, or the reconstruction of its baselines."""
    assert settings.alae is not None
    phases: list[Phase] = []
    if settings.phases.reconstruction:
        error = half_absolute_error if settings.alae.absolute_error else half_squared_error
        encoder_input = EncoderInput(streams, settings, 0)
        how = (settings.phases.reconstruction, False, encoder_input, error)
        phases.append(Reconstruction(stack, *how))
    if settings.phases.discriminator:
        phases.append(LatentGame(stack, settings, streams))
    return phases
