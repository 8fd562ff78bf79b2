"""FID and inception score have their known values, and see through real images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from replication.data.dataset import Dataset
from replication.data.digits import load_digits
from replication.measures.generation import (
    Features,
    drawn_images,
    frechet_distance,
    generation_metrics,
    inception_score,
)
from replication.models.priors import Gaussian

KEYS = {
    "fid",
    "fid_sampling_noise",
    "inception_score",
    "inception_score_ceiling",
    "reader_error_percent",
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_digits()


@pytest.fixture(scope="module")
def features(digits: Dataset) -> Features:
    return Features.trained(digits)


def textbook(a: np.ndarray, b: np.ndarray) -> float:
    """The formula as it is printed, with the root of the product of the covariances."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(first @ second).real
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * root))


def of_gaussian(n: int, mean: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """[n, d] whose sample mean and diagonal sample covariance are exactly those."""
    raw = np.random.default_rng(0).standard_normal((n, len(mean)))
    raw -= raw.mean(0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    return mean + white * deviations


def test_frechet_distance_is_the_printed_formula() -> None:
    rng = np.random.default_rng(1)
    mixed = rng.standard_normal((6, 6))
    a, b = rng.standard_normal((200, 6)) @ mixed, 2 + rng.standard_normal((150, 6))
    assert frechet_distance(a, b) == pytest.approx(textbook(a, b), rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_frechet_distance_of_known_gaussians() -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2 where the covariances are diagonal."""
    a = of_gaussian(50, np.zeros(3), np.array([1.0, 2.0, 3.0]))
    b = of_gaussian(50, np.array([1.0, -2.0, 0.0]), np.array([2.0, 2.0, 0.5]))
    assert frechet_distance(a, b) == pytest.approx(5 + 1 + 0 + 6.25, rel=1e-9)


def test_frechet_distance_to_itself_is_zero_even_where_covariances_are_singular() -> None:
    rng = np.random.default_rng(2)
    full = rng.standard_normal((300, 5))
    flat = np.concatenate([full[:, :2], full[:, :2], np.zeros((300, 2))], 1)  # rank 2 of 6
    few = rng.standard_normal((4, 30))  # fewer rows than columns
    for a in (full, flat, few, 1e6 + flat):
        scale = np.square(a - a.mean(0)).sum(1).mean()
        assert frechet_distance(a, a) <= 1e-9 * scale
    assert frechet_distance(flat, 1 + flat) == pytest.approx(6, rel=1e-9)


def test_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((100, 4)), 1 + rng.standard_normal((80, 4))
    shuffled = a[rng.permutation(100)]
    assert frechet_distance(shuffled, b) == pytest.approx(frechet_distance(a, b), rel=1e-9)
    p = rng.dirichlet(np.ones(10), 100)
    assert inception_score(p[::-1]) == pytest.approx(inception_score(p), rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((5, 3)), np.zeros((5, 4))),
        (np.zeros((1, 3)), np.zeros((5, 3))),
        (np.zeros(5), np.zeros(5)),
        (np.full((5, 3), np.nan), np.zeros((5, 3))),
    ],
)
def test_what_has_no_frechet_distance_is_refused(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(ValueError, match="features"):
        frechet_distance(a, b)


def test_inception_score_of_known_rows() -> None:
    assert inception_score(np.full((7, 4), 0.25)) == pytest.approx(1)
    assert inception_score(np.tile([[0.7, 0.2, 0.1]], (9, 1))) == pytest.approx(1)
    assert inception_score(np.tile(np.eye(10), (3, 1))) == pytest.approx(10)
    assert inception_score(np.eye(10)[[0, 0, 3, 3]]) == pytest.approx(2)


@pytest.mark.parametrize("rows", [[[0.5, 0.6]], [[-0.1, 1.1]], [[np.nan, 1.0]], [[]]])
def test_rows_that_are_no_distribution_are_refused(rows: list) -> None:
    with pytest.raises(ValueError, match="distribution"):
        inception_score(np.array(rows))


def test_the_classifier_sees_as_it_reads(digits: Dataset, features: Features) -> None:
    seen = features(digits.test.images)
    assert seen.features.shape == (len(digits.test), 256)
    read = features.reader(digits.test.images).numpy()
    assert (seen.probabilities.argmax(1) == read).all()
    wrong = 100 * (read != digits.test.labels.numpy()).mean()
    assert features.error_percent == pytest.approx(wrong)


def test_worse_images_have_worse_numbers(digits: Dataset, features: Features) -> None:
    real = digits.test.images
    itself = generation_metrics(real, digits, features)
    assert itself.keys() == KEYS
    assert itself["fid"] < 1e-6
    assert itself["fid_sampling_noise"] > 0
    assert itself["inception_score"] == itself["inception_score_ceiling"] > 8
    stream = torch.Generator().manual_seed(0)
    noisy = real ^ torch.randint(0, 128, real.shape, dtype=torch.uint8, generator=stream)
    zeros = real[digits.test.labels == 0]
    for worse in (noisy, zeros, zeros[:1].repeat(50, 1)):
        measured = generation_metrics(worse, digits, features)
        assert measured["fid"] > 5 * measured["fid_sampling_noise"]
        assert measured["inception_score"] < itself["inception_score"]
    assert measured["inception_score"] == pytest.approx(1, abs=1e-6)


def test_images_are_decoded_from_the_prior(digits: Dataset) -> None:
    """A decoder that shows its code: the drawn pixels have the prior's deviation and mean."""
    stream = torch.Generator().manual_seed(0)
    images = drawn_images(lambda z: 0.5 + z, Gaussian(3, 0.1), digits.scaling, 5000, stream)
    assert images.shape == (5000, 3)
    assert images.dtype == torch.uint8
    pixels = images.double() / 255
    assert pixels.mean().item() == pytest.approx(0.5, abs=0.01)
    assert pixels.std().item() == pytest.approx(0.1, abs=0.01)


def test_seeds_share_a_classifier_and_other_images_do_not(
    digits: Dataset, features: Features
) -> None:
    assert Features.trained(load_digits()) is features
    fewer = replace(digits, train=digits.train[:300])
    assert Features.trained(fewer) is not features
