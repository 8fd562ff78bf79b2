"""Adversarial examples: a linear classifier, whose worst image is known."""

from typing import Any

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


def codes_of(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Codes [90, 4] that overlap, and their labels in ``count`` classes."""
    labels = torch.arange(90) % count
    noise = torch.randn(90, 4, generator=torch.Generator().manual_seed(seed))
    return 5 + 3 * noise + labels[:, None], labels


def peer_of(codes: Tensor, labels: Tensor) -> Any:
    """scikit-learn's logistic regression on standardised codes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    whole = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return whole.fit(codes.numpy(), labels.numpy())


def test_the_head_is_that_of_scikit_learn_on_standardised_codes() -> None:
    codes, labels = codes_of(3)
    weights, bias = linear_head(codes.numpy(), labels.numpy(), 3)
    theirs = peer_of(codes, labels).decision_function(codes.numpy())
    assert torch.allclose(codes @ weights.T + bias, torch.from_numpy(theirs).float(), atol=1e-4)


@pytest.mark.parametrize("count", [2, 3])
def test_the_head_names_what_scikit_learn_names(count: int) -> None:
    """So does each probability, of two classes, too; the fourth class has no code."""
    codes, labels = codes_of(count)
    weights, bias = linear_head(codes.numpy(), labels.numpy(), 4)
    peer, (others, _) = peer_of(codes, labels), codes_of(count, seed=1)
    logits = others @ weights.T + bias
    assert logits.argmax(-1).tolist() == peer.predict(others.numpy()).tolist()
    shares = torch.from_numpy(peer.predict_proba(others.numpy())).float()
    torch.testing.assert_close(logits.softmax(-1)[:, :count], shares, atol=1e-5, rtol=1e-4)
    assert (logits.softmax(-1)[:, count:] == 0).all()


def test_a_class_that_the_first_images_lack_keeps_its_number() -> None:
    codes, labels = codes_of(2)
    named = 2 * labels + 1  # of five classes, 1 and 3 are there
    weights, bias = linear_head(codes.numpy(), named.numpy(), 5)
    assert (codes @ weights.T + bias).argmax(-1).tolist() == peer_of(codes, named).predict(
        codes.numpy()
    ).tolist()
    images = codes.clamp(0, 10) / 10
    found = accuracies(lambda x: 10 * x @ weights.T + bias, images, torch.arange(90) % 5)
    assert 0 < found["pgd_accuracy_percent"] <= found["clean_accuracy_percent"] < 100
