"""Virtual adversarial training: q(y|x) changes little along its most sensitive direction.

Miyato et al. (2018): the perturbation r of a given length that raises KL(q(y|x) || q(y|x + r))
most is found by one power iteration, from a random direction; then the divergence is descended.
Labels play no part. At x + r = x the divergence is least, so its gradient near there is the
Hessian times the random direction.
"""

import torch
from torch import Tensor
from torch.func import grad

from replication.base.streams import Streams
from replication.data.dataset import Dataset
from replication.models.stack import Stack
from replication.settings.joint import Smoothness
from replication.settings.optimisers import Optimiser

from .batch_statistics import running_statistics_kept
from .captured import RampedNumber
from .descent import Descent
from .inputs import Batch
from .losses import Model
from .neighbours import neighbour_distances


def log_probabilities(model: Model, images: Tensor) -> Tensor:
    """log q(y|x), [B, K] from what the network sees of images, [B, pixels]."""
    logits: Tensor = model.encoder(images)["label"]
    return logits.log_softmax(-1)


def divergence(log_target: Tensor, log_other: Tensor) -> Tensor:
    """KL(target || other) of each row, [B]; nats."""
    # By hand: vmap has no rule for torch's kl_div, and would loop.
    return (log_target.exp() * (log_target - log_other)).sum(-1)


def unit(vectors: Tensor) -> Tensor:
    """``vectors`` [..., n] at length 1; one of length 0 stays so."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-12)


def perturbed(model: Model, images: Tensor, probes: Tensor, radii: Tensor) -> dict[str, Tensor]:
    """``images`` [B, pixels], each moved by its radius [B, 1] where q(y|x) changes most.

    ``probes`` [B, pixels] are where the power iteration starts. Also ``log_target``, log q(y|x) at
    the images themselves, [B, K]. Neither has a gradient.
    """
    with torch.no_grad():
        log_target = log_probabilities(model, images)

        def change(moves: Tensor) -> Tensor:
            return divergence(log_target, log_probabilities(model, images + moves)).sum()

        return {
            "images": images + radii * unit(grad(change)(probes)),
            "log_target": log_target,
        }


def roughness(model: Model, images: Tensor, log_target: Tensor) -> Tensor:
    """The mean divergence of q(y|x) at perturbed ``images`` from the target."""
    return divergence(log_target, log_probabilities(model, images)).mean()


class Smoothing:
    """A phase of its own: q(y|x) descends its roughness, beside the paper's phases."""

    def __init__(self, stack: Stack, settings: Optimiser, adversary: "VirtualAdversary"):
        self.adversary = adversary
        parameters = stack.parameters("encoder.trunk", "encoder.heads.label")
        self.descents = [Descent(parameters, settings)]

    def start_update(self, epoch: float) -> None:
        self.adversary.start_update(epoch)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        losses = self.adversary(batch.images, batch.index)
        self.descents[0](losses)
        return {"smoothness": losses.detach()}


class VirtualAdversary:
    """The cost: perturbs a batch against the models, and measures what changed."""

    def __init__(self, stack: Stack, settings: Smoothness, streams: Streams, dataset: Dataset):
        self.stack = stack
        self.settings = settings
        self.streams = streams
        ramp = settings.radius if settings.relative_radius is None else settings.relative_radius
        assert ramp is not None
        self.radius = RampedNumber(stack.device, ramp)
        self.distances: Tensor | None = None  # [N], of the training images
        if settings.neighbour is not None:
            sought = (settings.neighbour, settings.among)
            self.distances = neighbour_distances(dataset, *sought)

    def start_update(self, epoch: float) -> None:
        self.radius.start_update(epoch)

    def radii(self, index: Tensor) -> Tensor:
        """The length of each image's perturbation, [S, B, 1]; ``index`` [S, B] tells which."""
        if self.distances is None:
            return torch.as_tensor(self.radius.value, device=index.device)
        return self.radius.value * self.distances[index].unsqueeze(-1)

    def __call__(self, images: Tensor, index: Tensor) -> Tensor:
        """The cost of ``images`` [S, B, pixels], [S]."""
        probes = unit(self.streams.normal("smoothness probes", *images.shape[1:]))
        probes = probes * self.settings.probe_length
        radii = self.radii(index).expand(*images.shape[:-1], 1)
        with running_statistics_kept(self.stack):
            # Two calls: bf16 weights that are cast without a gradient would be used again with one.
            moved = self.stack.each(perturbed, images, probes, radii)
            losses: Tensor = self.stack.each(roughness, moved["images"], moved["log_target"])
        return losses
