"""Adversarial examples: a linear classifier, whose worst image is known."""

import pytest
import torch
from torch import Tensor

from replication.measures.attacks import RADIUS, STEP, STEPS, accuracies, linear_head, misled


@pytest.fixture
def problem() -> tuple[Tensor, Tensor, Tensor]:
    """Two classes' weights [2, 8], images [200, 8] away from 0 and 1, and what they are called."""
    numbers = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 8, generator=numbers)
    images = 0.3 + 0.4 * torch.rand(200, 8, generator=numbers)
    return weights, images, ((images - 0.5) @ weights.T).argmax(-1)


def test_a_linear_classifier_loses_exactly_what_its_margin_does_not_bear(
    problem: tuple[Tensor, Tensor, Tensor],
) -> None:
    weights, images, labels = problem
    logits = (images - 0.5) @ weights.T
    margin = (logits[:, 0] - logits[:, 1]).abs()
    borne = 100 * (margin > RADIUS * (weights[0] - weights[1]).abs().sum()).double().mean().item()
    found = accuracies(lambda x: (x - 0.5) @ weights.T, images, labels)
    assert found["clean_accuracy_percent"] == 100
    assert 0 < borne < 100
    assert found["fgsm_accuracy_percent"] == pytest.approx(borne)
    assert found["pgd_accuracy_percent"] == pytest.approx(borne)


def test_no_pixel_leaves_its_radius_or_its_range(problem: tuple[Tensor, Tensor, Tensor]) -> None:
    weights, _, labels = problem
    images = torch.rand(200, 8, generator=torch.Generator().manual_seed(1))
    for steps, step in ((1, RADIUS), (STEPS, STEP)):
        moved = misled(lambda x: x @ weights.T, images, labels, steps, step)
        assert ((moved - images).abs() <= RADIUS + 1e-6).all()
        assert (moved >= 0).all()
        assert (moved <= 1).all()
        assert (moved != images).any()


def test_the_head_is_that_of_scikit_learn_on_standardised_codes() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    numbers = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    codes = 5 + 3 * torch.randn(90, 4, generator=numbers) + labels[:, None]
    weights, bias = linear_head(codes.numpy(), labels.numpy())
    scaler = StandardScaler().fit(codes.numpy())
    peer = LogisticRegression(max_iter=1000).fit(scaler.transform(codes.numpy()), labels.numpy())
    theirs = torch.from_numpy(peer.decision_function(scaler.transform(codes.numpy()))).float()
    assert torch.allclose(codes @ weights.T + bias, theirs, atol=1e-4)
