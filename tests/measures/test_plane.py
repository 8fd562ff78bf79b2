"""The plane's map and what it tells; clusters of equal size; pictures; a class that vanished."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from replication.data.loaders import load
from replication.evidence.records import warnings_of
from replication.measures.cluster_bound import least_error_of_equal_clusters
from replication.measures.clustering import cluster_logits
from replication.measures.pictures import cluster_heads, cluster_members, style_label_grid
from replication.measures.plane import in_plane, in_planes, onto_circle, told_by_heads
from replication.measures.semi_supervised import smallest_class
from replication.settings.schema import Seed
from replication.training.run import Run
from tests.tools.builders import make_joint_settings

MNIST_TEST = np.array([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]) / 10_000


@given(st.integers(0, 2**32 - 1), st.integers(3, 10), st.floats(-1e3, 1e3))
def test_heads_land_evenly_on_a_circle_wherever_they_are(
    seed: int, count: int, offset: float
) -> None:
    """Ten heads in ten dimensions, or fewer: exactly; an offset of all of them changes nothing."""
    heads = np.random.default_rng(seed).standard_normal((count, 10))
    if np.linalg.cond(heads) > 1e3:
        return
    centre, matrix = onto_circle(heads + offset)
    placed = (heads + offset - centre) @ matrix
    angles = 2 * np.pi * np.arange(count) / count
    np.testing.assert_allclose(placed, np.stack([np.cos(angles), np.sin(angles)], 1), atol=1e-6)
    np.testing.assert_allclose(matrix, onto_circle(heads)[1], rtol=1e-4, atol=1e-8)


def test_heads_of_a_plane_within_more_dimensions_leave_the_others_alone() -> None:
    angles = 2 * np.pi * np.arange(10) / 10
    heads = np.zeros((10, 5))
    heads[:, 0], heads[:, 1] = 7 * np.cos(angles), 7 * np.sin(angles)
    _, matrix = onto_circle(heads)
    np.testing.assert_allclose(matrix[2:], 0, atol=1e-12)
    np.testing.assert_allclose(matrix[:2], np.eye(2) / 7, atol=1e-12)


def test_a_representation_that_diverged_is_nowhere_in_the_plane() -> None:
    codes, heads = np.zeros((4, 3)), np.full((5, 3), np.nan)
    assert all(np.isnan(drawn).all() for drawn in in_plane(codes, heads))
    assert [drawn.shape for drawn in in_plane(codes, heads)] == [(4, 2), (5, 2)]
    same = in_plane(codes[:, :2], heads[:, :2])
    assert same[0].shape == (4, 2)
    assert not same[0].any(), "two dimensions are drawn as they are"


def test_each_seed_has_a_plane_of_its_own() -> None:
    numbers = np.random.default_rng(0)
    codes, heads = numbers.standard_normal((2, 6, 5)), numbers.standard_normal((2, 4, 5))
    planes, placed = in_planes(codes, heads)
    assert planes.dtype == placed.dtype == np.float32
    for k in range(2):
        alone = in_plane(codes[k], heads[k])
        np.testing.assert_allclose(planes[k], alone[0], rtol=1e-6)
        np.testing.assert_allclose(placed[k], alone[1], rtol=1e-6)


def test_heads_tell_the_classes_that_lie_around_them() -> None:
    heads = np.array([[0.0, 0.0], [10.0, 0.0]])
    codes = np.array([[1.0, 0.0], [0.0, 1.0], [9.0, 0.0], [12.0, 1.0]])
    assert told_by_heads(codes, heads, np.array([3, 3, 1, 1], np.uint8)) == 100
    assert told_by_heads(codes, heads, np.array([3, 3, 3, 1], np.uint8)) == 75
    assert told_by_heads(codes, heads[:1], np.array([3, 3, 1, 1], np.uint8)) == 50


@pytest.mark.parametrize(("clusters", "error"), [(16, 13.04), (30, 2.14), (20, 2.1)])
def test_equal_clusters_of_mnist_have_a_least_error(clusters: int, error: float) -> None:
    found = least_error_of_equal_clusters(MNIST_TEST, clusters)
    assert found == pytest.approx(error, abs=0.05)


def test_the_least_error_is_that_of_all_ways_to_name_the_clusters() -> None:
    shares = np.array([0.45, 0.35, 0.2])
    for clusters in (3, 4, 5):
        named = [np.bincount(names, minlength=3) for names in product(range(3), repeat=clusters)]
        right = max(np.minimum(shares, counts / clusters).sum() for counts in named)
        found = least_error_of_equal_clusters(shares, clusters)
        assert found == pytest.approx(100 * (1 - right))


def run_of(folder: Path) -> Run:
    settings = make_joint_settings()
    return Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)])


def test_pictures_have_a_place_for_every_label_and_members_are_theirs(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    assert style_label_grid(run).shape == (2, 8, 10, 64)
    assert cluster_heads(run).shape == (2, 10, 64)
    members = cluster_members(run, 3)
    assert members.shape == (2, 10, 3, 64)
    test = run.dataset.test
    assigned = cluster_logits(run.stack, run.dataset, test).argmax(-1)
    for seed, cluster in product(range(2), range(10)):
        own = {tuple(image.tolist()) for image in test.images[assigned[seed] == cluster]}
        for image in members[seed, cluster]:
            assert not image.any() or tuple(image.tolist()) in own


def test_a_class_without_images_is_seen_and_warned_of(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    shares = cluster_logits(run.stack, run.dataset, run.dataset.test).argmax(-1)
    expected = [100 * np.bincount(own, minlength=10).min() / len(own) for own in shares]
    assert smallest_class(run.stack, run.dataset).tolist() == pytest.approx(expected)
    state = {name: value.clone() for name, value in run.stack.state_dict().items()}
    state["encoder.heads.label.1.bias"][:, 3] = -torch.inf
    run.stack.load_state_dict(state)
    assert smallest_class(run.stack, run.dataset).tolist() == [0, 0]
    (warning,) = warnings_of({"smallest_class_percent": 0.5})
    assert "collapsed" in warning
    assert warnings_of({"smallest_class_percent": 8.0}) == []
