"""How a phase moves parameters: its own optimiser, learning rates and momentum."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from replication.settings.optimisers import Optimiser

from .captured import ChangingNumber
from .inputs import Batch


class Descent:
    """One optimiser over the parameters of some parts of every stacked model."""

    def __init__(self, parameters: list[Tensor], settings: Optimiser):
        self.parameters = parameters
        self.settings = settings
        self.epoch = 0
        self.learning_rate = ChangingNumber(parameters[0].device, settings.learning_rate_at(0))
        rate = self.learning_rate.value
        self.optimiser: torch.optim.Optimizer
        if settings.method == "sgd":
            self.optimiser = torch.optim.SGD(parameters, rate, settings.momentum, fused=True)
        else:
            betas = (settings.betas[0], settings.betas[1])
            self.optimiser = torch.optim.Adam(parameters, rate, betas, fused=True)

    def start_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.set_learning_rate(self.settings.learning_rate_at(epoch))

    def set_learning_rate(self, value: float) -> None:
        self.learning_rate.set(value)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate.value  # a loaded state has brought one of its own

    def __call__(self, losses: Tensor) -> None:
        """One step down ``losses`` [S]; only this optimiser's gradients are computed."""
        give_gradients(losses, self.parameters)
        self.step()

    def step(self) -> None:
        """Move the parameters that have a gradient, and forget it."""
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


def give_gradients(losses: Tensor, parameters: list[Tensor], allow_unused: bool = False) -> None:
    """Leave ``parameters`` their gradient of ``losses`` [S]; none, where they are unused."""
    gradients = torch.autograd.grad(losses.sum(), parameters, allow_unused=allow_unused)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        # A fused optimiser reads raw memory: a transposed gradient would be applied scrambled.
        parameter.grad = None if gradient is None else gradient.contiguous()


class Phase(Protocol):
    """One part of an update, with the optimisers that it steps."""

    descents: list[Descent]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Do this part for ``batch``; returns its losses, [S] each."""
        ...


@runtime_checkable
class ChangingPhase(Phase, Protocol):
    """A phase with numbers that change along training, or with several ways through its code."""

    def start_update(self, epoch: float) -> Hashable:
        """Set the numbers for the update after ``epoch`` epochs; returns the way that it takes.

        A captured update does not come through the phase's code again: what it computes may depend
        on ``epoch`` by this alone.
        """
        ...


def passed_through(phases: Sequence[Phase], *batch: Any) -> dict[str, Tensor]:
    """The losses of ``phases``, each done once, in order, for the tensors of a ``Batch``."""
    losses: dict[str, Tensor] = {}
    for phase in phases:
        losses |= phase(Batch(*batch))  # without its epoch: that is ``ChangingPhase``'s alone
    return losses
