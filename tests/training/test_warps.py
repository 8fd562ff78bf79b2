"""Affine warps where the result is known, and against scipy's."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from replication.base.errors import UserError
from replication.data.loaders import load
from replication.settings.joint import Warps
from replication.settings.schema import Seed
from replication.training.joint import JointDescent
from replication.training.warps import disagreement, warped
from tests.models.test_stack import training_of
from tests.tools.builders import make_joint_settings

ALL = Warps(rotation_degrees=90.0, shear=0.4, scale=0.5, shift_pixels=2.0)
# The places of the draws.
ROTATION, SHEAR, ACROSS, DOWN, RIGHT, LOWER = range(6)


def pictures(channels: int, height: int, width: int, count: int = 3) -> torch.Tensor:
    draws = torch.Generator().manual_seed(0)
    return torch.rand(count, channels * height * width, generator=draws)


def draws(count: int = 3, **places: float) -> torch.Tensor:
    values = torch.zeros(count, 6)
    for name, value in places.items():
        values[:, globals()[name]] = value
    return values


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 9)])
def test_a_warp_of_zero_is_the_identity(shape: tuple[int, int, int]) -> None:
    images = pictures(*shape)
    random = torch.rand(3, 6) * 2 - 1
    torch.testing.assert_close(warped(images, shape, ALL, draws()), images)
    torch.testing.assert_close(warped(images, shape, Warps(), random), images)


def test_a_quarter_turn_is_that_of_torch() -> None:
    shape = (2, 7, 7)
    images = pictures(*shape)
    turned = warped(images, shape, ALL, draws(ROTATION=1.0)).view(3, *shape)
    torch.testing.assert_close(turned, images.view(3, *shape).rot90(1, (2, 3)), atol=1e-5, rtol=0)


def test_a_shift_of_whole_pixels_moves_them_and_fills_with_zero() -> None:
    shape = (1, 6, 9)
    images = pictures(*shape)
    moved = warped(images, shape, ALL, draws(RIGHT=1.0, LOWER=-0.5)).view(3, 6, 9)
    whole = images.view(3, 6, 9)
    torch.testing.assert_close(moved[:, 1:, :-2], whole[:, :-1, 2:])
    assert moved[:, 0].max() < 1e-6
    assert moved[:, :, -2:].max() < 1e-6


@pytest.mark.parametrize("shape", [(1, 9, 9), (1, 6, 11)])
def test_the_whole_map_is_that_of_scipy(shape: tuple[int, int, int]) -> None:
    """About the middle of the image, in pixels: rotation, shear, scale, then the shift."""
    _, height, width = shape
    images = pictures(*shape, count=20)
    random = torch.rand(20, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1
    found = warped(images, shape, ALL, random).view(20, height, width).numpy()
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    for image, own, (turn, shear, across, down, right, lower) in zip(
        images.view(20, height, width).numpy(), found, random.tolist(), strict=True
    ):
        angle = turn * math.pi / 2
        rotation = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        slanted = [[1, shear * 0.4], [0, 1]]
        scaled = np.diag([1 + across * 0.5, 1 + down * 0.5])
        in_pixels = np.array(rotation) @ np.array(slanted) @ scaled
        matrix = in_pixels[::-1, ::-1]  # scipy has the rows first
        offset = middle - matrix @ middle + 2 * np.array([lower, right])
        # Outside, scipy would extrapolate from the border: it is given a border of zeros.
        padded, more = np.pad(image, 20), np.array([20, 20])
        moved = affine_transform(
            padded, matrix, offset - more @ matrix.T + more, padded.shape, order=1
        )
        moved = moved[20:-20, 20:-20]
        np.testing.assert_allclose(own, moved, atol=1e-4)


def test_agreement_is_the_entropy_and_pulls_towards_each_other() -> None:
    logits = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
    assert disagreement(logits, logits).item() == pytest.approx(entropy.item())
    first, second = logits.clone().requires_grad_(), logits.flip(0).clone().requires_grad_()
    gradients = torch.autograd.grad(disagreement(first, second), [first, second])
    step = 0.1
    nearer = [v.detach() - step * g for v, g in zip((first, second), gradients, strict=True)]
    before = (first.softmax(-1) - second.softmax(-1)).abs().sum()
    assert (nearer[0].softmax(-1) - nearer[1].softmax(-1)).abs().sum() < before


def test_data_without_a_height_and_width_name_the_setting() -> None:
    settings = make_joint_settings()
    training = training_of(settings, [Seed(0, 0)])
    flat = replace(load(settings), shape=(1, 1, 64))
    with pytest.raises(UserError, match=r"joint\.weights\.warps: images of 1 x 64"):
        JointDescent(training.stack, settings, training.streams, flat)
