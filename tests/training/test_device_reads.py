"""An update never waits for the device: what it computes stays there until the epoch's end."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bench.ours import training_of
from replication.settings.experiments import experiments
from replication.training.captured import WARM_UP

VARIANTS = [
    (item, variant)
    for item, content in experiments().items.items()
    for variant in experiments().runnable(item, "smoke")
    if not content.borrows
]


class Awaited(TorchDispatchMode):
    """Notes the operations whose result, or its shape, the host must read from the device."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name()
        by_mask = name.startswith("aten::index") and any(
            isinstance(index, Tensor) and index.dtype == torch.bool
            for argument in args[1:]
            if isinstance(argument, list | tuple)
            for index in argument
        )
        shaped_by_values = ("local_scalar_dense", "nonzero", "masked_select", "unique")
        if by_mask or any(part in name for part in shaped_by_values):
            self.calls.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("item", "variant"), VARIANTS)
def test_an_update_reads_nothing_back_from_the_device(item: str, variant: str) -> None:
    settings = experiments().settings_of("smoke", item, variant)
    training = training_of(settings, [0, 1], torch.device("cpu"), "float32")
    batches = training.batches.epoch()
    training.update(next(batches))  # optimisers make their state in the first
    with Awaited() as awaited:
        training.update(next(batches))
    assert awaited.calls == []


def test_what_reads_the_device_is_noticed() -> None:
    values = torch.arange(4.0)
    with Awaited() as awaited:
        values.sum().item(), values[values > 1], values.nonzero()
    assert len(awaited.calls) >= 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_gpu_is_never_waited_for() -> None:
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    training = training_of(settings, [0, 1], torch.device("cuda"), "float32")
    batches = training.batches.epoch()
    for _ in range(WARM_UP + 1):  # a capture waits, once
        training.update(next(batches))
    with torch.profiler.profile() as profile:
        for batch in batches:
            training.update(batch)
    waits = {"cudaStreamSynchronize", "cudaEventSynchronize"}
    names = [event.name for event in profile.events()]
    assert [name for name in names if name in waits or "DtoH" in name] == []
