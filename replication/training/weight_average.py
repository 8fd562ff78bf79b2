"""A moving average of the weights, evaluated instead of the last ones.

Not in the paper: at a constant rate the weights wander around a minimum, and their average lies
nearer to it (Polyak and Juditsky, 1992). Training never sees it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from replication.models.stack import Stack

# Averaging at every update would cost 4 % of it (784-1000-1000 on a CPU).
EVERY = 10


class Average:
    """The exponential average of a stack's parameters over about ``horizon`` updates."""

    def __init__(self, stack: Stack, horizon: int):
        self.parameters = stack.parameters()
        self.values = [p.detach().clone() for p in self.parameters]
        self.keep = 1 - EVERY / max(horizon, EVERY)
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """To be called after each update."""
        self.updates += 1
        if self.updates % EVERY:
            return
        taken = self.updates // EVERY
        keep = min(self.keep, taken / (taken + 10))  # else the first weights would stay in it
        torch._foreach_lerp_(self.values, self.parameters, 1 - keep)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The stack has the average meanwhile."""
        self.swap()
        yield
        self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        for parameter, value in zip(self.parameters, self.values, strict=True):
            last = parameter.clone()
            parameter.copy_(value)
            value.copy_(last)

    def state_dict(self) -> dict[str, Any]:
        return {"values": self.values, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        for value, saved in zip(self.values, state["values"], strict=True):
            value.copy_(saved)
