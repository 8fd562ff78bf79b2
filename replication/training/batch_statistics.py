"""The statistics of batch-norm: passes that leave the running ones alone, and fresh ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from replication.data.dataset import Scaling
from replication.models.stack import Stack

from .losses import Model


def norms(stack: Stack) -> list[nn.BatchNorm1d]:
    return [m for m in stack.template.modules() if isinstance(m, nn.BatchNorm1d)]


@contextmanager
def running_statistics_kept(stack: Stack) -> Iterator[None]:
    """Passes normalise by their own batch, as in training, and are not counted.

    For images that are perturbed or warped: evaluation never sees such.
    """
    layers = norms(stack)
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


class FreshStatistics:
    """Batch-norm's running statistics, replaced by those of ``images`` under today's weights.

    Averaged weights need it: running statistics are of the weights that moved. ``images`` [N,
    pixels] are training images without noise, all in one pass, so that every layer has exact ones.
    """

    def __init__(self, stack: Stack, images: Tensor, scaling: Scaling):
        self.stack = stack
        self.images = images
        self.scaling = scaling

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Fresh meanwhile; then the running ones again."""
        kept = {n: v.clone() for n, v in self.stack.buffers().items()}
        self.refresh()
        yield
        for name, value in self.stack.buffers().items():
            value.copy_(kept[name])

    @torch.no_grad()
    def refresh(self) -> None:
        layers = norms(self.stack)
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.momentum = 1.0
        self.stack.each(_passed, shared=(self.scaling.to_network(self.images),))
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _passed(model: Model, images: Tensor) -> dict[str, Tensor]:
    codes: dict[str, Tensor] = model.encoder(images)
    return codes
