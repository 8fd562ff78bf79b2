"""Settings of recipes that are ours, not the paper's: one summed loss, and what is new in it."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .optimisers import DEFAULT_BETAS
from .ramps import NotNegative, Ramp
from .strict import Positive, PositiveNumber, Share, Strict


class Smoothness(Strict):
    """Virtual adversarial training of q(y|x) (Miyato et al., 2018).

    The length of the perturbation is ``radius``, in the unit of the networks' input, or
    ``relative_radius`` times the image's distance to its ``neighbour``-th nearest among the first
    ``among`` training images (all, where it is not given). ``probe_length`` is that of the random
    direction that the one power iteration starts from.
    """

    radius: Ramp | None = None
    relative_radius: Ramp | None = None
    neighbour: Positive | None = None
    among: Positive | None = None
    probe_length: PositiveNumber = 1.0

    @model_validator(mode="after")
    def _has_one_radius(self) -> "Smoothness":
        if (self.radius is None) == (self.relative_radius is None):
            raise ValueError("smoothness needs a radius, or a relative_radius, and not both")
        if (self.relative_radius is None) != (self.neighbour is None):
            raise ValueError("relative_radius and neighbour go together")
        if self.among is not None and (self.neighbour is None or self.among <= self.neighbour):
            raise ValueError("among must be more than neighbour")
        return self


class Warps(Strict):
    """Random affine warps of an image, each number drawn evenly up to plus or minus this limit.

    Permuted pixels cannot be warped: a recipe with warps is not permutation-invariant.
    """

    rotation_degrees: NotNegative = 0.0
    shear: NotNegative = 0.0
    # Of the side lengths: 0.15 is 85 to 115 %.
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shift_pixels: NotNegative = 0.0


class JointOptimiser(Strict):
    """``learning_rate`` is the highest of the schedule; ``weight_decay`` is AdamW's."""

    method: Literal["adam", "adamw"] = "adam"
    learning_rate: PositiveNumber
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = DEFAULT_BETAS
    weight_decay: NotNegative = 0.0

    @model_validator(mode="after")
    def _fits_together(self) -> "JointOptimiser":
        if self.weight_decay and self.method != "adamw":
            raise ValueError("weight_decay needs method: adamw")
        return self


class LearningRateSchedule(Strict):
    """Factors of the learning rate: up from 0, constant, down to ``decay_to``.

    ``decay_from`` is the share of training after which it falls: by a line, along half a cosine,
    or in one step.
    """

    warm_up_epochs: NotNegative = 0.0
    decay_from: Annotated[float, Field(ge=0, le=1)] = 1.0
    decay: Literal["linear", "cosine", "step"] = "linear"
    decay_to: Annotated[float, Field(ge=0, le=1)] = 0.0

    def factor_at(self, epoch: float, epochs: int) -> float:
        """The factor after ``epoch``, a fraction within one, of ``epochs``."""
        if epoch < self.warm_up_epochs:
            return epoch / self.warm_up_epochs
        over = epoch / epochs - self.decay_from
        if over <= 0:
            return 1.0
        share = over / (1 - self.decay_from)
        if self.decay == "step":
            return self.decay_to
        left = 1 - share if self.decay == "linear" else 0.5 + 0.5 * math.cos(math.pi * share)
        return self.decay_to + (1 - self.decay_to) * left


class Weights(Strict):
    """What each cost counts in the sum, by epoch; a cost without a weight is left out."""

    # Half of the squared error, summed over pixels.
    reconstruction: Ramp | None = None
    # Cross-entropy of the labelled images.
    classification: Ramp | None = None
    # The generator's loss against the discriminator of the style; of the label.
    style_adversary: Ramp | None = None
    label_adversary: Ramp | None = None
    # KL(q(y|x) || q(y|x + perturbation)).
    smoothness: Ramp | None = None
    # log K - H(mean of q(y|x) over the batch) - ``balance_slack``, where that is positive.
    balance: Ramp | None = None
    # Cross-entropy between q(y|x) and q(y|warped x), both ways.
    warps: Ramp | None = None


class Joint(Strict):
    """One summed loss over encoder and decoder, beside the discriminators' own step."""

    weights: Weights
    autoencoder: JointOptimiser
    discriminators: JointOptimiser | None = None
    # Of both optimisers.
    schedule: LearningRateSchedule = LearningRateSchedule()
    # In nats: how much less than log K the entropy of the clusters' shares may be, for free.
    balance_slack: NotNegative = 0.0
