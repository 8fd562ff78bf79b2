"""Distances are of products in float32 proper, whatever a training has asked for."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from replication.base.products import full_precision
from replication.measures.anomaly import nearest_distances
from replication.measures.codes import nearest_neighbour
from replication.models.priors import SwissRoll
from replication.training.neighbours import kth_distances


@pytest.fixture(autouse=True)
def rounded() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


class Asked(TorchFunctionMode):
    """Which precision was asked for at each product or distance."""

    def __init__(self) -> None:
        super().__init__()
        self.precisions: list[str] = []

    def __torch_function__(
        self, function: Any, types: Any, inputs: Any = (), options: Any = None
    ) -> Any:
        if getattr(function, "__name__", "") in {"addmm", "cdist", "matmul", "__matmul__"}:
            self.precisions.append(torch.get_float32_matmul_precision())
        return function(*inputs, **(options or {}))


def points(count: int, numbers: int = 3) -> Tensor:
    return torch.randn(count, numbers, generator=torch.Generator().manual_seed(count))


DISTANCES: dict[str, Callable[[], object]] = {
    "nearest code": lambda: nearest_neighbour(points(9), torch.arange(9), points(4)),
    "nearest image": lambda: nearest_distances(points(9), points(4)),
    "neighbours": lambda: kth_distances(points(9), 2, 9),
    "place on the roll": lambda: SwissRoll().position_of(points(4, 2)),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_is_of_products_in_full_precision(name: str) -> None:
    with Asked() as asked:
        DISTANCES[name]()
    assert {*asked.precisions} == {"highest"}
    assert torch.get_float32_matmul_precision() == "high"


def test_the_precision_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), full_precision():
        raise KeyError
    assert torch.get_float32_matmul_precision() == "high"
