"""Figure 11: what training stores."""

from pathlib import Path

import numpy as np
import pytest

from replication import figure11_dimensionality_reduction as figure11
from replication.data.loaders import load
from replication.pages import planes
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.run import Run


@pytest.mark.parametrize("variant", ["labels_1000", "ten_dimensional", "unsupervised"])
def test_what_is_stored_is_two_dimensional_and_beats_chance(variant: str, tmp_path: Path) -> None:
    """After six epochs; without labels the clusters are hardly formed by then."""
    settings = experiments().settings_of("smoke", planes.PAPER, variant)
    settings = settings.model_copy(update={"epochs": 6})
    run = Run(settings, load(settings), [Seed(0, 0)])
    outcome = figure11.train(run)
    clusters = settings.label_dim
    assert outcome.arrays["codes"].shape == (1, 397, 2)
    heads = np.asarray(outcome.arrays["heads"])
    assert heads.shape == (1, clusters, 2)
    if settings.style_dim > 2:
        np.testing.assert_allclose(np.linalg.norm(heads, axis=-1), 1, atol=1e-4)
    assert outcome.metrics["test_error_percent"].item() < (80 if settings.labels else 90)
    assert outcome.metrics["least_head_distance"].item() > 1
    distances = [row["head_distance"] for row in outcome.fitted.histories[0]]
    assert distances[-1] < distances[0] / 2
