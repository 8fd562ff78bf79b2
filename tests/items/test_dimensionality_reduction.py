"""Figure 11: the projection of the cluster heads, and what training stores."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication import figure11_dimensionality_reduction as figure11
from replication.data.loaders import load
from replication.pages import planes
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.run import Run


@given(st.integers(0, 2**32 - 1), st.integers(3, 10))
def test_independent_heads_land_evenly_on_a_circle(seed: int, count: int) -> None:
    heads = np.random.default_rng(seed).standard_normal((count, 10))
    if np.linalg.cond(heads) > 1e6:
        return
    placed = heads @ figure11.onto_circle(heads)
    np.testing.assert_allclose(np.linalg.norm(placed, axis=1), 1, atol=1e-6)
    turns = np.unwrap(np.arctan2(placed[:, 1], placed[:, 0]))
    np.testing.assert_allclose(np.diff(turns), 2 * np.pi / count, atol=1e-6)
    np.testing.assert_allclose(placed[0], [1, 0], atol=1e-6)


def test_heads_on_a_circle_already_stay_where_they_are() -> None:
    angles = 2 * np.pi * np.arange(10) / 10
    heads = np.stack([np.cos(angles), np.sin(angles)], 1)
    np.testing.assert_allclose(figure11.onto_circle(heads), np.eye(2), atol=1e-12)


@pytest.mark.parametrize("variant", ["labels_1000", "ten_dimensional", "unsupervised"])
def test_what_is_stored_is_two_dimensional_and_beats_chance(variant: str, tmp_path: Path) -> None:
    """After six epochs; without labels the clusters are hardly formed by then."""
    settings = experiments().settings_of("smoke", planes.PAPER, variant)
    settings = settings.model_copy(update={"epochs": 6})
    run = Run(settings, load(settings), [Seed(0, 0)])
    outcome = figure11.train(run)
    clusters = settings.label_dim
    assert outcome.arrays["codes"].shape == (1, 397, 2)
    assert outcome.arrays["heads"].shape == (1, clusters, 2)
    assert outcome.metrics["test_error_percent"].item() < (80 if settings.labels else 90)
    assert outcome.metrics["least_head_distance"].item() > 1
    distances = [row["head_distance"] for row in outcome.fitted.histories[0]]
    assert distances[-1] < distances[0] / 2
