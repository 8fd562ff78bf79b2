"""What public replications do otherwise than the paper, where it is no switch in a phase."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .inputs import Batch
    from .phases import Classification, Reconstruction, Regularisation


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """``mean_error``: averaged over pixels and images; its gradient is pixels / 2 times smaller."""
    return (output - target).square().mean()


class Joint:
    """``joint``: after the discriminators' step, the losses of the three phases as one sum.

    The reconstruction's optimiser, which has all of the encoder and the decoder, descends it.
    """

    def __init__(
        self,
        reconstruction: "Reconstruction",
        regularisation: "Regularisation",
        classification: "Classification",
    ):
        self.reconstruction = reconstruction
        self.regularisation = regularisation
        self.classification = classification
        self.descents = [regularisation.descents[0], reconstruction.descents[0]]

    def __call__(self, batch: "Batch") -> dict[str, Tensor]:
        discriminator, fake = self.regularisation.discriminate(batch)
        parts = {
            "reconstruction": self.reconstruction.losses(batch),
            "generator": self.regularisation.generator_losses(batch, fake),
            "classification": self.classification.losses(batch),
        }
        joint = torch.stack([*parts.values()]).sum(0)
        self.descents[1](joint)
        losses = {name: part.detach() for name, part in parts.items()}
        return {"discriminator": discriminator, **losses, "joint": joint.detach()}
