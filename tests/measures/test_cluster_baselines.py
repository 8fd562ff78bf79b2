"""The baselines of Table 3 on clusters that are known."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from replication.data.dataset import Dataset, Split
from replication.measures.cluster_baselines import cluster_baselines, mixture
from replication.measures.clustering import log_odds
from replication.pages.names import BASELINES


def blobs(classes: int) -> Dataset:
    """Images of ``classes`` x 50, each bright at its class's pixel alone, with a little noise."""
    labels = torch.arange(50 * classes) % classes
    grey = torch.zeros(len(labels), classes, dtype=torch.uint8).scatter(1, labels[:, None], 250)
    noise = torch.randint(0, 5, grey.shape, generator=torch.Generator().manual_seed(0))
    split = Split(grey + noise.byte(), labels)
    return Dataset("blobs", (1, classes // 2, 2), classes, split, split, "", validation=split)


def test_all_find_clusters_that_lie_apart() -> None:
    found = cluster_baselines(blobs(4), 4, seed=0)
    for prefix in BASELINES:
        assert found[f"{prefix}test_error_percent"] == 0
        assert found[f"{prefix}adjusted_rand_index"] == pytest.approx(1)


def test_one_cluster_names_one_class() -> None:
    found = cluster_baselines(blobs(4), 1, seed=0)
    for prefix in BASELINES:
        assert found[f"{prefix}test_error_percent"] == pytest.approx(75)


def test_every_metric_has_a_baseline_that_is_named() -> None:
    found = cluster_baselines(blobs(4), 2, seed=0)
    assert all(any(metric.startswith(p) for p in BASELINES) for metric in found)


def test_the_mixture_is_that_of_scikit_learn_with_odds_that_do_not_saturate() -> None:
    numbers = np.random.default_rng(0)
    fitted = np.concatenate([numbers.normal(place, 1.0, (200, 3)) for place in (-2, 0, 2)])
    (odds,) = mixture([fitted, fitted], 3, seed=0)
    peer = GaussianMixture(3, reg_covar=1e-3, max_iter=300, tol=0.01, random_state=0).fit(fitted)
    shares = peer.predict_proba(fitted)
    assert np.allclose(1 / (1 + np.exp(-odds)), shares, atol=1e-9)
    assert np.isfinite(odds).all()
    assert np.allclose(log_odds(np.log(shares + 1e-300)), odds, atol=1e-3)
