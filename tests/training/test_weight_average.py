"""The moving average of the weights: what it is, and that training never sees it."""

import pytest
import torch
from torch import Tensor, nn

from replication.base.errors import UserError
from replication.models.stack import Stack
from replication.settings.schema import Seed
from replication.training.fit import Training, fit
from replication.training.weight_average import EVERY, Average
from tests.models.test_stack import training_of
from tests.tools.builders import make_settings


class Silent:
    """A monitor that starts anew, stores nothing and tells nothing."""

    def resume(self) -> None: ...

    def checkpoint(self, epoch: int, state: object) -> None: ...

    def step(self, epoch: int, step: int, steps: int) -> None: ...

    def epoch(self, rows: object, recorded: bool) -> None: ...


def scalar(seeds: int = 1) -> Stack:
    return Stack(lambda seed: nn.Linear(1, 1, bias=False), range(seeds), torch.device("cpu"))


def moved(stack: Stack, average: Average, values: list[float]) -> Tensor:
    """The average after the weight had each of ``values`` for ``EVERY`` updates."""
    for value in values:
        with torch.no_grad():
            stack.parameters()[0].fill_(value)
        for _ in range(EVERY):
            average.update()
    return average.values[0]


def test_the_average_of_a_constant_is_the_constant() -> None:
    stack = scalar()
    average = Average(stack, 1000)
    initial = average.values[0].item()
    assert moved(stack, average, [initial] * 50).item() == pytest.approx(initial)


def test_the_average_lies_a_horizon_behind_a_ramp() -> None:
    """An exponential average with keep k of 0, 1, 2, ... lags k / (1 - k) steps behind."""
    stack = scalar()
    average = Average(stack, 20 * EVERY)
    steps = 400
    found = moved(stack, average, [float(step) for step in range(steps)])
    assert found.item() == pytest.approx(steps - 1 - 19, abs=0.5)


def test_the_first_weights_do_not_stay_in_it() -> None:
    stack = scalar()
    average = Average(stack, 10_000 * EVERY)
    with torch.no_grad():
        average.values[0].fill_(1e6)
    assert abs(moved(stack, average, [1.0] * 500).item() - 1) < 1e6 / 400


def test_every_stacked_model_has_its_own() -> None:
    stack = scalar(3)
    average = Average(stack, EVERY)
    with torch.no_grad():
        stack.parameters()[0].copy_(torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1))
    for _ in range(200 * EVERY):
        average.update()
    assert average.values[0].flatten().tolist() == pytest.approx([1, 2, 3], abs=1e-2)


def test_in_place_gives_the_average_and_then_the_same_bits_back() -> None:
    stack = scalar()
    average = Average(stack, 100)
    before = moved(stack, average, [1.0, 2.0, 4.0]).clone()
    weight = stack.parameters()[0].detach().clone()
    with average.in_place():
        assert torch.equal(stack.parameters()[0], before)
    assert torch.equal(stack.parameters()[0], weight)
    assert torch.equal(average.values[0], before)


def fitted(averaged: int, epochs: int = 3) -> tuple[Training, list]:
    training = training_of(make_settings(), [Seed(0, 0)])
    if averaged:
        training.average = Average(training.stack, averaged)

    def evaluate() -> dict[str, Tensor]:
        return {"weight": training.stack.parameters()[0].double().sum().unsqueeze(0).detach()}

    return training, fit(training, epochs, 1, evaluate, Silent()).histories[0]


def test_training_is_the_same_with_it_and_what_is_evaluated_is_not() -> None:
    (alone, without), (averaged, with_it) = fitted(0), fitted(200)
    losses = [[row["reconstruction"] for row in rows] for rows in (without, with_it)]
    assert losses[0] == losses[1]
    assert all(a["weight"] != b["weight"] for a, b in zip(without, with_it, strict=True))
    left = averaged.stack.parameters()[0].double().sum().item()
    assert left == with_it[-1]["weight"], "the average is left in the stack"
    assert averaged.average is not None
    assert torch.equal(averaged.average.values[0], alone.stack.parameters()[0])


def test_its_state_is_restored() -> None:
    training, _ = fitted(200, epochs=1)
    other = training_of(make_settings(), [Seed(0, 0)])
    other.average = Average(other.stack, 200)
    other.load_state_dict(training.state_dict())
    assert training.average is not None
    assert other.average.updates == training.average.updates > 0
    for own, restored in zip(training.average.values, other.average.values, strict=True):
        assert torch.equal(own, restored)


def test_it_does_not_go_with_batch_norm() -> None:
    with pytest.raises((ValueError, UserError), match="batch_norm"):
        make_settings(weight_average_updates=100, batch_norm="encoder")
    with pytest.raises((ValueError, UserError), match="batch_norm"):
        make_settings(weight_average_updates=100, label_logit_std=2.0)
