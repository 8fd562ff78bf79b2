"""The bandwidth of the Parzen window: the grid, its widening, the optimum between its points."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from torch import Tensor

from replication.base.errors import UserError
from replication.data.loaders import load
from replication.measures.likelihood import likelihoods
from replication.measures.parzen import Estimate, _peak, choose_bandwidth, estimate, log_likelihood
from replication.models.priors import style_prior
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.run import Execution, Run
from tests.measures.test_parzen import GRID, brute_force, images


@pytest.mark.parametrize("size", [2, 64])
def test_the_best_bandwidth_lies_beside_that_of_brute_force(size: int) -> None:
    samples, held_out = images(300, size), images(40, size, seed=1)
    grid = [float(value) for value in np.logspace(-2, 0.5, 60)]
    means = [brute_force(samples, held_out, value).mean().item() for value in grid]
    best = int(np.argmax(means))
    assert 0 < best < len(grid) - 1
    bandwidth, curve = choose_bandwidth(lambda: samples.split(64), held_out, grid)
    assert grid[best - 1] < bandwidth < grid[best + 1]
    assert brute_force(samples, held_out, bandwidth).mean() > means[best]
    assert curve == pytest.approx(means, rel=1e-4, abs=1e-3)


def optimum_of_one_sample(points: Tensor) -> float:
    """Of one sample at the origin: the root mean square, where the likelihood's slope is zero."""
    return points.double().square().mean().sqrt().item()


@profile(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 16, 784]), steps=st.integers(8, 40))
def test_the_optimum_between_the_grid_s_points_is_found(seed: int, size: int, steps: int) -> None:
    """Ten times nearer than the grid's step, where a step is small."""
    points = torch.randn((50, size), generator=torch.Generator().manual_seed(seed))
    known = optimum_of_one_sample(points)
    grid = [float(v) for v in np.geomspace(known / 3.1, known * 2.3, steps)]
    found, _ = choose_bandwidth(lambda: [torch.zeros(1, size)], points, grid)
    step = math.log(grid[1] / grid[0])
    assert abs(math.log(found / known)) < step**2 / 2


def test_equal_neighbours_leave_the_optimum_in_the_middle() -> None:
    points = torch.ones(5, 3)
    found, _ = choose_bandwidth(lambda: [torch.zeros(1, 3)], points, [0.999, 1.0, 1.001])
    assert found == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("start", "passes"), [(1.2, 1), (0.3, 1), (0.1, 2), (6.0, 2)])
