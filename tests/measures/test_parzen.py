"""The Parzen-window log-likelihood: parity with scikit-learn, blocks, precision."""

import math
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from sklearn.neighbors import KernelDensity
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from replication.base.errors import UserError
from replication.measures import parzen
from replication.measures.parzen import (
    decoder_samples,
    log_likelihood,
)
from replication.models.priors import Gaussian

GRID = [0.05, 0.1, 0.2, 0.4, 0.8]


def images(n: int, size: int, seed: int = 0) -> Tensor:
    """Dark images in [0, 1], as handwritten digits are: variations on ten of them, [n, size]."""
    draws = torch.Generator().manual_seed(seed)
    shapes = torch.rand((10, size), generator=torch.Generator().manual_seed(99)).pow(5)
    noise = 0.15 * torch.randn((n, size), generator=draws)
    return (shapes[torch.randint(10, (n,), generator=draws)] + noise).clamp(0, 1)


def brute_force(samples: Tensor, points: Tensor, bandwidth: float) -> Tensor:
    """The definition in float64, from differences: nothing cancels."""
    samples, points = samples.double(), points.double()
    squares = torch.stack([(samples - point).square().sum(1) for point in points])
    kernels = -squares / (2 * bandwidth**2)
    scale = points.shape[1] / 2 * math.log(2 * math.pi * bandwidth**2)
    return kernels.logsumexp(1) - math.log(len(samples)) - scale


def float32_bound(samples: Tensor, points: Tensor, bandwidth: float) -> float:
    """The error that the docstring promises, in nats."""
    rows = torch.cat([samples, points]).double() - points.double().mean(0)
    return 4e-7 * rows.square().sum(1).max().item() / bandwidth**2 + 1e-5


# The value


@pytest.mark.parametrize("bandwidth", [0.05, 0.15, 1.0])
@pytest.mark.parametrize("size", [1, 8, 784])
def test_parity_with_scikit_learn(size: int, bandwidth: float) -> None:
    samples, points = images(200, size), images(30, size, seed=1)
    # One leaf: with several, its bounds cancel, and it is wrong by 400 nats of 784 dimensions.
    density = KernelDensity(kernel="gaussian", bandwidth=bandwidth, leaf_size=200, rtol=0)
    density.fit(samples.double().numpy())
    expected = density.score_samples(points.double().numpy())
    exact = log_likelihood([samples], points.double(), bandwidth)
    np.testing.assert_allclose(exact.numpy(), expected, rtol=1e-9, atol=1e-9)
    bound = float32_bound(samples, points, bandwidth)
    found = log_likelihood([samples], points, bandwidth)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("bandwidth", [0.05, 0.15, 0.5])
def test_float32_is_as_precise_as_promised(bandwidth: float) -> None:
    samples, points = images(300, 784), images(50, 784, seed=1)
    error = log_likelihood(samples.split(70), points, bandwidth) - brute_force(
        samples, points, bandwidth
    )
    assert error.abs().max() < float32_bound(samples, points, bandwidth)
    if bandwidth == 0.15:
        assert error.abs().max() < 1e-3


def test_a_common_shift_costs_little_precision() -> None:
    """Without centring, squares of 784 * 100 would cancel down to a few units."""
    samples, points = images(100, 784) + 10, images(20, 784, seed=1) + 10
    error = log_likelihood([samples], points, 0.15) - brute_force(samples, points, 0.15)
    assert error.abs().max() < 2e-3


def test_training_precision_of_products_is_neither_used_nor_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = []
    addmm = torch.addmm

    def recorded(*inputs: Any, **options: Any) -> Tensor:
        used.append(torch.get_float32_matmul_precision())
        return addmm(*inputs, **options)

    def blocks() -> Iterator[Tensor]:
        for block in images(20, 8).split(10):
            assert torch.get_float32_matmul_precision() == "medium"  # the decoder's own
            yield block

    monkeypatch.setattr(torch, "addmm", recorded)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        log_likelihood(blocks(), images(5, 8), 0.2)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert used == ["highest"] * 2


