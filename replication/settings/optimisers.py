"""The optimisers of the phases, with their learning rates by epoch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .strict import Natural, Share, Strict

DEFAULT_BETAS = [0.9, 0.999]


class Optimiser(Strict):
    """``learning_rate`` maps the first epoch of each stretch to its value.

    ``momentum`` is that of SGD; ``betas`` are those of Adam, as in ``torch.optim``.
    """

    method: Literal["sgd", "adam"] = "sgd"
    learning_rate: dict[Natural, Annotated[float, Field(ge=0)]]
    momentum: Share = 0.0
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = DEFAULT_BETAS

    @model_validator(mode="after")
    def _fits_together(self) -> "Optimiser":
        if 0 not in self.learning_rate:
            raise ValueError("learning_rate must say its value at epoch 0")
        if self.method == "sgd" and self.betas != DEFAULT_BETAS:
            raise ValueError("betas needs method: adam")
        if self.method == "adam" and self.momentum:
            raise ValueError("momentum needs method: sgd; Adam has betas")
        return self

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate during the epoch with index ``epoch`` (the first is 0)."""
        return self.learning_rate[max(start for start in self.learning_rate if start <= epoch)]


class Phases(Strict):
    """The optimisers of the phases; a phase that is absent is not run."""

    reconstruction: Optimiser | None = None
    discriminator: Optimiser | None = None
    generator: Optimiser | None = None
    classification: Optimiser | None = None
    head_distance: Optimiser | None = None
    variational: Optimiser | None = None
    # Ours: q(y|x) is made smooth, beside the paper's phases.
    smoothness: Optimiser | None = None

    @model_validator(mode="after")
    def _adversaries_come_in_pairs(self) -> "Phases":
        if (self.discriminator is None) != (self.generator is None):
            raise ValueError("discriminator and generator go together")
        return self
