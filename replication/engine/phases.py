"""The phases of one update, in the paper's order (section 2 and section 5).

1. *Reconstruction*: encoder and decoder descend the reconstruction error.
2. *Regularisation*: the discriminators learn to tell prior samples from codes, then the encoder,
   as generator, learns to confuse them.
3. *Semi-supervised classification*: q(y|x) descends the cross-entropy of a labelled batch.

Each phase has its own optimiser, rate schedule and momentum. Losses are functions of one model;
``Stack.each`` maps them over the seeds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, cross_entropy, softplus

from .config import Optimiser, Phases, Settings
from .priors import DensePrior, Prior
from .stack import Stack
from .streams import Streams, stacked

# Models are plain modules, or a Stack's view of one: whatever has the parts as attributes.
Model = Any


@dataclass(frozen=True)
class Batch:
    """One update's data for S seeds: images [S, B, pixels]; labelled images and their labels."""

    images: Tensor
    labelled_images: Tensor
    labels: Tensor


class EncoderInput:
    """What goes into the encoder during training: spoilt images, and the posterior's epsilon.

    Appendix A.2.1: Gaussian noise of deviation 0.3 on the encoder's input, in training only; A.2.2
    and A.3: dropout of 20 % of it. The decoder's target stays the clean image.
    """

    def __init__(self, streams: Streams, settings: Settings, epsilon_size: int):
        self.streams = streams
        self.noise = settings.input_noise
        self.dropout = settings.input_dropout
        self.epsilon_size = epsilon_size

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        epsilon = self.streams.normal("posterior", images.shape[1], self.epsilon_size)
        if self.noise:
            noise = self.streams.normal("noise", *images.shape[1:])
            images = torch.add(images, noise, alpha=self.noise)
        if self.dropout:
            kept = self.streams.uniform("dropout", *images.shape[1:]) >= self.dropout
            images = images * kept / (1 - self.dropout)
        return images, epsilon


class Descent:
    """One optimiser over the parameters of some parts of every stacked model."""

    def __init__(self, parameters: list[Tensor], settings: Optimiser):
        self.parameters = parameters
        self.settings = settings
        rate = settings.rate_at(0)
        self.optimiser: torch.optim.Optimizer
        if settings.method == "sgd":
            self.optimiser = torch.optim.SGD(
                parameters, lr=rate, momentum=settings.momentum, fused=True
            )
        else:
            self.optimiser = torch.optim.Adam(
                parameters, lr=rate, betas=(settings.momentum, 0.999), fused=True
            )

    def start_epoch(self, epoch: int) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate_at(epoch)

    def __call__(self, losses: Tensor) -> None:
        """One step down ``losses`` [S]; only this optimiser's gradients are computed."""
        gradients = torch.autograd.grad(losses.sum(), self.parameters)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            # A fused optimiser reads raw memory: a transposed gradient would be applied scrambled.
            parameter.grad = gradient.contiguous()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class Phase(Protocol):
    """One part of an update, with the optimisers that it steps."""

    descents: list[Descent]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Do this part for ``batch``; returns its losses, [S] each."""
        ...


def code_of(codes: Mapping[str, Tensor]) -> Tensor:
    """The decoder's input [B, m + n]: class probabilities q(y|x), if any, then the style."""
    if "label" not in codes:
        return codes["style"]
    return torch.cat([codes["label"].softmax(-1), codes["style"]], dim=-1)


def half_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """1/2 ||x - x^||^2, summed over pixels (not averaged) and averaged over the batch."""
    return 0.5 * (output - target).square().sum(-1).mean()


def reconstruction_loss(model: Model, target: Tensor, images: Tensor, epsilon: Tensor) -> Tensor:
    codes = model.encoder(images, epsilon)
    return half_squared_error(model.decoder(code_of(codes)), target)


def adversarial_codes(model: Model, images: Tensor, epsilon: Tensor) -> dict[str, Tensor]:
    """The codes that the discriminators see: the style, and the softmax of the label head."""
    codes = model.encoder(images, epsilon)
    seen = {"style": codes["style"]}
    if "label" in codes:
        seen["label"] = codes["label"].softmax(-1)
    return seen


