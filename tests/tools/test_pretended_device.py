"""The pretended device refuses what a GPU refuses, and nothing else."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from replication.base.streams import Streams
from tests.tools.pretended_device import DEVICE, HOST, NAME, MixedError, on_device, pretended


@pytest.fixture(autouse=True)
def within() -> Iterator[None]:
    with pretended():
        yield


def there(*shape: int) -> Tensor:
    return torch.ones(shape, device=NAME)


def test_a_tensor_knows_its_place_and_gives_it_on() -> None:
    own = there(2, 3)
    assert own.device == DEVICE
    for made in (own + 1, own[0], own.new_zeros(2), torch.empty_like(own), own.view(6).double()):
        assert made.device == DEVICE
    assert torch.ones(2).device == HOST
    assert torch.tensor([1.0], device=DEVICE).device == DEVICE
    assert own.to(DEVICE) is own
    assert own.cpu().device == own.to("cpu").device == own.to(torch.ones(1)).device == HOST
    assert own.device == DEVICE, "a copy was moved, not the tensor"
    assert torch.ones(2).to(own).device == DEVICE
    assert own.to(torch.float64).dtype == torch.float64


@pytest.mark.parametrize(
    "meeting",
    [
        lambda: there(2) + torch.ones(2),
        lambda: there(2, 2) @ torch.ones(2, 2),
        lambda: torch.cat([there(2), torch.ones(2)]),
        lambda: there(1, 2).gather(1, torch.zeros(1, 1, dtype=torch.long)),
        lambda: there(2).index_put_((torch.tensor([0]),), torch.ones(1)),
        lambda: there(2).numpy(),
        lambda: np.asarray(there(2)),
        lambda: torch.randn(2, generator=torch.Generator("cpu"), device=NAME),
        lambda: torch.randn(2, generator=torch.Generator(NAME)),
        lambda: there(2).normal_(generator=torch.Generator("cpu")),
        lambda: torch.vmap(lambda a, b: a @ b)(there(2, 3, 3), torch.ones(2, 3, 3)),
        lambda: there(2).sum() * torch.ones(2),
        lambda: gradient_of_both_places(there(2).requires_grad_()),
    ],
)
def test_what_meets_across_places_is_refused(meeting: Callable[[], object]) -> None:
    with pytest.raises(MixedError):
        meeting()


def gradient_of_both_places(own: Tensor) -> None:
    """A loss that is of the device, with a gradient that is not."""
    host = torch.ones(2)

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(context: object, given: Tensor) -> Tensor:
            return given.sum()

        @staticmethod
        def backward(context: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
            return there(2) + host

    Wrong.apply(own).backward()


@pytest.mark.parametrize(
    "allowed",
    [
        lambda: there(2) * torch.tensor(2.0),
        lambda: there(3)[torch.tensor([0, 2])],
        lambda: there(2).copy_(torch.ones(2)),
        lambda: torch.ones(2).copy_(there(2)),
        lambda: there(2).cpu().numpy(),
        lambda: there(2).tolist(),
        lambda: there(2).sum().item(),
        lambda: torch.randn(2, generator=torch.Generator(NAME), device=NAME),
        lambda: torch.vmap(lambda a, b: a @ b)(there(2, 3, 3), there(2, 3, 3)),
        lambda: torch.vmap(cross_entropy)(there(2, 3, 3), there(2, 3).long()),
    ],
)
def test_what_a_gpu_allows_is_allowed(allowed: Callable[[], object]) -> None:
    allowed()


def test_an_address_that_is_used_again_keeps_no_place() -> None:
    for _ in range(200):
        there(1000)
        host = torch.from_numpy(np.ones(1000, dtype=np.float32))
        assert not on_device(host)
        assert (host + torch.ones(1000)).device == HOST


def test_draws_are_those_of_the_host() -> None:
    drawn = Streams([3], DEVICE).normal("noise", 5)
    assert drawn.device == DEVICE
    assert torch.equal(drawn.cpu(), Streams([3], HOST).normal("noise", 5))


def test_an_optimiser_steps_on_the_device() -> None:
    weight = torch.nn.Parameter(there(3))
    for optimiser in (
        torch.optim.Adam([weight], fused=True),
        torch.optim.SGD([weight], 0.1, momentum=0.9, fused=True),
    ):
        weight.grad = there(3)
        optimiser.step()
        saved = optimiser.state_dict()
        optimiser.load_state_dict(saved)
        optimiser.step()
    assert weight.device == DEVICE
