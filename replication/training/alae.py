"""The phases of the adversarial latent autoencoder (ALAE).

Pidhorskyi, Adjeroh and Doretto (2020), arXiv:2004.04467; rates are those of its public code. A
mapping F makes a latent code w of Gaussian noise z, a generator G an image of w; an encoder E takes
the image back to w, where the discriminator D judges it. Neither pixels nor the distribution of w
are prescribed: that w = F(z) comes back as E(G(w)) is asked for in the latent space.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import softplus

from replication.base.streams import Streams
from replication.models.stack import Stack
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Settings

from .descent import Descent, Phase, give_gradients
from .inputs import Batch, EncoderInput
from .losses import half_squared_error
from .phases import Reconstruction

if TYPE_CHECKING:
    from .losses import Model


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
        give_gradients(losses, self.stack.parameters("encoder", "decoder"))
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
