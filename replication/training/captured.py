"""On a GPU an update is captured as one CUDA graph: launched at once, not kernel by kernel.

A graph keeps addresses, and numbers as they were. So what changes from update to update lies in
tensors that are filled in place: the batch, learning rates and weights of costs; parameters,
statistics and optimisers change in place anyhow. Each generator is registered, and goes on in a
graph as it would outside. On a CPU nothing is captured.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from replication.base.streams import Streams
from replication.settings.ramps import Ramp, value_at

# Updates before a capture: the first makes generators, optimisers' state and momenta, the next ones
# run as all others will; libraries have their workspaces by then (three are torch's own advice).
WARM_UP = 3
Losses = dict[str, Tensor]
T = TypeVar("T")


def is_captured(device: torch.device) -> bool:
    """Whether updates on ``device`` are captured."""
    return device.type == "cuda"


class ChangingNumber:
    """A number that changes along training: a tensor, filled in place, where updates are captured.

    It is float32, as fused optimisers ask for on a GPU.
    """

    def __init__(self, device: torch.device, value: float):
        self.value: float | Tensor = value
        if is_captured(device):
            self.value = torch.tensor(value, dtype=torch.float32, device=device)

    def set(self, value: float) -> None:
        if isinstance(self.value, Tensor):
            self.value.fill_(value)
        else:
            self.value = value


class RampedNumber(ChangingNumber):
    """The value of ``ramp`` at the epoch of the update."""

    def __init__(self, device: torch.device, ramp: Ramp):
        super().__init__(device, value_at(ramp, 0))
        self.ramp = ramp

    def start_update(self, epoch: float) -> None:
        self.set(value_at(self.ramp, epoch))


class CudaGraph:
    """One CUDA graph, and the stream that it is captured on."""

    def __init__(self, device: torch.device):
        self.stream = torch.cuda.Stream(device)
        self.graph = torch.cuda.CUDAGraph()

    def warm_up(self, function: Callable[[], T]) -> T:
        """``function()``, really computed, on the stream of the capture."""
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            result = function()
        current.wait_stream(self.stream)
        return result

    def capture(self, function: Callable[[], T], generators: Iterable[torch.Generator]) -> T:
        """What ``function`` returns: tensors that have values after each ``replay``."""
        for generator in generators:
            self.graph.register_generator_state(generator)
        # torch.cuda.graph leaves its stream the current one when a capture fails.
        with torch.cuda.stream(self.stream), torch.cuda.graph(self.graph, stream=self.stream):
            return function()

    def replay(self) -> None:
        self.graph.replay()


@contextmanager
def capturable(optimisers: Sequence[torch.optim.Optimizer]) -> Iterator[None]:
    """Adam is marked so meanwhile: else it refuses. Always marked, it warns of eager updates."""
    groups = [group for o in optimisers for group in o.param_groups if "capturable" in group]
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group in groups:
            group["capturable"] = False


@dataclass
class Kind:
    """One kind of update: its graph and, once it is captured, what the graph reads and writes."""

    graph: CudaGraph
    warmed_up: int = 0
    inputs: list[Tensor] = field(default_factory=list)
    outputs: Losses | None = None


class Captured:
    """``update``, from tensors to losses that have no gradient, captured where that can be.

    ``optimisers`` are those that it steps, ``streams`` what it draws from. An update that cannot be
    captured is run as on a CPU from then on, with a line on standard error.
    """

    def __init__(
        self,
        update: Callable[..., Losses],
        streams: Streams,
        optimisers: Sequence[torch.optim.Optimizer],
    ):
        self.update = update
        self.streams = streams
        self.optimisers = optimisers
        self.is_on = is_captured(streams.device)
        self.kinds: dict[Hashable, Kind] = {}

    @property
    def replays(self) -> bool:
        """Whether there is a graph, so that updates are replayed."""
        return any(kind.outputs is not None for kind in self.kinds.values())

    def __call__(self, branch: Hashable, *inputs: Tensor) -> Losses:
        """One update with ``inputs``.

        ``branch`` names the way that it takes through the code: each one, and each shape of the
        inputs, has a graph of its own.
        """
        if not self.is_on:
            return self.update(*inputs)
        key = (branch, *(tensor.shape for tensor in inputs))
        if key not in self.kinds:
            self.kinds[key] = Kind(CudaGraph(self.streams.device))
        kind = self.kinds[key]
        if kind.warmed_up < WARM_UP:
            kind.warmed_up += 1
            return kind.graph.warm_up(lambda: self.update(*inputs))
        outputs = self._capture(kind, inputs) if kind.outputs is None else kind.outputs
        if outputs is None:
            return self.update(*inputs)
        for own, new in zip(kind.inputs, inputs, strict=True):
            own.copy_(new)
        kind.graph.replay()
        return {name: loss.clone() for name, loss in outputs.items()}

    def _capture(self, kind: Kind, inputs: Sequence[Tensor]) -> Losses | None:
        """The graph's losses; None if it could not be captured. The update itself is not run."""
        before = self.streams.state_dict()
        kind.inputs = [tensor.clone() for tensor in inputs]
        try:
            with capturable(self.optimisers):
                kind.outputs = kind.graph.capture(
                    lambda: self.update(*kind.inputs), self.streams.generators()
                )
        except RuntimeError as error:
            self._give_up(error, before)
        return kind.outputs

    def _give_up(self, error: BaseException, before: dict[str, list[Tensor]]) -> None:
        while error.__context__ is not None:  # the end of a broken capture raises, too
            error = error.__context__
        reason = str(error).partition("\n")[0]
        print(f"note: updates run without a CUDA graph, more slowly: {reason}", file=sys.stderr)
        self.is_on = False
        self.kinds.clear()
        self.streams.restart(before)  # generators that a broken capture holds cannot be drawn from
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
