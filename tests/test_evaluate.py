"""Distances between samples, the mean image's error, and the priors: parity with numpy, scipy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy import stats

from replication.engine.config import Seed
from replication.engine.data import Split
from replication.engine.evaluate import mean_image_error, prior_distances, sliced_wasserstein
from replication.engine.priors import Categorical, Gaussian, GaussianMixture, Prior

finite = st.floats(-1000, 1000, allow_subnormal=False)


def normal(n: int, size: int, seed: int = 0) -> np.ndarray:
    return default_rng(seed).standard_normal((n, size))


# The sliced Wasserstein distance


@profile(deadline=None, max_examples=100)
@given(pairs=st.lists(st.tuples(finite, finite), min_size=1, max_size=20))
def test_in_one_dimension_it_is_the_wasserstein_distance(pairs: list[tuple[float, float]]) -> None:
    a, b = (np.array(column) for column in zip(*pairs, strict=True))
    expected = stats.wasserstein_distance(a, b)
    assert sliced_wasserstein(a[:, None], b[:, None]) == pytest.approx(expected, abs=1e-9)


def test_it_is_the_mean_of_wasserstein_distances_over_projections() -> None:
    a, b = normal(30, 3, seed=1), 2 * normal(30, 3, seed=2) + 1
    axes = default_rng(5).standard_normal((3, 7))
    projections = (axes / np.linalg.norm(axes, axis=0)).T
    distances = [stats.wasserstein_distance(a @ axis, b @ axis) for axis in projections]
    assert sliced_wasserstein(a, b, directions=7, seed=5) == pytest.approx(np.mean(distances))


@profile(deadline=None, max_examples=30)
@given(n=st.integers(1, 30), size=st.integers(1, 5), seed=st.integers(0, 1000))
def test_distance_is_symmetric_and_blind_to_the_order_of_rows(n: int, size: int, seed: int) -> None:
    a, b = normal(n, size, seed), normal(n, size, seed + 1)
    distance = sliced_wasserstein(a, b)
    shuffled = default_rng(seed).permutation(a)
    assert sliced_wasserstein(b, a) == distance
    assert sliced_wasserstein(shuffled, b) == pytest.approx(distance, rel=1e-12)
    assert sliced_wasserstein(a, a) == 0
    assert sliced_wasserstein(shuffled, a) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shift", [[3.0], [3.0, -4.0], [1.0, 2.0, 2.0, 4.0]])
def test_a_shift_is_as_far_as_its_mean_projection(shift: list[float]) -> None:
    """|shift| times the mean |cosine| between two directions in so many dimensions."""
    size = len(shift)
    cosine = math.gamma(size / 2) / (math.sqrt(math.pi) * math.gamma((size + 1) / 2))
    sample = normal(40, size)
    distance = sliced_wasserstein(sample, sample + np.array(shift), directions=10_000)
    assert distance == pytest.approx(np.linalg.norm(shift) * cosine, rel=0.03)


def test_distance_is_in_the_unit_of_the_codes() -> None:
    a, b = normal(40, 2, seed=1), normal(40, 2, seed=2)
    assert sliced_wasserstein(3 * a, 3 * b) == pytest.approx(3 * sliced_wasserstein(a, b))


@pytest.mark.parametrize("shape", [(9, 2), (10, 3)])
def test_samples_of_other_shapes_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"\(10, 2\) and \({shape[0]}, {shape[1]}\) differ"):
        sliced_wasserstein(np.zeros((10, 2)), np.zeros(shape))


def test_distances_to_the_prior_tell_its_own_samples_from_others() -> None:
    seeds, prior = [Seed(0, 0), Seed(1, 1)], Gaussian(2, 5.0)
    own = prior.sample(2000, torch.Generator().manual_seed(1))
    measured = prior_distances(torch.stack([own, own + 10]), prior, seeds)
    distance, floor = measured["prior_distance"], measured["prior_distance_floor"]
    assert distance.shape == floor.shape == (2,)
    assert distance[0] < 3 * floor[0]
    assert distance[1] > 20 * floor[1]

    alone = prior_distances((own + 10).unsqueeze(0), prior, seeds[1:])
    assert alone["prior_distance"].item() == distance[1].item()
    assert alone["prior_distance_floor"].item() == floor[1].item()


# The mean image


def test_error_of_the_mean_image_is_that_of_a_loop() -> None:
    draws = torch.Generator().manual_seed(0)
    train, test = (
        torch.randint(0, 256, (n, 4), generator=draws, dtype=torch.uint8) for n in (5, 3)
    )
    expected = 0.0
    for pixel in range(4):
        mean = sum(int(image[pixel]) / 255 for image in train) / 5
        for image in test:
            expected += (int(image[pixel]) / 255 - mean) ** 2 / (4 * 3)
    labels = torch.zeros(5, dtype=torch.int64)
    error = mean_image_error(Split(train, labels), Split(test, labels[:3]))
    assert error == pytest.approx(expected, rel=1e-12)


def test_error_of_the_mean_image_on_itself_is_zero() -> None:
    split = Split(torch.full((3, 4), 200, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
    assert mean_image_error(split, split) == 0


# The priors

PRIORS: dict[str, Callable[[], Prior]] = {
    "gaussian": lambda: Gaussian(3, 5.0),
    "mixture": GaussianMixture,
    "categorical": lambda: Categorical(10),
}


def sample_of(prior: Prior, n: int, seed: int = 0) -> np.ndarray:
    return prior.sample(n, torch.Generator().manual_seed(seed)).numpy()


@pytest.mark.parametrize("name", PRIORS)
def test_equal_generators_give_equal_samples(name: str) -> None:
    prior = PRIORS[name]()
    assert sample_of(prior, 20).shape == (20, prior.size)
    assert sample_of(prior, 20).dtype == np.float32
    np.testing.assert_array_equal(sample_of(prior, 20), sample_of(PRIORS[name](), 20))
    assert not np.array_equal(sample_of(prior, 20), sample_of(prior, 20, seed=1))
    stream = torch.Generator().manual_seed(0)
    assert not torch.equal(prior.sample(20, stream), prior.sample(20, stream))


@pytest.mark.parametrize("deviation", [1.0, 5.0])
def test_moments_of_the_gaussian(deviation: float) -> None:
    n = 40_000
    sample = sample_of(Gaussian(3, deviation), n)
    standard_error = deviation / math.sqrt(n)
    np.testing.assert_allclose(sample.mean(0), 0, atol=5 * standard_error)
    covariance = np.cov(sample.T)
    np.testing.assert_allclose(covariance, deviation**2 * np.eye(3), atol=0.05 * deviation**2)
    assert stats.kstest(sample[:, 0] / deviation, "norm").pvalue > 1e-3


@pytest.mark.parametrize(("size", "deviation"), [(1, 1.0), (2, 5.0), (10, 0.5)])
def test_density_of_the_gaussian_is_that_of_scipy(size: int, deviation: float) -> None:
    codes = 3 * normal(50, size)
    expected = stats.multivariate_normal(np.zeros(size), deviation**2).logpdf(codes)
    density = Gaussian(size, deviation).log_density(torch.from_numpy(codes))
    np.testing.assert_allclose(density.numpy(), expected, rtol=1e-9)
    grid = torch.from_numpy(codes).view(5, 10, size)
    assert torch.equal(Gaussian(size, deviation).log_density(grid), density.view(5, 10))


@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("deviation", [1.0, 5.0])
def test_percentiles_of_the_gaussian_are_those_of_scipy(steps: int, deviation: float) -> None:
    percentiles = Gaussian(2, deviation).percentiles(steps)
    expected = stats.norm.ppf((np.arange(steps) + 0.5) / steps, scale=deviation)
    np.testing.assert_allclose(percentiles.numpy(), expected, rtol=1e-6, atol=1e-7)


def petal_axes(k: int) -> np.ndarray:
    """Columns: the directions along the k-th component's petal and across it."""
    angle = 2 * math.pi * k / 10
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def component(mixture: GaussianMixture, k: int) -> Any:
    """Scipy's Gaussian with the mixture's k-th centre and covariance."""
    axes = petal_axes(k)
    covariance = axes @ np.diag([mixture.radial**2, mixture.tangential**2]) @ axes.T
    return stats.multivariate_normal(mixture.radius * axes[:, 0], covariance)