@pytest.mark.parametrize("size", [1, 8, 784])
@pytest.mark.parametrize("bandwidth", [0.01, 0.15, 3.0])
def test_one_sample_at_the_point_is_the_peak_of_its_kernel(size: int, bandwidth: float) -> None:
    point = images(1, size)
    peak = -size / 2 * math.log(2 * math.pi * bandwidth**2)
    assert log_likelihood([point], point, bandwidth).item() == pytest.approx(peak, rel=1e-12)


@pytest.mark.parametrize("value", [-5.0, 3.0, 1000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_away_points_have_finite_log_likelihoods(dtype: torch.dtype, value: float) -> None:
    samples, points = images(50, 784), torch.full((1, 784), value, dtype=dtype)
    found = log_likelihood(samples.split(20), points, 0.15).item()
    assert found < -1e5
    expected = brute_force(samples, points, 0.15).item()
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("order", [1, -1])
def test_a_block_that_is_far_nearer_than_all_others_takes_over(order: int) -> None:
    points = images(4, 784)
    blocks = [points + 100, points.clone(), points - 100][::order]
    logs = log_likelihood(blocks, points, 0.15)
    expected = brute_force(torch.cat(blocks), points, 0.15)
    np.testing.assert_allclose(logs.numpy(), expected.numpy(), rtol=0, atol=1e-2)


def test_several_bandwidths_are_each_as_one_alone() -> None:
    samples, points = images(60, 8), images(7, 8, seed=1)
    together = log_likelihood(iter(samples.split(25)), points, torch.tensor(GRID))
    assert together.shape == (5, 7)
    for row, bandwidth in zip(together, torch.tensor(GRID), strict=True):
        alone = log_likelihood(samples.split(25), points, bandwidth)
        assert alone.shape == (7,)
        assert torch.equal(row, alone)
    assert log_likelihood([samples], points, torch.tensor([0.1])).shape == (1, 7)


# Blocks


@profile(deadline=None, max_examples=50)
@given(data=st.data(), seed=st.integers(0, 1000), tile=st.sampled_from([1, 64, 2**22]))
def test_blocks_of_any_sizes_in_any_order_are_as_one(data: Any, seed: int, tile: int) -> None:
    """Within 1e-4 nats: the products are rounded otherwise, at most 4e-7 * 8 / 0.2^2 each."""
    sizes = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any))
    samples, points = images(sum(sizes), 8, seed), images(9, 8, seed + 1)
    blocks = data.draw(st.permutations(samples.split(sizes)))
    whole = log_likelihood([samples], points, 0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parzen, "TILE", tile)
        parts = log_likelihood(iter(blocks), points, 0.2)
    np.testing.assert_allclose(parts.numpy(), whole.numpy(), rtol=0, atol=1e-4)


@profile(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000))
def test_the_order_of_samples_does_not_matter_and_that_of_points_is_kept(seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    samples, points = images(40, 8, seed), images(10, 8, seed + 1)
    logs = log_likelihood([samples], points, 0.2)
    shuffled = samples[torch.randperm(40, generator=draws)]
    np.testing.assert_allclose(log_likelihood([shuffled], points, 0.2), logs, rtol=0, atol=1e-4)
    order = torch.randperm(10, generator=draws)
    found = log_likelihood([samples], points[order], 0.2)
    np.testing.assert_allclose(found, logs[order], rtol=0, atol=1e-4)


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if isinstance(output, Tensor):
            self.values = max(self.values, output.numel())
        return output


def test_memory_does_not_depend_on_the_number_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parzen, "TILE", 2**16)
    points = images(100, 16)
    alive: list[weakref.ref[Tensor]] = []

    def blocks(count: int) -> Iterator[Tensor]:
        for block in decoder_samples(
            lambda z: z.sigmoid(), Gaussian(16), count, 2000, torch.Generator().manual_seed(0)
        ):
            alive.append(weakref.ref(block))
            assert sum(reference() is not None for reference in alive) <= 3
            yield block

    largest = []
    for count in (4000, 200_000):
        with Largest() as mode:
            log_likelihood(blocks(count), points, 0.3)
        largest.append(mode.values)
    assert len(alive) == 102
    assert largest[0] == largest[1] <= 2**16


