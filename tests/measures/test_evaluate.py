"""Distances between samples, the mean image's error, and scaling: parity with numpy and scipy."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy import stats

from bench.points import forget_peak, peak
from replication.data.dataset import Dataset, Split, mean_image, standardised
from replication.data.digits import load_digits
from replication.data.loaders import load
from replication.measures.evaluate import (
    mean_image_error,
    mean_image_per_pixel,
    metrics_on_test,
    prior_distances,
    sliced_wasserstein,
)
from replication.models.build import build
from replication.models.priors import Gaussian
from replication.models.stack import Stack
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from tests.tools.builders import make_settings

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
    distance, floor = measured["prior_distance"], measured["prior_sampling_noise"]
    assert distance.shape == floor.shape == (2,)
    assert distance[0] < 3 * floor[0]
    assert distance[1] > 20 * floor[1]

    alone = prior_distances((own + 10).unsqueeze(0), prior, seeds[1:])
    assert alone["prior_distance"].item() == distance[1].item()
    assert alone["prior_sampling_noise"].item() == floor[1].item()


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


def test_the_baseline_is_the_same_of_all_seeds_and_not_rounded() -> None:
    data = load_digits()
    (of_seeds,) = mean_image_per_pixel(data, 3).values()
    assert of_seeds.tolist() == [mean_image_error(data.train, data.test)] * 3


# Standardised images


def test_standardised_pixels_have_mean_zero_and_deviation_one() -> None:
    dataset = standardised(load_digits())
    seen = dataset.scaling.to_network(dataset.train.images)
    varied = dataset.train.images.float().std(0) > 0
    torch.testing.assert_close(seen.mean(0), torch.zeros(64), atol=1e-5, rtol=0)
    deviations = seen.std(0, correction=0)
    torch.testing.assert_close(deviations[varied], torch.ones(int(varied.sum())), atol=1e-4, rtol=0)
    assert (deviations[~varied] == 0).all()
    assert (~varied).any(), "the digits have pixels that are always black"


@pytest.mark.parametrize("images", ["digits", "drawn", "alike"])
def test_sums_of_whole_numbers_give_the_bits_of_two_passes_in_float64(images: str) -> None:
    draws = torch.Generator().manual_seed(1)
    train = {
        "digits": load_digits().train.images,
        "drawn": torch.randint(0, 256, (4321, 64), generator=draws, dtype=torch.uint8),
        "alike": torch.full((4321, 64), 77, dtype=torch.uint8),
    }[images]
    pixels, labels = train.double() / 255, torch.zeros(len(train), dtype=torch.int64)
    scaling = standardised(replace(load_digits(), train=Split(train, labels))).scaling
    std = pixels.std(0, correction=0)
    same = train.float().std(0) == 0
    assert torch.equal(scaling.mean, pixels.mean(0).float())
    assert torch.equal(scaling.std[~same], std[~same].float())
    assert (scaling.std[same] == 1).all(), "a pixel that is always the same"
    assert torch.equal(mean_image(train), train.double().mean(0))


def test_many_images_are_summed_in_blocks() -> None:
    """As many of SVHN: a copy in float64 would be eight times as large as they are."""
    cpu = torch.device("cpu")
    images = torch.full((30_000, 3072), 200, dtype=torch.uint8)
    labels = torch.zeros(len(images), dtype=torch.int64)
    many = replace(load_digits(), train=Split(images, labels))
    standardised(many)
    before = forget_peak(cpu)
    scaling = standardised(many).scaling
    assert peak(cpu) - before < 2 * images.numel()
    assert (scaling.mean == torch.tensor(200 / 255)).all()


def test_the_test_images_do_not_move_the_scaling() -> None:
    digits = load_digits()
    other = replace(digits, test=digits.train)
    assert torch.equal(standardised(digits).scaling.mean, standardised(other).scaling.mean)


@pytest.mark.parametrize("kind", [standardised, lambda dataset: dataset])
def test_scaling_is_undone_exactly(kind: Callable[[Dataset], Dataset]) -> None:
    dataset = kind(load_digits())
    seen = dataset.scaling.to_network(dataset.test.images)
    assert torch.equal(dataset.scaling.to_bytes(seen), dataset.test.images)
    assert dataset.scaling.to_pixels(seen * 100).max() == 1


def test_reconstruction_is_measured_in_pixels_also_when_standardised() -> None:
    """Answering zeros, the mean of each pixel, a model has exactly the mean image's error."""
    settings = experiments().settings_of("smoke", "table1_log_likelihood", "mnist")
    dataset = standardised(load(settings))
    linear = settings.model_copy(update={"output": "linear"})
    stack = Stack(lambda seed: build(linear, 64, seed), [0], torch.device("cpu"))
    state = {k: torch.zeros_like(v) for k, v in stack.state_dict().items()}
    stack.load_state_dict(state)
    error = metrics_on_test(stack, dataset)["test_reconstruction_per_pixel"].item()
    assert error == pytest.approx(mean_image_error(dataset.train, dataset.test), rel=1e-5)


@pytest.mark.parametrize("data", ["digits", "street_digits", "drawn_faces"])
def test_blocks_give_the_bits_of_all_images_at_once(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replication.data.dataset.BLOCK", 130)
    dataset = load(make_settings(data=data))
    pixels = dataset.train.images.double() / 255
    std = pixels.std(0, correction=0)
    std[std == 0] = 1
    scaling = standardised(dataset).scaling
    assert torch.equal(scaling.mean, pixels.mean(0).float())
    assert torch.equal(scaling.std, std.float())
    mean = dataset.train.images.double().mean(0) / 255
    floor = (dataset.test.images.double() / 255 - mean).square().mean().item()
    assert mean_image_error(dataset.train, dataset.test) == floor
