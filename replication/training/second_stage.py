"""Dimensionality reduction in two stages: q(y|x) first, then a representation built on it.

Ours, not the paper's, which trains both at once: there the reconstruction, whose style of two
numbers can tell little, bends q(y|x) to other properties than the class. Here it cannot: the
error is that of the first stage by construction.
"""

from types import SimpleNamespace
from typing import cast

import torch
from torch import Tensor, nn

from replication.base.streams import Streams
from replication.data.dataset import Dataset
from replication.models.priors import Gaussian, samples
from replication.models.stack import Stack
from replication.settings.second_stage import SecondStage as Settings

from .captured import Captured
from .joint import ScheduledDescent
from .losses import (
    Model,
    discriminator_loss,
    generator_loss,
    half_squared_error,
    head_distance_loss,
    heads_of,
)

HEADS = "plane.decoder.cluster_heads"


def learned(model: Model, images: Tensor) -> dict[str, Tensor]:
    """What the first stage knows of images [B, pixels]: its features [B, h], q(y|x) [B, m]."""
    features = model.get_submodule("encoder.trunk")(images)
    logits = model.get_submodule("encoder.heads.label")(features).float()
    return {"features": features.float(), "label": logits.softmax(-1)}


def styles(model: Model, features: Tensor) -> Tensor:
    """The style of the plane, [B, n]."""
    style: Tensor = model.get_submodule("plane.style_head")(features).float()
    return style


def styles_of(model: Model, images: Tensor) -> Tensor:
    """The styles of images [B, pixels], [B, n]."""
    return styles(model, learned(model, images)["features"])


def plane_heads(model: Model, label: Tensor) -> Tensor:
    """The plane's cluster heads, [B, n], of label probabilities or one-hots [B, m]."""
    return heads_of(model, label, HEADS)


def representation(model: Model, images: Tensor) -> Tensor:
    """Each image's place, [B, n]: its cluster head, by q(y|x), and its style."""
    known = learned(model, images)
    return plane_heads(model, known["label"]) + styles(model, known["features"])


def game_of(model: Model) -> Model:
    """The plane's discriminator as the losses look for it: as that of a model's style."""
    return SimpleNamespace(style_discriminator=model.get_submodule("plane.discriminator"))


def costs(
    model: Model, target: Tensor, features: Tensor, label: Tensor, every: Tensor, least: float
) -> dict[str, Tensor]:
    """The three of the representation, and the ``style`` that the discriminator is to see.

    ``every`` are the one-hot labels [m, m], ``least`` is the heads' distance eta.
    """
    style = styles(model, features)
    output = model.get_submodule("plane.decoder")(style, label)
    return {
        "reconstruction": half_squared_error(output, target),
        "style_adversary": generator_loss(game_of(model), {"style": style}),
        "head_distance": head_distance_loss(model, every, least, HEADS),
        "style": style.detach(),
    }


def discrimination(model: Model, real: Tensor, fake: Tensor) -> Tensor:
    """That of the plane's discriminator, of prior samples and styles [B, n]."""
    return discriminator_loss(game_of(model), {"style": real}, {"style": fake})


class SecondStage:
    """Trains the parts of ``plane``; all others stay as they are, in evaluation mode."""

    def __init__(self, stack: Stack, settings: Settings, streams: Streams, dataset: Dataset):
        self.stack = stack
        self.settings = settings
        self.streams = streams
        self.dataset = dataset
        self.prior = Gaussian(self.settings.style_dim)
        heads = cast(nn.Linear, stack.template.get_submodule(HEADS))
        self.every = torch.eye(heads.in_features, device=stack.device)
        parts = stack.parameters("plane.style_head", "plane.decoder")
        self.autoencoder = ScheduledDescent(parts, self.settings.autoencoder)
        adversary = stack.parameters("plane.discriminator")
        self.discriminator = ScheduledDescent(adversary, self.settings.discriminator)
        optimisers = [d.optimiser for d in (self.autoencoder, self.discriminator)]
        self.captured = Captured(self.update, streams, optimisers)

    def train(self) -> dict[str, Tensor]:
        """All epochs; the mean losses of the last, [S] each."""
        with self.stack.evaluating():
            for epoch in range(self.settings.epochs):
                losses = self._train_epoch(epoch)
        return losses

    def _train_epoch(self, epoch: int) -> dict[str, Tensor]:
        totals: dict[str, Tensor] = {}
        order = self.streams.permutation("plane batches", len(self.dataset.train))
        batches = order.split(self.settings.batch_size, 1)
        for step, index in enumerate(batches):
            self.start_update(epoch + step / len(batches))
            for name, loss in self.captured((), index).items():
                totals[name] = totals[name] + loss if name in totals else loss
        return {f"plane_{name}": total / len(batches) for name, total in totals.items()}

    def start_update(self, epoch: float) -> None:
        """The learning rates after ``epoch`` epochs."""
        factor = self.settings.schedule.factor_at(epoch, self.settings.epochs)
        for descent in (self.autoencoder, self.discriminator):
            descent.start_update(factor)

    def update(self, index: Tensor) -> dict[str, Tensor]:
        """One step of each optimiser, on the training images ``index`` [S, B]."""
        own = self.settings
        images = self.dataset.scaling.to_network(self.dataset.train.images[index])
        with torch.no_grad():
            known = self.stack.each(learned, images)
        inputs = (images, known["features"], known["label"])
        found = self.stack.each(costs, *inputs, shared=(self.every, own.cluster_head_distance))
        style = found.pop("style")
        weights = {
            "reconstruction": own.reconstruction_weight,
            "style_adversary": own.style_adversary_weight,
            "head_distance": own.head_distance_weight,
        }
        self.autoencoder(sum(w * found[name] for name, w in weights.items()))
        real = samples(self.prior, index.shape[1], self.streams["plane prior"])
        losses = self.stack.each(discrimination, real, style)
        self.discriminator(losses)
        return {name: loss.detach() for name, loss in {**found, "discriminator": losses}.items()}
