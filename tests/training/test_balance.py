"""The balance of clusters at batches whose shares are known."""

import math

import pytest
import torch
from scipy.stats import entropy

from replication.training.balance import imbalance

SURE = 50.0


def sure(clusters: list[int], count: int) -> torch.Tensor:
    """Logits [B, count] that are sure of these clusters."""
    return SURE * torch.nn.functional.one_hot(torch.tensor(clusters), count).float()


def test_an_even_batch_costs_nothing_and_pulls_nowhere() -> None:
    logits = sure([0, 1, 2, 3] * 5, 4).requires_grad_()
    loss = imbalance(logits)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.abs().max() < 1e-6


def test_undecided_images_are_balanced_too() -> None:
    assert imbalance(torch.zeros(7, 5)).item() == pytest.approx(0, abs=1e-6)


def test_one_cluster_alone_costs_log_k() -> None:
    assert imbalance(sure([2] * 9, 4)).item() == pytest.approx(math.log(4))


def test_it_is_the_divergence_of_the_shares_from_uniform() -> None:
    logits = torch.randn(3, 30, 6, generator=torch.Generator().manual_seed(0)) * 3
    shares = logits.softmax(-1).mean(1).numpy()
    expected = [entropy(own, [1 / 6] * 6) for own in shares]
    assert imbalance(logits).tolist() == pytest.approx(expected, rel=1e-4)


def test_slack_is_free_and_no_more() -> None:
    logits = sure([0, 0, 1, 2], 3).requires_grad_()
    lacking = math.log(3) - entropy([0.5, 0.25, 0.25])
    assert imbalance(logits, lacking + 0.01).item() == 0
    assert imbalance(logits, lacking - 0.01).item() == pytest.approx(0.01, abs=1e-5)
    (gradient,) = torch.autograd.grad(imbalance(logits, lacking + 0.01), logits)
    assert not gradient.any()


def test_descent_reaches_balance() -> None:
    """From one full cluster: the shares become even."""
    logits = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    logits[:, 0] += 2
    logits.requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        imbalance(logits).backward()
        optimiser.step()
    torch.testing.assert_close(
        logits.softmax(-1).mean(0), torch.full((4,), 0.25), atol=0.01, rtol=0
    )