# What is refused


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e25])
def test_samples_that_are_not_finite_are_the_decoders_fault(value: float) -> None:
    bad = images(10, 8)
    bad[3, 2] = value
    with pytest.raises(UserError, match="samples of block 1 are not finite"):
        log_likelihood([images(10, 8), bad], images(5, 8), 0.2)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e25])
def test_points_that_are_not_finite_are_refused(value: float) -> None:
    points = images(5, 8)
    points[0, 0] = value
    with pytest.raises(ValueError, match="points are not finite"):
        log_likelihood([images(10, 8)], points, 0.2)


def test_samples_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(10, 7\), points of \(5, 8\)"):
        log_likelihood([images(10, 7)], images(5, 8), 0.2)


@pytest.mark.parametrize("blocks", [[], [torch.zeros(0, 8)]])
def test_no_samples_are_refused(blocks: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="there are no samples"):
        log_likelihood(blocks, images(5, 8), 0.2)


@pytest.mark.parametrize("points", [torch.zeros(0, 8), torch.zeros(8), torch.zeros(2, 2, 2)])
def test_points_of_another_shape_are_refused(points: Tensor) -> None:
    with pytest.raises(ValueError, match=r"not \[N, D\]"):
        log_likelihood([images(5, 8)], points, 0.2)


def test_images_still_in_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"points are torch\.uint8"):
        log_likelihood([images(5, 8)], torch.zeros(2, 8, dtype=torch.uint8), 0.2)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, math.nan, math.inf])
def test_bandwidths_have_to_be_positive(bandwidth: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        log_likelihood([images(5, 8)], images(5, 8), bandwidth)


# The decoder's samples


def drawn(count: int, block: int, seed: int = 0) -> list[Tensor]:
    torch.manual_seed(0)
    decoder = torch.nn.Linear(3, 5)
    stream = torch.Generator().manual_seed(seed)
    return list(decoder_samples(decoder, Gaussian(3, 5.0), count, block, stream))


@pytest.mark.parametrize(
    ("count", "block", "sizes"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 10, [3]), (1, 1, [1])],
)
def test_blocks_of_the_decoder_add_up(count: int, block: int, sizes: list[int]) -> None:
    blocks = drawn(count, block)
    assert [tuple(images.shape) for images in blocks] == [(size, 5) for size in sizes]
    assert not any(images.requires_grad for images in blocks)


def test_the_decoders_samples_are_those_of_the_seed() -> None:
    first, again, other = (torch.cat(drawn(10, 4, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) == 10


def test_drawing_leaves_the_callers_gradients_on() -> None:
    stream = torch.Generator().manual_seed(0)
    for _ in decoder_samples(torch.nn.Linear(3, 5), Gaussian(3), 4, 2, stream):
        assert torch.is_grad_enabled()


@pytest.mark.parametrize(("count", "block"), [(0, 1), (1, 0), (-1, 5)])
def test_counts_below_one_are_refused_at_once(count: int, block: int) -> None:
    with pytest.raises(ValueError, match="have to be positive"):
        decoder_samples(torch.nn.Identity(), Gaussian(3), count, block, torch.Generator())


def test_the_last_widening_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    """Three candidates from 0.015 to 0.03; the samples are so far off that 0.5 is the best."""
    samples, held_out = torch.zeros(50, 4), torch.full((20, 4), 0.5)
    bandwidth, _ = parzen.choose_bandwidth(lambda: [samples], held_out, [0.015, 0.021, 0.03])
    assert bandwidth == pytest.approx(0.5, rel=0.1)
    assert capsys.readouterr().err.count("looking further") == 3
