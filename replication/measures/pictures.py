"""Images that a trained network with an inferred label draws, and test images by cluster."""

import torch
from torch import Tensor

from replication.base.streams import generator
from replication.models.priors import style_prior
from replication.training.losses import Model
from replication.training.run import Run

from .clustering import cluster_logits
from .evaluate import over_chunks

STYLES = 8  # rows of the grid


def _decode(model: Model, style: Tensor, label: Tensor) -> Tensor:
    images: Tensor = model.decoder(style, label)
    return images


def style_label_grid(run: Run) -> Tensor:
    """Decoded images, uint8 [S, styles, labels, pixels]: a row has one style of the prior."""
    size = run.settings.label_dim
    drawn = style_prior(run.settings).sample(STYLES, generator(0, "styles")).to(run.device)
    every = torch.eye(size, device=run.device)
    pairs = (drawn.repeat_interleave(size, 0), every.repeat(STYLES, 1))
    decoded = run.dataset.scaling.to_bytes(over_chunks(run.stack, _decode, *pairs))
    return decoded.view(len(run.seeds), STYLES, size, -1)


def cluster_heads(run: Run) -> Tensor:
    """Each cluster decoded with a style of 0, uint8 [S, clusters, pixels] (Figure 9)."""
    every = torch.eye(run.settings.label_dim, device=run.device)
    styles = every.new_zeros(len(every), run.settings.style_dim)
    return run.dataset.scaling.to_bytes(over_chunks(run.stack, _decode, styles, every))


def cluster_members(run: Run, count: int) -> Tensor:
    """Random test images of each cluster, uint8 [S, clusters, count, pixels]; 0 where there are
    too few.
    """
    size, test = run.settings.label_dim, run.dataset.test
    members = torch.zeros(len(run.seeds), size, count, run.dataset.pixels, dtype=torch.uint8)
    assigned = torch.from_numpy(cluster_logits(run.stack, run.dataset, test).argmax(-1))
    images = test.images.cpu()
    for own, clusters, seed in zip(members, assigned, run.seeds, strict=True):
        order = torch.randperm(len(test), generator=generator(seed.seed, "members"))
        for k in range(size):
            chosen = order[clusters[order] == k][:count]
            own[k, : len(chosen)] = images[chosen]
    return members
