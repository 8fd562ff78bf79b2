"""Settings of dimensionality reduction in two stages, which is ours (Figure 11 is in one)."""

from typing import Annotated

from pydantic import Field

from .joint import JointOptimiser, LearningRateSchedule
from .ramps import NotNegative
from .strict import WIDEST, Positive, PositiveNumber, Strict, Width


class SecondStage(Strict):
    """After training, q(y|x) is kept; style, cluster heads and decoder of a plane are trained.

    The representation is the label's cluster head, a learned row of W_C, plus a style of
    ``style_dim`` numbers, made from the encoder's last hidden layer by ``hidden_sizes`` and a
    linear layer; the decoder sees the sum alone (section 7).
    """

    style_dim: Annotated[int, Field(ge=2, le=WIDEST)]  # less is no plane to draw
    # Nearer than this, two cluster heads repel each other (eta). They start a little apart more.
    cluster_head_distance: PositiveNumber
    hidden_sizes: Annotated[list[Width], Field(min_length=1)]
    epochs: Positive
    batch_size: Positive
    reconstruction_weight: PositiveNumber
    style_adversary_weight: NotNegative
    head_distance_weight: NotNegative
    autoencoder: JointOptimiser
    discriminator: JointOptimiser
    schedule: LearningRateSchedule = LearningRateSchedule()
