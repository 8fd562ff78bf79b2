"""The phases of one update, in the paper's order (section 2 and section 5).

1. *Reconstruction*: encoder and decoder descend the reconstruction error.
2. *Regularisation*: the discriminators learn to tell prior samples from codes, then the encoder,
   as generator, learns to confuse them.
3. *Semi-supervised classification*: q(y|x) descends the cross-entropy of a labelled batch.

Each phase has its own optimiser, learning rates and momentum. The settings' ``differences`` are
what public replications do otherwise.
"""

import math
from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from replication.base.streams import Streams, stacked
from replication.models.priors import ClassPrior, DensePrior, Prior, samples
from replication.models.stack import Stack
from replication.settings.losses import Differences
from replication.settings.optimisers import Optimiser

from .descent import Descent
from .inputs import Batch, EncoderInput
from .losses import (
    Model,
    adversarial_codes,
    classification_loss,
    discriminator_loss,
    generator_loss,
    head_distance_loss,
    reconstruction_loss,
)


class Reconstruction:
    """Encoder and decoder; ``labelled``: the decoder is given the image's label (Figure 6)."""

    def __init__(
        self,
        stack: Stack,
        settings: Optimiser,
        labelled: bool,
        encoder_input: EncoderInput,
        error: Callable,
    ):
        self.stack = stack
        self.labelled = labelled
        self.error = error
        self.encoder_input = encoder_input
        self.descents = [Descent(stack.parameters("encoder", "decoder"), settings)]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        losses = self.losses(batch)
        self.descents[0](losses)
        return {"reconstruction": losses.detach()}

    def losses(self, batch: Batch) -> Tensor:
        inputs = self.encoder_input(batch.images)
        given = batch.given if self.labelled else batch.given[..., :0]
        shared = (self.error,)
        return self.stack.each(reconstruction_loss, batch.images, given, *inputs, shared=shared)


class HeadDistance:
    """Keeps the cluster heads apart: "an additional cost function" of section 7."""

    def __init__(self, stack: Stack, settings: Optimiser, heads: int, least: float):
        self.stack = stack
        self.every = torch.eye(heads, device=stack.device)
        self.least = least
        self.descents = [Descent(stack.parameters("decoder.cluster_heads"), settings)]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        losses = self.stack.each(head_distance_loss, shared=(self.every, self.least))
        self.descents[0](losses)
        return {"head_distance": losses.detach()}


class Regularisation:
    """The adversarial game on each code that has a prior (``{"style": ..., "label": ...}``).

    ``guided``: the style's discriminator is told the image's label, and for a prior sample the
    class whose part of the prior it was drawn from (section 2.3, Figure 3).
    """

    def __init__(
        self,
        stack: Stack,
        discriminator: Optimiser,
        generator: Optimiser,
        priors: Mapping[str, Prior],
        guided: bool,
        encoder_input: EncoderInput,
        streams: Streams,
        differences: Differences,
    ):
        self.stack = stack
        self.priors = priors
        self.guided = guided
        self.encoder_input = encoder_input
        self.streams = streams
        self.differences = differences
        parts = [f"{name}_discriminator" for name in priors]
        heads = ["encoder.trunk", *(f"encoder.heads.{name}" for name in priors)]
        if stack.parameters("encoder.heads.style_log_variance"):
            heads.append("encoder.heads.style_log_variance")
        self.descents = [
            Descent(stack.parameters(*parts), discriminator),
            Descent(stack.parameters(*heads), generator),
        ]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        discriminator, fake = self.discriminate(batch)
        generator = self.generator_losses(batch, fake)
        self.descents[1](generator)
        return {"discriminator": discriminator, "generator": generator.detach()}

    def discriminate(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The discriminators' step: its losses, and the codes that it was made with."""
        fake = self._codes(batch)
        real = {name: self._prior_samples(name, batch) for name in self.priors}
        detached = {name: codes.detach() for name, codes in fake.items()}
        losses = self.stack.each(discriminator_loss, self._seen(real), self._seen(detached))
        self.descents[0](losses)
        return losses.detach(), fake

    def generator_losses(self, batch: Batch, fake: dict[str, Tensor]) -> Tensor:
        # The discriminators' step leaves the encoder alone, so one pass serves both steps.
        codes = self._codes(batch) if self.differences.fresh_codes else fake
        shared = (self.differences.saturating,)
        return self.stack.each(generator_loss, self._seen(codes), shared=shared)

    def _codes(self, batch: Batch) -> dict[str, Tensor]:
        beside = batch.given if self.guided else batch.given[..., :0]
        return self.stack.each(adversarial_codes, beside, *self.encoder_input(batch.images))

    def _seen(self, codes: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the discriminators see of samples or codes: with new noise, if it is asked for."""
        if not (deviation := self.differences.discriminator_noise_std):
            return codes
        noisy = {}
        for name, own in codes.items():
            noise = self.streams.normal("discriminator noise", *own.shape[1:])
            noisy[name] = torch.add(own, noise, alpha=deviation)
        return noisy

    def _prior_samples(self, name: str, batch: Batch) -> Tensor:
        prior, generators = self.priors[name], self.streams[f"prior of {name}"]
        if not self.guided:
            return samples(prior, batch.images.shape[1], generators)
        # The labels of the batch serve both halves: the discriminator cannot tell them by these.
        classes, divided = batch.given.argmax(-1), cast(ClassPrior, prior)
        draws = [divided.sample_class(c, g) for c, g in zip(classes, generators, strict=True)]
        return torch.cat([stacked(draws), batch.given], dim=-1)


class Classification:
    """The cross-entropy of the labelled batch; of the heads, it trains q(y|x) alone."""

    def __init__(self, stack: Stack, settings: Optimiser, encoder_input: EncoderInput):
        self.stack = stack
        self.encoder_input = encoder_input
        parameters = stack.parameters("encoder.trunk", "encoder.heads.label")
        self.descents = [Descent(parameters, settings)]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        losses = self.losses(batch)
        self.descents[0](losses)
        return {"classification": losses.detach()}

    def losses(self, batch: Batch) -> Tensor:
        inputs = self.encoder_input(batch.labelled_images)
        return self.stack.each(classification_loss, *inputs, batch.labels)


class Variational:
    """The VAE's objective, as the paper compares it (section 2.1), in nats.

    -E log p(x|z) - H(q(z|x)) - E log p(z): a Bernoulli likelihood, the Gaussian posterior's
    entropy in closed form, and the cross-entropy to the prior at the same one sample of z.
    """

    def __init__(
        self, stack: Stack, settings: Optimiser, prior: DensePrior, encoder_input: EncoderInput
    ):
        self.stack = stack
        self.prior = prior
        self.encoder_input = encoder_input
        self.descents = [Descent(stack.parameters("encoder", "decoder"), settings)]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        inputs = self.encoder_input(batch.images)
        losses = self.stack.each(self.loss, batch.images, *inputs)
        self.descents[0](losses)
        return {"negative_elbo": losses.detach()}

    def loss(self, model: Model, target: Tensor, images: Tensor, epsilon: Tensor) -> Tensor:
        codes = model.encoder(images, epsilon)
        output = model.decoder(codes["style"])
        misfit = binary_cross_entropy(output, target, reduction="none").sum(-1)
        log_variance = codes["style_log_variance"]
        entropy = 0.5 * (log_variance + math.log(2 * math.pi * math.e)).sum(-1)
        return (misfit - entropy - self.prior.log_density(codes["style"])).mean()