@pytest.mark.parametrize("mixture", [GaussianMixture(), GaussianMixture(3.0, 1.0, 0.3)])
def test_density_of_the_mixture_is_that_of_scipy(mixture: GaussianMixture) -> None:
    codes = sample_of(mixture, 100).astype(np.float64)
    logs = np.stack([component(mixture, k).logpdf(codes) for k in range(10)], -1)
    tensor = torch.from_numpy(codes)
    found = mixture.component_log_densities(tensor).numpy()
    np.testing.assert_allclose(found, logs, rtol=1e-4, atol=1e-4)
    expected = np.log(np.exp(logs).mean(-1))
    np.testing.assert_allclose(mixture.log_density(tensor).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("k", range(10))
def test_components_lie_like_petals_around_the_origin(k: int) -> None:
    mixture, n = GaussianMixture(), 4000
    draws = torch.Generator().manual_seed(k)
    sample = mixture.sample_component(torch.full((n,), k), draws).numpy()
    x, y = sample.mean(0)
    difference = math.remainder(math.atan2(y, x) - 2 * math.pi * k / 10, 2 * math.pi)
    assert abs(difference) < 5 * mixture.tangential / mixture.radius / math.sqrt(n)
    assert math.hypot(x, y) == pytest.approx(mixture.radius, abs=5 * mixture.radial / math.sqrt(n))
    turned = sample @ petal_axes(k)
    np.testing.assert_allclose(turned.std(0), [mixture.radial, mixture.tangential], rtol=0.06)
    assert abs(np.corrcoef(turned.T)[0, 1]) < 5 / math.sqrt(n)


def test_components_are_drawn_equally_often() -> None:
    sample = torch.from_numpy(sample_of(GaussianMixture(radial=0.1), 5000))
    likeliest = GaussianMixture(radial=0.1).component_log_densities(sample).argmax(-1)
    assert stats.chisquare(likeliest.bincount(minlength=10).numpy()).pvalue > 1e-3


def test_categories_are_one_hot_and_equally_likely() -> None:
    sample = sample_of(Categorical(10), 5000)
    assert set(np.unique(sample)) == {0.0, 1.0}
    np.testing.assert_array_equal(sample.sum(1), 1)
    assert stats.chisquare(sample.sum(0)).pvalue > 1e-3
