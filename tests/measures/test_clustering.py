"""The measures of clustering have their known values on known clusterings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.measures.clustering import (
    UNNAMED,
    agreement,
    entropies,
    hungarian_accuracy,
    majority_names,
    most_confident_names,
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
