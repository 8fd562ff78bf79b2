"""What one real update of a variant does: its modules, what flows between them, what trains what.

The model and the phases of the settings make one update of two random images while torch's calls
are recorded. Sizes, inputs and losses are therefore those of the code that trains.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from replication.data.dataset import Dataset, Split
from replication.data.loaders import load
from replication.settings.joint import Smoothness
from replication.settings.schema import Seed, Settings
from replication.training.run import Run
from replication.training.schedule import in_order

# Channels, height and width, so that a diagram needs no data set; EMNIST's are those of MNIST.
SHAPES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "kmnist": (1, 28, 28),
    "street_digits": (3, 16, 16),
    "svhn": (3, 32, 32),
    "drawn_faces": (1, 16, 16),
    "olivetti": (1, 64, 64),
    "tfd": (1, 48, 48),
}
BATCH = 2
PRIOR = "prior of "  # how the streams of prior samples are named
# These hand values on as they are.
PLUMBING = {"__getitem__", "detach", "float", "stack", "unsqueeze"}


@dataclass(frozen=True)
class Unit:
    """A module that an optimiser can choose: a trunk, a head, an output layer.

    ``hidden_sizes`` are the widths of its layers with a ReLU, ``size`` is that of its output.
    """

    name: str
    hidden_sizes: tuple[int, ...]
    size: int


@dataclass(frozen=True, order=True)
class Flow:
    """``size`` values from ``source`` into ``target``.

    A source is a unit, a field of the batch, or a stream of random numbers; a target is a unit, or
    a prior whose samples depend on the source. ``through`` names the torch functions, and the
    noise, on the way.
    """

    source: str
    target: str
    size: int
    through: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Loss:
    """A loss, the sources that it is computed from, and the units that descend it."""

    name: str
    phase: str
    sources: frozenset[str]
    trains: frozenset[str]


@dataclass(frozen=True)
class Architecture:
    """One update: the units in the model's order, the losses in the order of their descents."""

    units: dict[str, Unit]
    flows: list[Flow]
    losses: list[Loss]


@dataclass(eq=False)
class Node:
    """How a tensor was made, and its ``name`` if it is a source; ``size`` is its last axis'."""

    operation: str
    inputs: list["Node"]
    size: int
    name: str = ""
    generator: torch.Generator | None = None

    def sources(self, through: frozenset[str] = frozenset()) -> Iterator[tuple["Node", frozenset]]:
        """The nearest named nodes that this one is made from, each with what lies between."""
        if self.name:
            yield self, through
            return
        for node in self.inputs:
            yield from node.sources(through | {self.operation})


@dataclass
class Descended:
    """A gradient that was taken: of which node, by which parameters, in which phase."""

    loss: Node
    parameters: set[int]
    phase: str


