"""The bench counts what the code does, and an update does nothing that would slow a GPU."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bench.step import counted, floor, table, training_of
from replication.engine.config import experiments

VARIANTS = [
    (item, variant)
    for item, content in experiments().items.items()
    for variant in experiments().runnable(item)
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
    training = training_of(settings, 2, torch.device("cpu"), "float32")
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


def test_an_update_makes_no_product_that_is_not_needed() -> None:
    """The floor is counted from the layers by hand, the other from torch's own calls.

    But for one: the encoder gives the labelled images a style too (0.4 % here, 0.03 % at width
    1000).
    """
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    training = training_of(settings, 1, torch.device("cpu"), "float32")
    styles = 2 * settings.batch_size * settings.hidden[-1] * settings.style_size
    assert counted(training) == floor(settings, pixels=64) + styles


def test_the_floor_at_the_networks_of_the_paper() -> None:
    """71 MFLOP an image, as recounted by hand from the layers' sizes."""
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    assert round(floor(settings) / settings.batch_size / 1e6) == 71


def test_the_table_gives_ratios() -> None:
    result = {
        "machine": {"device": "a machine"},
        "seeds": 1,
        "floor_flop_per_update": 2e9,
        "executed_flop_per_update": 2e9,
        "ceiling_gflops": {"float32": 100.0, "bf16-products": 200.0},
        "updates_per_second": {"ours, bf16-products": 50.0, "DataLoader loop": 10.0},
    }
    lines = table(result).splitlines()
    ours = next(line for line in lines if line.startswith("ours"))
    assert ours.split()[-4:] == ["50.0", "100.0", "50%", "5.00x"]
