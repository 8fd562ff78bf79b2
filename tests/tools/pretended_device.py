"""A second device that is only pretended: what a GPU would refuse fails on a machine without one.

Within ``pretended()`` the device ``cpu:0`` is the pretended one and ``cpu`` the host. Values are
real. Every storage carries a mark of its place, which is set where torch's operations make it; an
operation is refused, with ``MixedError``, as CUDA refuses it:

- tensors of both places, except numbers (0-dim) of the host, indices, and copies between them;
- a generator of the other place than the tensor that is drawn;
- a tensor of the device as a numpy array.

Not seen: what depends on ``device.type == "cuda"``, and whether an operation exists on a GPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

NAME = "cpu:0"
DEVICE, HOST = torch.device(NAME), torch.device("cpu")
# Operations of which CUDA takes the indices, arguments from the second on, from the host as well.
INDEXED = ("aten::index", "aten::_unsafe_index", "aten::index_put", "aten::index_put_")
COPIES = ("aten::copy_", "aten::_to_copy", "aten::set_")
MAKERS = (torch.tensor, torch.as_tensor)


class MixedError(RuntimeError):
    """What a GPU would have refused."""


def on_device(tensor: Tensor) -> bool:
    """The tensor's storage is marked as the pretended device's."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return getattr(tensor.untyped_storage(), "pretended", False)


def mark(tensor: Tensor, device: bool) -> None:
    tensor.untyped_storage().pretended = device  # type: ignore[attr-defined]


def is_pretended(device: Any) -> bool:
    return device is not None and torch.device(device) == DEVICE


class Generator(torch.Generator):
    """Knows its place; torch's own of ``cpu:0`` says that it is of ``cpu``."""

    def __new__(cls, device: Any = "cpu") -> "Generator":
        return super().__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu"):
        self.place = torch.device(device)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self.place


class Calls(TorchFunctionMode):
    """What torch decides in Python: the device that a tensor names, and the ways to the host.

    ``within_device``: the call in progress was given tensors of the device, and names none. What
    C++ makes then for "the device of the tensors", which is ``cpu`` to it, is the device's.
    """

    within_device = False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__self__", None) is Tensor.device:
            own = func(*args)
            return DEVICE if own.type == "cpu" and on_device(args[0]) else own
        if func in (Tensor.numpy, Tensor.__array__) and on_device(args[0]):
            raise MixedError(f"a tensor of the device {tuple(args[0].shape)} as a numpy array")
        if func in (Tensor.cpu, Tensor.to):
            return moved(args[0], func is Tensor.cpu, [*args[1:], *kwargs.values()])
        named = kwargs.get("device") is not None
        given = not named and any(on_device(own) for own in tensors((args, kwargs)))
        before, self.within_device = self.within_device, given
        try:
            made = func(*args, **kwargs)
        finally:
            self.within_device = before
        if func in MAKERS and is_pretended(kwargs.get("device")):
            mark(made, True)
        drawn_by = kwargs.get("generator")
        if drawn_by is not None and (drawn_by.device == DEVICE) != on_device(made):
            raise MixedError(
                f"{func.__name__}: a generator of {drawn_by.device}, not of the tensor's"
            )
        return made


def moved(tensor: Tensor, to_host: bool, wanted: list[Any]) -> Tensor:
    """As ``to`` or ``cpu`` give it: a copy at the other place, else itself; or another kind."""
    others = [given for given in wanted if isinstance(given, Tensor)]
    devices = [torch.device(g) for g in wanted if isinstance(g, torch.device | str)]
    devices += [DEVICE if on_device(other) else other.device for other in others]
    kinds = [g for g in wanted if isinstance(g, torch.dtype)] + [other.dtype for other in others]
    target = False if to_host else any(map(is_pretended, devices)) if devices else on_device(tensor)
    if target != on_device(tensor):
        tensor = tensor.clone()
        mark(tensor, target)
    return tensor.to(kinds[0]) if kinds else tensor


class Operations(TorchDispatchMode):
    """Every operation on real tensors, those of the gradients and under ``vmap`` as well."""

    def __init__(self, calls: Calls):
        super().__init__()
        self.calls = calls

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.name().partition(".")[0]
        seen = tensors((args, kwargs))
        for tensor in seen:
            if not hasattr(tensor.untyped_storage(), "pretended"):
                mark(tensor, False)  # made before, or by numpy
        refuse_mixed(name, args, kwargs)
        target = any(on_device(tensor) for tensor in seen)
        if kwargs.get("device") is not None:
            target = is_pretended(kwargs["device"]) or self.calls.within_device
        made = func(*args, **kwargs)
        for tensor in tensors(made):
            if not hasattr(tensor.untyped_storage(), "pretended"):
                mark(tensor, target)
        return made


def tensors(nested: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor)]


def refuse_mixed(name: str, args: Any, kwargs: dict[str, Any]) -> None:
    """``MixedError`` where tensors of both places meet in the operation ``name``."""
    if name in COPIES:
        return
    checked = tensors((args[:1], args[2:], kwargs) if name in INDEXED else (args, kwargs))
    if not name.startswith("aten::_fused_"):  # optimisers want their numbers at the same place, too
        checked = [tensor for tensor in checked if tensor.dim() or on_device(tensor)]
    if len({on_device(tensor) for tensor in checked}) == 2:
        strangers = [tuple(tensor.shape) for tensor in checked if not on_device(tensor)]
        raise MixedError(f"{name}: tensors of the device with those of the host {strangers}")


@contextmanager
def pretended() -> Iterator[None]:
    """The device ``NAME`` is pretended within."""
    own = torch.Generator
    torch.Generator = Generator  # type: ignore[misc]
    try:
        calls = Calls()
        with calls, Operations(calls):
            yield
    finally:
        torch.Generator = own  # type: ignore[misc]
