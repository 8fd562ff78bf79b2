"""The measures of clustering have their known values on known clusterings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.measures.cluster_bound import MNIST_TEST_COUNTS, least_error_of_equal_clusters
from replication.measures.clustering import (
    UNNAMED,
    agreement,
    entropies,
    hungarian_accuracy,
    log_odds,
    majority_names,
    most_confident_names,
    of_logits,
    ties,
)

LABELS = np.tile(np.arange(10), 30)


def probabilities(assigned: np.ndarray, clusters: int, confidence: float = 0.9) -> np.ndarray:
    """q(y|x) with that much weight on the assigned cluster."""
    rest = (1 - confidence) / (clusters - 1)
    rows = np.full((len(assigned), clusters), rest)
    rows[np.arange(len(assigned)), assigned] = confidence
    return rows


def measured(assigned: np.ndarray, clusters: int = 10) -> dict[str, float]:
    rows = probabilities(assigned, clusters)
    return agreement(rows, LABELS, rows, LABELS)


def test_a_perfect_clustering_has_no_error_whatever_its_numbers() -> None:
    for order in (np.arange(10), np.roll(np.arange(10), 3)):
        found = measured(order[LABELS])
        assert all(value == 0 for name, value in found.items() if "percent" in name)
        assert found["normalised_mutual_information"] == pytest.approx(1)
        assert found["adjusted_rand_index"] == pytest.approx(1)
        assert found["clusters_used"] == 10


def test_one_cluster_for_all_names_one_class_right() -> None:
    found = measured(np.zeros_like(LABELS))
    assert found["majority_error_percent"] == pytest.approx(90)
    assert found["hungarian_error_percent"] == pytest.approx(90)
    assert found["adjusted_rand_index"] == pytest.approx(0)
    assert found["clusters_used"] == 1


def test_clusters_by_chance_are_at_chance() -> None:
    found = measured(np.random.default_rng(0).integers(0, 10, len(LABELS)))
    assert found["test_error_percent"] > 75
    assert abs(found["adjusted_rand_index"]) < 0.05


def test_a_class_split_in_two_costs_the_hungarian_measure_alone() -> None:
    split = LABELS.copy()
    split[(LABELS == 1) & (np.arange(len(LABELS)) < 150)] = 10
    found = measured(split, clusters=11)
    assert found["test_error_percent"] == 0
    assert found["majority_error_percent"] == 0
    assert found["hungarian_error_percent"] == pytest.approx(5)


def test_the_most_confident_point_names_its_cluster_even_against_the_majority() -> None:
    rows = probabilities(np.zeros(5, dtype=int), 2)
    rows[3, 0] = 0.99
    labels = np.array([4, 4, 4, 7, 4])
    assert most_confident_names(rows, labels)[0] == 7
    assert majority_names(rows.argmax(1), labels, 2).tolist() == [4, UNNAMED]


def test_names_come_from_the_validation_images() -> None:
    test = probabilities(LABELS, 10)
    shifted = (LABELS + 1) % 10
    found = agreement(test, LABELS, test, shifted)
    assert found["test_error_percent"] == 100
    assert found["error_named_on_test_percent"] == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 11), min_size=20, max_size=60), st.integers(0, 1000))
def test_majority_is_never_worse_than_any_naming_on_its_own_points(
    assigned: list[int], seed: int
) -> None:
    clusters = np.array(assigned)
    labels = np.random.default_rng(seed).integers(0, 10, len(clusters))
    rows = probabilities(clusters, 12)
    majority = (majority_names(clusters, labels, 12)[clusters] != labels).mean()
    confident = (most_confident_names(rows, labels)[clusters] != labels).mean()
    assert majority <= confident
    assert 1 - hungarian_accuracy(clusters, labels, 12) >= majority - 1e-9


def test_entropies_have_their_known_values() -> None:
    sure = entropies(probabilities(LABELS, 10, confidence=1.0))
    assert sure["label_entropy"] == pytest.approx(0)
    assert sure["mean_label_entropy"] == pytest.approx(np.log(10))
    collapsed = entropies(probabilities(np.zeros_like(LABELS), 10, confidence=1.0))
    assert collapsed["mean_label_entropy"] == pytest.approx(0)
    unsure = entropies(np.full((300, 16), 1 / 16))
    assert unsure["label_entropy"] == pytest.approx(np.log(16))


# Naming where float32 saturates


def test_log_odds_are_those_of_the_probabilities() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (50, 5))
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert log_odds(logits) == pytest.approx(np.log(q / (1 - q)))


SATURATED = np.array([[40.0, 0.0, 0.0], [90.0, 0.0, 5.0], [60.0, 0.0, 0.0], [0.0, 30.0, 0.0]])


def test_the_surest_image_is_found_where_float32_says_1_of_all() -> None:
    """By the sum of the other clusters' odds, not by the order of the files."""
    assert log_odds(SATURATED)[:3, 0] == pytest.approx(
        [40 - np.log(2), 85 - np.log1p(np.exp(-5)), 60 - np.log(2)]
    )
    labels = np.array([3, 1, 4, 2])
    order = np.array([2, 0, 3, 1])
    for chosen in (np.arange(4), order):
        names = most_confident_names(log_odds(SATURATED[chosen]), labels[chosen])
        assert names[:2].tolist() == [1, 2]