def test_a_grid_whose_end_is_best_is_widened_and_says_so(
    start: float, passes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    points = torch.randn((50, 16), generator=torch.Generator().manual_seed(0))
    grid = [start * 1.1**i for i in range(10)]
    found, curve = choose_bandwidth(lambda: [torch.zeros(1, 16)], points, grid)
    assert found == pytest.approx(optimum_of_one_sample(points), rel=0.01)
    assert len(curve) == len(grid), "the curve is that of the grid that was asked for"
    lines = capsys.readouterr().err.splitlines()
    end = grid[-1] if start < 1 else grid[0]
    ends = f"[{grid[0]:g}, {grid[-1]:g}]"
    said = f"note: the best bandwidth {end:g} is at the end of the grid {ends}; looking further"
    assert lines[0] == said
    assert len(lines) == passes


def test_samples_that_are_the_held_out_images_have_no_best_bandwidth() -> None:
    """The trap of choosing on what was sampled: the narrower, the likelier."""
    samples = images(100, 16)
    with pytest.raises(UserError, match="still has its best bandwidth at the end; look"):
        choose_bandwidth(lambda: [samples], samples, [1e-4, 1e-3, 1e-2])


@pytest.mark.parametrize(
    "grid", [[], [0.1, 0.2], [0.3, 0.2, 0.1], [0.1, 0.1, 0.2], [0.1, math.nan, 0.3]]
)
def test_a_grid_has_to_be_three_ascending_bandwidths(grid: list[float]) -> None:
    with pytest.raises(ValueError, match="three ascending"):
        choose_bandwidth(lambda: [images(5, 8)], images(5, 8), grid)


def test_a_grid_has_to_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        choose_bandwidth(lambda: [images(5, 8)], images(5, 8), [0.0, 0.1, 0.2])


# The estimate


def test_estimate_is_the_mean_and_its_standard_error_over_test_images() -> None:
    samples, held_out, test = images(300, 16), images(40, 16, seed=1), images(25, 16, seed=2)
    passes = []

    def factory() -> Iterator[Tensor]:
        passes.append(1)
        yield from samples.split(128)

    found = estimate(factory, held_out, test, GRID)
    bandwidth, curve = choose_bandwidth(lambda: [samples], held_out, GRID)
    logs = brute_force(samples, test, bandwidth).numpy()
    assert isinstance(found, Estimate)
    assert len(passes) == 2
    assert (found.bandwidth, found.samples, found.points) == (pytest.approx(bandwidth), 300, 25)
    assert found.curve == pytest.approx(curve, abs=1e-3)
    assert found.mean == pytest.approx(logs.mean(), abs=1e-3)
    assert found.standard_error == pytest.approx(logs.std(ddof=1) / math.sqrt(25), rel=1e-4)


def test_the_test_images_do_not_move_the_bandwidth() -> None:
    samples, held_out = images(300, 16), images(40, 16, seed=1)
    bandwidths = {
        estimate(lambda: [samples], held_out, test, GRID).bandwidth
        for test in (images(25, 16, seed=2), samples[:25], images(25, 16) + 5)
    }
    assert len(bandwidths) == 1


def test_samples_that_cannot_be_read_twice_are_refused() -> None:
    once = iter([images(300, 16)])
    with pytest.raises(ValueError, match="no samples"):
        estimate(lambda: once, images(40, 16, seed=1), images(5, 16), GRID)


def test_other_samples_in_the_second_pass_are_refused() -> None:
    sizes = iter([300, 200])
    with pytest.raises(ValueError, match="the passes had 300 and 200 samples"):
        estimate(lambda: [images(next(sizes), 16)], images(40, 16, seed=1), images(5, 16), GRID)


def test_one_test_image_has_no_standard_error() -> None:
    with pytest.raises(ValueError, match="two test images"):
        estimate(lambda: [images(9, 16)], images(5, 16), images(1, 16), GRID)


def test_of_three_heights_that_are_equal_the_middle_is_taken() -> None:
    """A parabola through them has no top."""
    places = torch.tensor([0.1, 0.2, 0.4]).log()
    assert _peak(places, torch.full((3,), 7.0)) == pytest.approx(0.2)
    assert _peak(places, torch.tensor([6.0, 7.0, 7.0])) > 0.2


@pytest.mark.parametrize("shape", [(9, 3), (9, 5), (9,), (9, 4, 1)])
def test_samples_of_another_size_than_the_points_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="samples have shape"):
        log_likelihood([torch.zeros(shape)], torch.zeros(2, 4), 0.2)


def test_the_first_held_out_images_choose_the_bandwidth_and_every_test_image_is_measured() -> None:
    settings = experiments().settings_of("smoke", "table1_log_likelihood", "mnist")
    assert settings.parzen is not None
    parzen = settings.parzen.model_copy(update={"samples": [200], "bandwidth_images": 25})
    few = settings.model_copy(update={"parzen": parzen})
    data = load(few)
    every = settings.model_copy(
        update={"parzen": parzen.model_copy(update={"bandwidth_images": None})}
    )

    def measured(own: Run) -> dict[str, Tensor]:
        metrics, _ = likelihoods(own, [style_prior(own.settings)], [False])
        return metrics

    seeds, execution = [Seed(0, 0)], Execution()
    found = measured(Run(few, data, seeds, execution))
    cut = replace(data, validation=data.validation[:25])
    assert found == measured(Run(every, cut, seeds, execution))
    assert found["bandwidth_200"] != measured(Run(every, data, seeds, execution))["bandwidth_200"]