@dataclass
class Tracer(TorchFunctionMode):
    """Records, while it is active, how tensors are made from one another."""

    nodes: dict[int, Node] = field(default_factory=dict)
    entered: list[tuple[str, Node]] = field(default_factory=list)
    units: dict[str, Unit] = field(default_factory=dict)
    descended: list[Descended] = field(default_factory=list)
    phase: str = ""
    _alive: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        inputs, generator = self.found((args, kwargs)), kwargs.get("generator")
        if function is torch.autograd.grad:
            self.descended.append(Descended(inputs[0], {id(p) for p in args[1]}, self.phase))
        elif inputs or generator:
            for tensor in tensors(result):
                self.add(tensor, Node(function.__name__, inputs, size_of(tensor), "", generator))
        return result

    def found(self, values: Any) -> list[Node]:
        return [self.nodes[id(t)] for t in tensors(values) if id(t) in self.nodes]

    def add(self, tensor: Tensor, node: Node) -> None:
        self._alive.append(tensor)  # else another tensor could get its id
        self.nodes[id(tensor)] = node

    def watch(self, unit: str, module: nn.Module) -> None:
        """Record what goes into a unit, the widths of its hidden layers and what comes out."""
        widths: list[int] = []

        def called(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            self.entered += [(unit, node) for node in self.found(inputs)]
            self.units[unit] = Unit(unit, tuple(widths), size_of(output))
            self.add(output, Node("", [], size_of(output), unit))
            widths.clear()

        for layer in module.modules():
            if isinstance(layer, nn.ReLU):
                layer.register_forward_hook(lambda _, __, output: widths.append(size_of(output)))
        module.register_forward_hook(called)


def size_of(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.ndim else 1


def tensors(values: Any) -> list[Tensor]:
    return [v for v in tree_leaves(values) if isinstance(v, Tensor)]


def trace(settings: Settings) -> Architecture:
    """One update of a new model of ``settings``, on the CPU, by two random images."""
    # All are labelled, where any are: two images cannot be chosen from evenly.
    small: dict[str, Any] = {"batch_size": BATCH, "validation_images": 0, "labelled_batch_size": 0}
    small["labels"] = "all" if settings.labels else 0
    if settings.smoothness:  # nor have they a second neighbour
        small |= {"smoothness": Smoothness(radius=1.0)}
    settings = settings.model_copy(update=small)
    run = Run(settings, stand_in(settings), [Seed(0, 0)])
    phases = in_order(run.stack, settings, run.streams, run.dataset)
    tracer, modules = Tracer(), units_of(run.stack.template)
    for unit, module in modules.items():
        tracer.watch(unit, module)
    batch = next(run.batches().epoch())
    for name, value in vars(batch).items():
        if isinstance(value, Tensor):
            tracer.add(value, Node("", [], size_of(value), name))
    returned: dict[str, Node] = {}
    with tracer:
        for phase in phases:
            tracer.phase = type(phase).__name__
            returned |= {name: tracer.found(loss)[0] for name, loss in phase(batch).items()}
    names = {id(g): name for name in run.streams.state_dict() for g in run.streams[name]}
    for node in tracer.nodes.values():
        node.name = names[id(node.generator)] if node.generator else node.name
    flows = [flow for unit, node in tracer.entered for flow in flows_into(unit, node)]
    parameters = {unit: {id(p) for p in run.stack.parameters(unit)} for unit in modules}
    every = {id(p) for p in run.stack.parameters()}  # a gradient by images descends nothing
    descents = [d for d in tracer.descended if d.parameters & every]
    losses = [loss_of(descended, returned, parameters) for descended in descents]
    used = {unit: tracer.units[unit] for unit in modules if unit in tracer.units}
    return Architecture(used, list(dict.fromkeys(flows)), losses)


def stand_in(settings: Settings) -> Dataset:
    """Two random images of the shape that the settings' data have, of two of its classes."""
    channels, height, width = shape_of(settings)
    images = torch.randint(256, (BATCH, channels * height * width), dtype=torch.uint8)
    split = Split(images, torch.arange(BATCH))
    return Dataset("", (channels, height, width), settings.label_dim, split, split, "")


def shape_of(settings: Settings) -> tuple[int, int, int]:
    """(channels, height, width) of the images; the user's own are read."""
    if not isinstance(settings.data, str):
        return load(settings).shape
    name = "mnist" if settings.data.startswith("emnist_") else settings.data
    return SHAPES[name]


def units_of(model: nn.Module) -> dict[str, nn.Module]:
    """The modules of each part of ``model``; of a part's heads, each one."""
    units: dict[str, nn.Module] = {}
    for part, module in model.named_children():
        for name, child in module.named_children():
            if isinstance(child, nn.ModuleDict):
                units |= {f"{part}.{name}.{head}": inner for head, inner in child.items()}
            else:
                units[f"{part}.{name}"] = child
    return units


def loss_of(
    descended: Descended, returned: dict[str, Node], parameters: dict[str, set[int]]
) -> Loss:
    """The loss that a gradient was taken of, by the name under which its phase returns it."""
    # The phases sum a loss over the models to descend it, and detach it to return it.
    (losses,) = descended.loss.inputs
    (name,) = (name for name, node in returned.items() if node.inputs == [losses])
    sources = frozenset(node.name for node, _ in losses.sources())
    trains = frozenset(unit for unit, own in parameters.items() if own <= descended.parameters)
    return Loss(name, descended.phase, sources, trains)


def flows_into(target: str, node: Node, through: frozenset[str] = frozenset()) -> Iterator[Flow]:
    """What ``node`` brings into ``target``: piece by piece, where it was put together of pieces."""
    if node.size == 0:
        return
    if node.operation == "cat":
        for piece in node.inputs:
            yield from flows_into(target, piece, through)
    elif not node.name and [piece.size for piece in node.inputs] == [node.size]:
        yield from flows_into(target, node.inputs[0], through | {node.operation})
    else:
        yield from flows_of_piece(target, node, through)


def flows_of_piece(target: str, piece: Node, through: frozenset[str]) -> Iterator[Flow]:
    """A source with noise, a sum of sources, or prior samples, which may depend on sources."""
    between: dict[str, frozenset[str]] = {}
    sizes, random = {}, set()
    for source, functions in piece.sources(through):
        between[source.name] = between.get(source.name, functions) | functions
        sizes[source.name] = source.size
        if source.generator:
            random.add(source.name)
    others = between.keys() - random
    prior = next((name for name in random if name.startswith(PRIOR)), None)
    if prior:
        yield Flow(prior, target, piece.size)
        yield from (Flow(name, prior, sizes[name]) for name in sorted(others))
        return
    for name in sorted(others or random):
        noise = random if others else set()
        yield Flow(name, target, piece.size, (between[name] | noise) - PLUMBING)
