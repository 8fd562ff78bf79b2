"""The priors: samples, densities and parts for each class, against scipy and by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from replication.models.priors import (
    Categorical,
    ClassPrior,
    Gaussian,
    GaussianMixture,
    Prior,
    SwissRoll,
    priors_of,
    samples,
)
from tests.tools.builders import make_settings

PRIORS: dict[str, Callable[[], Prior]] = {
    "gaussian": lambda: Gaussian(3, 5.0),
    "mixture": GaussianMixture,
    "swiss roll": SwissRoll,
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
    codes = 3 * np.random.default_rng(0).standard_normal((50, size))
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
    covariance = axes @ np.diag([mixture.radial_std**2, mixture.tangential_std**2]) @ axes.T
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
    sample = mixture.sample_class(torch.full((n,), k), draws).numpy()
    x, y = sample.mean(0)
    difference = math.remainder(math.atan2(y, x) - 2 * math.pi * k / 10, 2 * math.pi)
    assert abs(difference) < 5 * mixture.tangential_std / mixture.radius / math.sqrt(n)
    assert math.hypot(x, y) == pytest.approx(
        mixture.radius, abs=5 * mixture.radial_std / math.sqrt(n)
    )
    turned = sample @ petal_axes(k)
    np.testing.assert_allclose(
        turned.std(0), [mixture.radial_std, mixture.tangential_std], rtol=0.06
    )
    assert abs(np.corrcoef(turned.T)[0, 1]) < 5 / math.sqrt(n)


def test_components_are_drawn_equally_often() -> None:
    sample = torch.from_numpy(sample_of(GaussianMixture(radial_std=0.1), 5000))
    likeliest = GaussianMixture(radial_std=0.1).component_log_densities(sample).argmax(-1)
    assert stats.chisquare(likeliest.bincount(minlength=10).numpy()).pvalue > 1e-3


def test_categories_are_one_hot_and_equally_likely() -> None:
    sample = sample_of(Categorical(10), 5000)
    assert set(np.unique(sample)) == {0.0, 1.0}
    np.testing.assert_array_equal(sample.sum(1), 1)
    assert stats.chisquare(sample.sum(0)).pvalue > 1e-3


def test_each_generator_draws_samples_of_its_own() -> None:
    drawn = samples(Gaussian(3), 4, [torch.Generator().manual_seed(k) for k in range(2)])
    assert drawn.shape == (2, 4, 3)
    for k, own in enumerate(drawn):
        assert torch.equal(own, Gaussian(3).sample(4, torch.Generator().manual_seed(k)))


DIVIDED: dict[str, Callable[[], ClassPrior]] = {"mixture": GaussianMixture, "roll": SwissRoll}


@pytest.mark.parametrize("name", DIVIDED)
def test_a_class_is_drawn_from_its_own_part(name: str) -> None:
    """The mixture's petals overlap a little at the middle; the roll's tenths do not."""
    prior = DIVIDED[name]()
    classes = torch.arange(10).repeat_interleave(500)
    codes = prior.sample_class(classes, torch.Generator().manual_seed(0))
    own = (prior.class_of(codes) == classes).float().mean().item()
    assert own > (0.99 if name == "roll" else 0.93)
    permuted = (prior.class_of(codes) == (classes + 3) % 10).float().mean().item()
    assert permuted < 0.02


@pytest.mark.parametrize("name", DIVIDED)
def test_no_class_is_drawn_from_the_whole(name: str) -> None:
    prior = DIVIDED[name]()
    codes = prior.sample_class(torch.full((5000,), 10), torch.Generator().manual_seed(0))
    shares = torch.bincount(prior.class_of(codes), minlength=10) / 5000
    assert ((shares - 0.1).abs() < 0.03).all()


def test_the_roll_runs_from_the_middle_outwards_twice_around() -> None:
    roll = SwissRoll()
    codes = roll.place(torch.linspace(0, 1, 101))
    radii = codes.norm(dim=-1)
    assert radii[0] == 0
    assert radii[-1].item() == pytest.approx(3)
    assert (radii.diff() > 0).all()
    turns = np.unwrap(np.arctan2(*codes[1:].T.flip(0).numpy())) / (2 * math.pi)
    assert turns[-1] - turns[0] + 0.2 == pytest.approx(2, abs=1e-6)


def test_a_place_on_the_roll_is_found_again() -> None:
    roll = SwissRoll()
    positions = torch.rand(4, 50, generator=torch.Generator().manual_seed(0))
    found = roll.position_of(roll.place(positions))
    torch.testing.assert_close(found, positions, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, {"style": Gaussian, "label": Categorical}),
        ({"style_prior": {"kind": "swiss_roll"}}, {"style": SwissRoll, "label": Categorical}),
        (
            {"label_at": "decoder", "labels": "all", "phases": {}},
            {"style": Gaussian},
        ),
        ({"style_dim": 0, "phases": {}}, {"label": Categorical}),
    ],
)
def test_each_code_of_the_encoder_has_its_prior(changes: dict, names: dict[str, type]) -> None:
    priors = priors_of(make_settings(**changes))
    assert {name: type(prior) for name, prior in priors.items()} == names
