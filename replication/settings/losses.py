"""Settings of the losses that are not the paper's."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .strict import PositiveNumber, Strict


class Penalty(Strict):
    """What is added to the reconstruction error of autoencoders without a prior, times ``weight``.

    On the codes of an image: the sum of their absolute values (``code_l1``); the Kullback-Leibler
    divergence of each unit's mean activity over the batch from ``activity`` (``code_kl``); the
    squared Frobenius norm of the code's Jacobian (``contractive``, Rifai et al., 2011). On the
    weight matrices: the sum of absolute values or of squares (``weights_l1``, ``weights_l2``).
    """

    kind: Literal["code_l1", "code_kl", "contractive", "weights_l1", "weights_l2"]
    weight: PositiveNumber
    activity: Annotated[float, Field(gt=0, lt=1)] = 0.05

    @model_validator(mode="after")
    def _has_its_numbers(self) -> "Penalty":
        if self.activity != type(self).model_fields["activity"].default and self.kind != "code_kl":
            raise ValueError("activity needs kind: code_kl")
        return self


class Differences(Strict):
    """What public replications and ablations do otherwise than the paper; by default, nothing."""

    # The squared error averaged over pixels and images, not half of it summed over pixels.
    mean_error: bool = False
    # Deviation of the noise on all that the discriminators see, samples and codes, in both steps.
    discriminator_noise_std: Annotated[float, Field(ge=0)] = 0.0
    # An epoch is a pass over the labelled images: max(1, labels // batch) updates.
    labelled_epochs: bool = False
    # The generator descends E log(1 - D(z)), the paper's minimax, instead of -E log D(z).
    saturating: bool = False
    # One optimiser, that of the reconstruction, descends the sum of all losses but the
    # discriminators'.
    joint: bool = False
    # The generator's step encodes again, with new noise, instead of sharing the discriminators'
    # pass.
    fresh_codes: bool = False
    # The code that no discriminator compares with its prior.
    unmatched: Literal["style", "label"] | None = None
