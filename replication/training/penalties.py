"""What keeps an autoencoder without a prior from the identity: penalties on codes and weights."""

from typing import Any

import torch
from torch import Tensor

from replication.models.stack import Stack
from replication.settings.losses import Penalty
from replication.settings.optimisers import Optimiser

from .inputs import Batch, EncoderInput
from .losses import Model, half_squared_error, reconstructed
from .phases import Reconstruction


class PenalisedReconstruction(Reconstruction):
    """Half the squared error of the clean image, and the settings' penalty."""

    def __init__(
        self,
        stack: Stack,
        settings: Optimiser,
        encoder_input: EncoderInput,
        penalty: Penalty,
        code_size: int,
    ):
        super().__init__(stack, settings, False, encoder_input, half_squared_error)
        self.penalty = penalty
        self.code_size = code_size

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        errors, costs = self.parts(batch)
        losses = errors + costs
        self.descents[0](losses)
        return {"reconstruction": losses.detach(), "penalty": costs.detach()}

    def losses(self, batch: Batch) -> Tensor:
        errors, costs = self.parts(batch)
        return errors + costs

    def parts(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The images' error, and the penalty times its weight, [S] each."""
        images, epsilon = self.encoder_input(batch.images)
        directions = images[..., :0]
        if self.penalty.kind == "contractive":
            streams = self.encoder_input.streams
            directions = streams.normal("contraction", images.shape[1], self.code_size)
        inputs = (batch.images, images, epsilon, directions)
        errors, costs = self.stack.each(error_and_cost, *inputs, shared=(self.penalty,))
        if self.penalty.kind in ("weights_l1", "weights_l2"):
            costs = self._weights()
        return errors, self.penalty.weight * costs

    def _weights(self) -> Tensor:
        """The sum over all weight matrices, [S]."""
        power = 1 if self.penalty.kind == "weights_l1" else 2
        matrices = self.stack.weights("encoder", "decoder")
        return torch.stack([m.abs().pow(power).flatten(1).sum(1) for m in matrices]).sum(0)


def error_and_cost(
    model: Model,
    target: Tensor,
    images: Tensor,
    epsilon: Tensor,
    directions: Tensor,
    penalty: Penalty,
) -> tuple[Tensor, Tensor]:
    """The error of one model, and what its codes cost; 0 where the penalty is not on codes."""
    cost = directions.new_zeros(())
    if penalty.kind == "contractive":
        codes, cost = with_squared_jacobian(model, images, epsilon, directions)
    else:
        codes = model.encoder(images, epsilon)
    if penalty.kind == "code_l1":
        cost = codes["style"].abs().sum(-1).mean()
    elif penalty.kind == "code_kl":
        cost = activity_divergence(codes["style"], penalty.activity)
    error = half_squared_error(reconstructed(model, codes, images[..., :0]), target)
    return error, cost


def activity_divergence(codes: Tensor, activity: float) -> Tensor:
    """KL(activity || mean of each unit over the batch), nats, summed over units of [B, n]."""
    mean = codes.mean(0).clamp(1e-6, 1 - 1e-6)
    on = activity * (activity / mean).log()
    off = (1 - activity) * ((1 - activity) / (1 - mean)).log()
    return (on + off).sum()


def with_squared_jacobian(
    model: Model, images: Tensor, epsilon: Tensor, directions: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """The codes, and an unbiased estimate of the style's ||dz/dx||^2 (Frobenius), the batch's mean.

    E_v |v J|^2 over standard normal ``directions`` v [B, n], one for each image: a backward pass,
    where the whole Jacobian would take one for each of the code's n units.
    """

    def encode(inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        codes = model.encoder(inputs, epsilon)
        return codes["style"], codes

    found: Any = torch.func.vjp(encode, images, has_aux=True)  # its type knows of no third value
    _, pull, codes = found
    return codes, pull(directions)[0].square().sum(-1).mean()