def test_the_largest_logit_alone_does_not_make_an_image_sure() -> None:
    logits = np.array([[90.0, 89.0], [10.0, 0.0]])
    assert most_confident_names(log_odds(logits), np.array([7, 8]))[0] == 8


def test_ties_of_float32_are_counted_and_their_error_is_the_mean_of_all_choices() -> None:
    """Cluster 0: three images tied, two of them named 1; ten test images, of them six are 1."""
    logits = np.array([[50.0, 0.0], [60.0, 0.0], [70.0, 0.0], [0.0, 3.0]])
    labels = np.array([1, 1, 2, 0])
    assigned, test_labels = np.array([0] * 10 + [1] * 2), np.array([1] * 6 + [2] * 4 + [0, 1])
    found = ties(logits, labels, assigned, test_labels)
    assert found["tied_images"] == 2  # three and one
    right = (6 + 6 + 4) / 3 + 1
    assert found["test_error_over_ties_percent"] == pytest.approx(100 * (1 - right / 12))


def test_without_ties_the_expected_error_is_the_error() -> None:
    logits = np.random.default_rng(1).normal(0, 1, (200, 4))
    labels = np.arange(200) % 3
    found = of_logits(logits, labels, logits[::-1], labels[::-1])
    assert found["tied_images"] == 1
    assert found["test_error_over_ties_percent"] == pytest.approx(found["test_error_percent"])


def test_an_image_order_changes_no_measure() -> None:
    """Where all are saturated, as after 25 epochs of Table 3."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 10, 500)
    logits = 60.0 * np.eye(16)[labels] + rng.normal(0, 9, (500, 16))
    order = rng.permutation(500)
    found = of_logits(logits, labels, logits, labels)
    again = of_logits(logits[order], labels[order], logits[order], labels[order])
    assert found["tied_images"] > 2
    assert again == pytest.approx(found)


# Clusters of equal size


@pytest.mark.parametrize(("clusters", "least"), [(10, 2.14), (16, 13.04), (20, 2.14), (30, 2.14)])
def test_equal_clusters_cannot_hold_mnists_classes(clusters: int, least: float) -> None:
    shares = np.array(MNIST_TEST_COUNTS) / 10_000
    assert sum(MNIST_TEST_COUNTS) == 10_000
    assert least_error_of_equal_clusters(shares, clusters) == pytest.approx(least)


def test_the_distance_from_the_uniform_prior_is_what_has_to_move() -> None:
    even = entropies(probabilities(LABELS, 10, confidence=1.0))
    assert even["label_prior_distance_percent"] == pytest.approx(0)
    one = entropies(probabilities(np.zeros_like(LABELS), 10, confidence=1.0))
    assert one["label_prior_distance_percent"] == pytest.approx(90)
    two = entropies(probabilities(LABELS % 2, 4, confidence=1.0))
    assert two["label_prior_distance_percent"] == pytest.approx(50)