def discriminator_loss(model: Model, real: dict[str, Tensor], fake: dict[str, Tensor]) -> Tensor:
    """-E log D(z') - E log(1 - D(z)), z' from the prior, summed over the codes' discriminators.

    2 log 2 = 1.386 for each discriminator that is at chance.
    """
    loss = torch.zeros((), device=next(iter(real.values())).device)
    for name, samples in real.items():
        # One pass over both halves: the weights are read once.
        logits = getattr(model, f"{name}_discriminator")(torch.cat([samples, fake[name]]))
        positive, negative = logits.chunk(2)
        loss = loss + softplus(-positive).mean() + softplus(negative).mean()
    return loss


def generator_loss(model: Model, fake: dict[str, Tensor]) -> Tensor:
    """-E log D(z), the non-saturating form that every replication uses for the paper's minimax."""
    loss = torch.zeros((), device=next(iter(fake.values())).device)
    for name, codes in fake.items():
        loss = loss + softplus(-getattr(model, f"{name}_discriminator")(codes)).mean()
    return loss


def classification_loss(model: Model, images: Tensor, epsilon: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(model.encoder(images, epsilon)["label"], labels)


class Reconstruction:
    def __init__(self, stack: Stack, settings: Optimiser, encoder_input: EncoderInput):
        self.stack = stack
        self.encoder_input = encoder_input
        self.descents = [Descent(stack.parameters("encoder", "decoder"), settings)]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        inputs = self.encoder_input(batch.images)
        losses = self.stack.each(reconstruction_loss, batch.images, *inputs)
        self.descents[0](losses)
        return {"reconstruction": losses.detach()}


class Regularisation:
    """The adversarial game on each code that has a prior (``{"style": ..., "label": ...}``)."""

    def __init__(
        self,
        stack: Stack,
        discriminator: Optimiser,
        generator: Optimiser,
        priors: Mapping[str, Prior],
        encoder_input: EncoderInput,
        streams: Streams,
    ):
        self.stack = stack
        self.priors = priors
        self.encoder_input = encoder_input
        self.streams = streams
        parts = [f"{name}_discriminator" for name in priors]
        heads = ["encoder.trunk", *(f"encoder.heads.{name}" for name in priors)]
        if stack.parameters("encoder.heads.style_log_variance"):
            heads.append("encoder.heads.style_log_variance")
        self.descents = [
            Descent(stack.parameters(*parts), discriminator),
            Descent(stack.parameters(*heads), generator),
        ]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        # The discriminators' step leaves the encoder alone, so one pass serves both steps.
        fake = self.stack.each(adversarial_codes, *self.encoder_input(batch.images))
        real = {name: self._prior_samples(name, batch.images.shape[1]) for name in self.priors}
        detached = {name: codes.detach() for name, codes in fake.items()}
        discriminator = self.stack.each(discriminator_loss, real, detached)
        self.descents[0](discriminator)
        generator = self.stack.each(generator_loss, fake)
        self.descents[1](generator)
        return {"discriminator": discriminator.detach(), "generator": generator.detach()}

    def _prior_samples(self, name: str, n: int) -> Tensor:
        prior = self.priors[name]
        return stacked([prior.sample(n, g) for g in self.streams[f"prior of {name}"]])


class Classification:
    """The cross-entropy of the labelled batch; of the heads, it trains q(y|x) alone."""

    def __init__(self, stack: Stack, settings: Optimiser, encoder_input: EncoderInput):
        self.stack = stack
        self.encoder_input = encoder_input
        parameters = stack.parameters("encoder.trunk", "encoder.heads.label")
        self.descents = [Descent(parameters, settings)]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        inputs = self.encoder_input(batch.labelled_images)
        losses = self.stack.each(classification_loss, *inputs, batch.labels)
        self.descents[0](losses)
        return {"classification": losses.detach()}


def in_order(
    stack: Stack,
    settings: Phases,
    priors: Mapping[str, Prior],
    encoder_input: EncoderInput,
    streams: Streams,
) -> list[Phase]:
    """The phases that ``settings`` name, in the paper's order."""
    phases: list[Phase] = []
    if settings.reconstruction:
        phases.append(Reconstruction(stack, settings.reconstruction, encoder_input))
    if settings.discriminator and settings.generator:
        adversaries = (settings.discriminator, settings.generator)
        phases.append(Regularisation(stack, *adversaries, priors, encoder_input, streams))
    if settings.classification:
        phases.append(Classification(stack, settings.classification, encoder_input))
    return phases


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
