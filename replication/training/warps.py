"""Random affine warps of images, and the cost of clusters that change under them.

A digit that is turned, slanted, resized or moved a little stays the same digit: knowledge that the
paper's networks are not given. What is trained with warps is not permutation-invariant.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from replication.base.errors import UserError
from replication.base.streams import Streams
from replication.models.stack import Stack
from replication.settings.joint import Warps

from .batch_statistics import running_statistics_kept
from .losses import Model

NUMBERS = 6  # that each warp is made of


def warped(images: Tensor, shape: tuple[int, int, int], warps: Warps, draws: Tensor) -> Tensor:
    """``images`` [N, pixels] of ``shape`` (channels, height, width), each under its own warp.

    ``draws`` [N, 6] lie in [-1, 1] and set how much of each limit is used: of the rotation, the
    shear, the two scales and the two shifts; draws of 0 leave an image as it is. Bilinear; what
    comes in from outside is 0.
    """
    channels, height, width = shape
    matrices = affine_matrices(warps, draws, height, width)
    pictures = images.view(-1, channels, height, width)
    grid = affine_grid(matrices, list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, align_corners=False).flatten(1)


def affine_matrices(warps: Warps, draws: Tensor, height: int, width: int) -> Tensor:
    """Where each output place is read from, [N, 2, 3], in units of half the image's side.

    Rotation after shear along x after scale, each about the image's middle; then the shift.
    """
    angle = draws[:, 0] * math.radians(warps.rotation_degrees)
    shear = draws[:, 1] * warps.shear
    across, down = 1 + draws[:, 2] * warps.scale, 1 + draws[:, 3] * warps.scale
    cosine, sine = angle.cos(), angle.sin()
    # In pixels these are the usual matrices; other sides than square would turn into shears.
    ratio = height / width
    first = [across * cosine, down * (shear * cosine - sine) * ratio]
    second = [across * sine / ratio, down * (shear * sine + cosine)]
    first.append(draws[:, 4] * warps.shift_pixels * 2 / width)
    second.append(draws[:, 5] * warps.shift_pixels * 2 / height)
    return torch.stack([torch.stack(first, 1), torch.stack(second, 1)], 1)


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """Cross-entropy between the softmaxes of two sets of logits [B, K], both ways, halved.

    Each predicts the other, which has no gradient as a target. Nats, the batch's mean.
    """
    logs, others = first.log_softmax(-1), second.log_softmax(-1)
    predicted = logs.exp().detach() * others + others.exp().detach() * logs
    return -0.5 * predicted.sum(-1).mean()


def _disagreement_with(model: Model, images: Tensor, logits: Tensor) -> Tensor:
    return disagreement(logits, model.encoder(images)["label"])


class WarpConsistency:
    """The cost: q(y|x) of a batch against q(y|warped x)."""

    def __init__(
        self, stack: Stack, settings: Warps, streams: Streams, shape: tuple[int, int, int]
    ):
        if min(shape[1:]) < 2:
            problem = f"joint.weights.warps: images of {shape[1]} x {shape[2]} cannot be warped"
            raise UserError(problem, "leave the warps out, or take data with a height and width")
        self.stack = stack
        self.settings = settings
        self.streams = streams
        self.shape = shape

    def __call__(self, images: Tensor, logits: Tensor) -> Tensor:
        """The cost of clean ``images`` [S, B, pixels] whose ``logits`` are [S, B, K]; [S]."""
        draws = 2 * self.streams.uniform("warps", images.shape[1], NUMBERS) - 1
        moved = warped(images.flatten(0, 1), self.shape, self.settings, draws.flatten(0, 1))
        with running_statistics_kept(self.stack):
            losses: Tensor = self.stack.each(_disagreement_with, moved.view(images.shape), logits)
        return losses
