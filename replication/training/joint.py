"""One summed loss: encoder and decoder descend all costs together, with weights by epoch.

Not the paper's order of phases. The costs of the paper keep their form; new ones are q(y|x)'s
smoothness, the balance of its mean, and its agreement under warps. One pass of the encoder over
the unlabelled and the labelled images serves all of the paper's costs; the discriminators make
their own step first, on the same codes.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from replication.base.streams import Streams
from replication.data.dataset import Dataset
from replication.models.priors import Prior, priors_of, samples
from replication.models.stack import Stack
from replication.settings.joint import JointOptimiser
from replication.settings.schema import Settings

from .balance import imbalance
from .captured import ChangingNumber, RampedNumber
from .descent import Descent, give_gradients
from .inputs import Batch, EncoderInput
from .losses import (
    Model,
    discriminator_loss,
    generator_loss,
    half_squared_error,
    reconstructed,
)
from .smoothness import VirtualAdversary
from .warps import WarpConsistency

Codes = dict[str, Tensor]


class ScheduledDescent(Descent):
    """Adam over ``parameters``, at a learning rate that is set before each step."""

    def __init__(self, parameters: list[Tensor], settings: JointOptimiser):
        self.parameters = parameters
        self.peak = settings.learning_rate
        self.learning_rate = ChangingNumber(parameters[0].device, self.peak)
        rate = self.learning_rate.value
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.method]
        betas = (settings.betas[0], settings.betas[1])
        decay = settings.weight_decay
        self.optimiser: torch.optim.Optimizer = kind(
            parameters, rate, betas, weight_decay=decay, fused=True
        )

    def start_epoch(self, epoch: int) -> None:
        """Nothing: the learning rate changes with every update."""

    def start_update(self, factor: float) -> None:
        """The next step is made at ``factor`` of the highest learning rate."""
        self.set_learning_rate(self.peak * factor)

    def __call__(self, losses: Tensor) -> None:
        """One step down ``losses`` [S]; parameters that no loss depends on stay as they are."""
        give_gradients(losses, self.parameters, allow_unused=True)
        self.step()


def encoded(model: Model, images: Tensor, epsilon: Tensor) -> Codes:
    codes: Codes = model.encoder(images, epsilon)
    return codes


def decoding_error(model: Model, codes: Codes, target: Tensor) -> Tensor:
    """Half the squared error of images decoded from codes that were inferred."""
    return half_squared_error(reconstructed(model, codes, target[..., :0]), target)


class JointDescent:
    """The discriminators' step, then one step down the weighted sum of the costs."""

    def __init__(self, stack: Stack, settings: Settings, streams: Streams, dataset: Dataset):
        assert settings.joint is not None
        self.stack = stack
        self.settings = settings.joint
        self.epochs = settings.epochs
        self.streams = streams
        self.encoder_input = EncoderInput(streams, settings, 0)
        self.weights = {
            name: RampedNumber(stack.device, ramp)
            for name, ramp in self.settings.weights
            if ramp is not None
        }
        every = priors_of(settings)
        self.priors: dict[str, Prior] = {
            name: prior for name, prior in every.items() if f"{name}_adversary" in self.weights
        }
        self.autoencoder = ScheduledDescent(
            stack.parameters("encoder", "decoder"), self.settings.autoencoder
        )
        self.scheduled = [self.autoencoder]
        if self.priors:
            assert self.settings.discriminators is not None
            adversaries = stack.parameters(*(f"{name}_discriminator" for name in self.priors))
            self.discriminators = ScheduledDescent(adversaries, self.settings.discriminators)
            self.scheduled.append(self.discriminators)
        self.descents: list[Descent] = [*self.scheduled]
        if "smoothness" in self.weights:
            assert settings.smoothness is not None
            self.smoothness = VirtualAdversary(stack, settings.smoothness, streams, dataset)
        if "warps" in self.weights:
            assert settings.warps is not None
            self.warps = WarpConsistency(stack, settings.warps, streams, dataset.shape)

    def start_update(self, epoch: float) -> None:
        """Learning rates, weights and the radius after ``epoch`` epochs."""
        factor = self.settings.schedule.factor_at(epoch, self.epochs)
        for descent in self.scheduled:
            descent.start_update(factor)
        for weight in self.weights.values():
            weight.start_update(epoch)
        if "smoothness" in self.weights:
            self.smoothness.start_update(epoch)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        every = batch.images
        if "classification" in self.weights:
            every = torch.cat([every, batch.labelled_images], 1)
        codes = self.stack.each(encoded, *self.encoder_input(every))
        count = batch.images.shape[1]
        own = {name: code[:, :count] for name, code in codes.items()}
        losses = self.discriminated(own)
        costs = self.costs(batch, own)
        if "classification" in self.weights:
            logits = codes["label"][:, count:]
            costs["classification"] = cross_entropy(
                logits.transpose(1, 2), batch.labels, reduction="none"
            ).mean(1)
        weighted = [weight.value * costs[name] for name, weight in self.weights.items()]
        joint = torch.stack(weighted).sum(0)
        self.autoencoder(joint)
        losses |= {name: cost.detach() for name, cost in costs.items()}
        return {**losses, "joint": joint.detach()}

    def discriminated(self, codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The discriminators' step; its loss."""
        if not self.priors:
            return {}
        fake = {name: seen(name, codes).detach() for name in self.priors}
        real = {
            name: samples(self.priors[name], code.shape[1], self.streams[f"prior of {name}"])
            for name, code in fake.items()
        }
        losses = self.stack.each(discriminator_loss, real, fake)
        self.discriminators(losses)
        return {"discriminator": losses.detach()}

    def costs(self, batch: Batch, codes: Codes) -> dict[str, Tensor]:
        """The costs of the unlabelled images that have a weight, [S] each."""
        costs: dict[str, Tensor] = {}
        if "reconstruction" in self.weights:
            costs["reconstruction"] = self.stack.each(decoding_error, codes, batch.images)
        for name in self.priors:
            fooled = self.stack.each(generator_loss, {name: seen(name, codes)})
            costs[f"{name}_adversary"] = fooled
        if "balance" in self.weights:
            costs["balance"] = imbalance(codes["label"], self.settings.balance_slack)
        if "smoothness" in self.weights:
            costs["smoothness"] = self.smoothness(batch.images, batch.index)
        if "warps" in self.weights:
            costs["warps"] = self.warps(batch.images, codes["label"])
        return costs


def seen(name: str, codes: Mapping[str, Tensor]) -> Tensor:
    """What the discriminator of ``name`` sees of the codes: of the label its softmax."""
    return codes[name].softmax(-1) if name == "label" else codes[name]
