"""How a phase moves parameters: its own optimiser, learning rates and momentum."""

from typing import Protocol

import torch
from torch import Tensor

from replication.settings.optimisers import Optimiser

from .inputs import Batch


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
