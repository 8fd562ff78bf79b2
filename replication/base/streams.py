"""Random numbers: every draw has its own stream, named and derived from (seed, name).

Adding a draw, or stacking more seeds, therefore never shifts what another stream returns.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def derive(seed: int, name: str) -> int:
    """A 63-bit seed for the stream ``name`` of ``seed``."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator at the start of the stream ``name`` of ``seed``."""
    return torch.Generator(device).manual_seed(derive(seed, name))


class Streams:
    """The named streams of S stacked seeds; each method returns a tensor with a leading S axis."""

    def __init__(self, seeds: Sequence[int], device: torch.device):
        self.seeds = list(seeds)
        self.device = device
        self._generators: dict[str, list[torch.Generator]] = {}

    def __getitem__(self, name: str) -> list[torch.Generator]:
        if name not in self._generators:
            self._generators[name] = [generator(s, name, self.device) for s in self.seeds]
        return self._generators[name]

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal draws, [S, *shape]."""
        draws = [torch.randn(shape, generator=g, device=self.device) for g in self[name]]
        return stacked(draws)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Uniform draws from [0, 1), [S, *shape]."""
        return stacked([torch.rand(shape, generator=g, device=self.device) for g in self[name]])

    def permutation(self, name: str, n: int) -> Tensor:
        """A permutation of 0..n-1 for each seed, [S, n]."""
        return stacked([torch.randperm(n, generator=g, device=self.device) for g in self[name]])

    def generators(self) -> list[torch.Generator]:
        """Those of all streams that were drawn from."""
        return [g for generators in self._generators.values() for g in generators]

    def state_dict(self) -> dict[str, list[Tensor]]:
        return {name: [g.get_state() for g in gs] for name, gs in self._generators.items()}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        for name, states in state.items():
            for g, s in zip(self[name], states, strict=True):
                g.set_state(s)

    def restart(self, state: dict[str, list[Tensor]]) -> None:
        """New generators for all streams, at ``state``."""
        self._generators = {}
        self.load_state_dict(state)


def stacked(draws: list[Tensor]) -> Tensor:
    """``torch.stack`` along a new first axis, without the copy where there is one tensor."""
    return draws[0].unsqueeze(0) if len(draws) == 1 else torch.stack(draws)
