"""A captured graph without a GPU: the operations of an update, done again on the same memory.

As a CUDA graph does, ``Tape`` keeps addresses and numbers as they were when it was captured, draws
on from the generators that it was told of, and refuses what a capture refuses: to read the device,
to move a number there, to draw from other generators.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from replication.training import captured

REFUSED = ("local_scalar_dense", "nonzero", "masked_select", "unique", "lift_fresh", "randperm")
Call = tuple[Any, tuple, dict, Any]


class Operations(TorchDispatchMode):
    """Notes all operations: what they do, with what, and what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if not func.name().startswith("profiler"):
            self.calls.append((func, args, kwargs or {}, made))
        return made

    def described(self) -> list[tuple]:
        """Each operation with the shapes and kinds of its tensors, and all other arguments."""
        return [
            (func.name(), *map(description, tree_leaves((args, kwargs))))
            for func, args, kwargs, _ in self.calls
        ]

    def seeds(self) -> set[int]:
        """Of the generators that were drawn from; each stream has another."""
        leaves = [leaf for _, args, kwargs, _ in self.calls for leaf in tree_leaves((args, kwargs))]
        return {leaf.initial_seed() for leaf in leaves if isinstance(leaf, torch.Generator)}


def description(argument: Any) -> object:
    if isinstance(argument, Tensor):
        return tuple(argument.shape), argument.stride(), argument.dtype
    return "generator" if isinstance(argument, torch.Generator) else repr(argument)


class Tape:
    """In the place of ``CudaGraph``."""

    def __init__(self, device: torch.device):
        self.calls: list[Call] = []
        self.warm = 0
        self.is_first = True

    def warm_up(self, function: Callable[[], Any]) -> Any:
        self.warm += 1
        return function()

    def capture(self, function: Callable[[], Any], generators: Iterable[torch.Generator]) -> Any:
        with Operations() as operations:
            outputs = function()
        refused = [c[0].name() for c in operations.calls if any(r in c[0].name() for r in REFUSED)]
        if refused or not operations.seeds() <= {g.initial_seed() for g in generators}:
            raise RuntimeError(f"not to be captured: {refused or 'a generator'}")
        self.calls = operations.calls
        return outputs

    @torch.no_grad()
    def replay(self) -> None:
        """Do all again. The first time it was done by the capture, which on a GPU does nothing."""
        for func, args, kwargs, made in [] if self.is_first else self.calls:
            for old, new in zip(tree_leaves(made), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)
        self.is_first = False


@contextmanager
def captured_on_tape(graph: type = Tape) -> Iterator[None]:
    """Trainings that are made meanwhile are captured, on the CPU, by ``graph``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captured, "is_captured", lambda device: True)
        patch.setattr(captured, "CudaGraph", graph)
        yield
