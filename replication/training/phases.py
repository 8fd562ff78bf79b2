"""The phases of one update, in the paper's order (section 2 and section 5).

1. *Reconstruction*: encoder and decoder descend the reconstruction error.
2. *Regularisation*: the discriminators learn to tell prior samples from codes, then the encoder,
   as generator, learns to confuse them.
3. *Semi-supervised classification*: q(y|x) descends the cross-entropy of a labelled batch.

Each phase has its own optimiser, rate schedule and momentum. Losses are functions of one model;
``Stack.each`` maps them over the seeds. The settings' ``departures`` are what public replications
do otherwise.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, cross_entropy, softplus

from replication.base.streams import Streams, stacked
from replication.models.priors import ClassPrior, DensePrior, Prior
from replication.models.stack import Stack
from replication.settings.losses import Differences
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Settings

# Models are plain modules, or a Stack's view of one: whatever has the parts as attributes.
Model = Any


@dataclass(frozen=True)
class Batch:
    """One update's data for S seeds.

    ``images`` [S, B, pixels], each with the one-hot label that is given beside its code
    [S, B, given_size]; and the labelled batch of the third phase, [S, L, pixels] and [S, L].
    """

    images: Tensor
    given: Tensor
    labelled_images: Tensor
    labels: Tensor


class EncoderInput:
    """What goes into the encoder during training: spoilt images, and the posterior's epsilon.

    Appendix A.2.1: Gaussian noise of deviation 0.3 on the encoder's input, in training only; A.2.2
    and A.3: dropout of 20 % of it. The decoder's target stays the clean image. Denoising
    autoencoders mask inputs, or set them to 0 or 1 (salt and pepper), too (Vincent et al., 2010).
    """

    def __init__(self, streams: Streams, settings: Settings, epsilon_size: int):
        self.streams = streams
        self.noise = settings.input_noise_std
        self.dropout = settings.input_dropout
        self.masking = settings.input_masking
        self.salt_and_pepper = settings.input_salt_and_pepper
        self.epsilon_size = epsilon_size

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        epsilon = self.streams.normal("posterior", images.shape[1], self.epsilon_size)
        if self.noise:
            noise = self.streams.normal("noise", *images.shape[1:])
            images = torch.add(images, noise, alpha=self.noise)
        if self.dropout:
            kept = self.streams.uniform("dropout", *images.shape[1:]) >= self.dropout
            images = images * kept / (1 - self.dropout)
        if self.masking:
            images = images * (self.streams.uniform("masking", *images.shape[1:]) >= self.masking)
        if share := self.salt_and_pepper:
            draw = self.streams.uniform("salt and pepper", *images.shape[1:])
            images = torch.where(draw >= share, images, (2 * draw >= share).float())
        return images, epsilon


class Descent:
    """One optimiser over the parameters of some parts of every stacked model."""

    def __init__(self, parameters: list[Tensor], settings: Optimiser):
        self.parameters = parameters
        self.settings = settings
        self.epoch = 0
        learning_rate = settings.learning_rate_at(0)
        self.optimiser: torch.optim.Optimizer
        if settings.method == "sgd":
            self.optimiser = torch.optim.SGD(
                parameters, lr=learning_rate, momentum=settings.momentum, fused=True
            )
        else:
            self.optimiser = torch.optim.Adam(
                parameters,
                lr=learning_rate,
                betas=(settings.betas[0], settings.betas[1]),
                fused=True,
            )

    def start_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate_at(epoch)

    def __call__(self, losses: Tensor) -> None:
        """One step down ``losses`` [S]; only this optimiser's gradients are computed."""
        gradients = torch.autograd.grad(losses.sum(), self.parameters)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            # A fused optimiser reads raw memory: a transposed gradient would be applied scrambled.
            parameter.grad = gradient.contiguous()
        self.step()

    def step(self) -> None:
        """Move the parameters that have a gradient, and forget it."""
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class Phase(Protocol):
    """One part of an update, with the optimisers that it steps."""

    descents: list[Descent]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Do this part for ``batch``; returns its losses, [S] each."""
        ...


def reconstructed(model: Model, codes: Mapping[str, Tensor], given: Tensor) -> Tensor:
    """The decoder's answer to the style and to the label, inferred (Figure 8) or ``given``."""
    label = codes["label"].softmax(-1) if "label" in codes else given
    return model.decoder(codes["style"], label)


def half_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """1/2 ||x - x^||^2, summed over pixels (not averaged) and averaged over the batch."""
    return 0.5 * (output - target).square().sum(-1).mean()


def reconstruction_loss(
    model: Model, target: Tensor, given: Tensor, images: Tensor, epsilon: Tensor, error: Callable
) -> Tensor:
    codes = model.encoder(images, epsilon)
    return error(reconstructed(model, codes, given), target)


def adversarial_codes(
    model: Model, beside: Tensor, images: Tensor, epsilon: Tensor
) -> dict[str, Tensor]:
    """What the discriminators see: the style, ``beside`` it its label; the label's softmax."""
    codes = model.encoder(images, epsilon)
    seen = {"style": torch.cat([codes["style"], beside], dim=-1)}
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


def generator_loss(model: Model, fake: dict[str, Tensor], saturating: bool = False) -> Tensor:
    """-E log D(z), the non-saturating form that every replication uses for the paper's minimax.

    ``saturating``: E log(1 - D(z)), the minimax itself.
    """
    loss = torch.zeros((), device=next(iter(fake.values())).device)
    for name, codes in fake.items():
        logits = getattr(model, f"{name}_discriminator")(codes)
        loss = loss + (-softplus(logits) if saturating else softplus(-logits)).mean()
    return loss


def classification_loss(model: Model, images: Tensor, epsilon: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(model.encoder(images, epsilon)["label"], labels)


def head_distance_loss(model: Model, every: Tensor, least: float) -> Tensor:
    """What each two cluster heads lack of the distance ``least``, summed (section 7).

    ``every`` are the one-hot labels [m, m], whose heads are the rows of W_C.
    """
    heads = model.get_submodule("decoder.cluster_heads")(every).float()
    first, second = torch.triu_indices(len(every), len(every), 1, device=every.device)
    # Two heads at the same place would have a distance without a gradient.
    distances = ((heads[first] - heads[second]).square().sum(-1) + 1e-12).sqrt()
    return (least - distances).clamp(min=0).sum()


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
            return stacked([prior.sample(batch.images.shape[1], g) for g in generators])
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
