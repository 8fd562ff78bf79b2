"""Settings of the networks and priors."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .strict import PositiveNumber, Strict, Width


class StylePrior(Strict):
    """p(z): a Gaussian of standard deviation ``std``, ten 2-D Gaussians, or a swiss roll."""

    kind: Literal["gaussian", "mixture", "swiss_roll"] = "gaussian"
    std: PositiveNumber = 1.0
    # Of the mixture's components: distance of the centres, standard deviations along and across
    # the petal.
    # The paper gives none; these are those of public replications.
    radius: PositiveNumber = 1.4
    radial_std: PositiveNumber = 0.5
    tangential_std: PositiveNumber = 0.1

    @model_validator(mode="after")
    def _has_its_numbers(self) -> "StylePrior":
        for name in ("radius", "radial_std", "tangential_std"):
            own, default = getattr(self, name), type(self).model_fields[name].default
            if own != default and self.kind != "mixture":
                raise ValueError(f"{name} needs kind: mixture")
        return self


class Alae(Strict):
    """Networks and losses of the adversarial latent autoencoder (``models/alae.py``).

    The latent codes have ``style_dim`` numbers, the layers between ``hidden_sizes`` units. With the
    phases discriminator and generator it is the autoencoder itself; with the phase reconstruction
    alone, an ordinary autoencoder with the same encoder and decoder.
    """

    mapping_layers: Width = 6
    discriminator_layers: Width = 3
    # Of the learning rate of these two networks.
    learning_rate_multiplier: PositiveNumber = 0.1
    # Of the penalty on the discriminator's gradient (R1).
    gamma: Annotated[float, Field(ge=0)] = 10.0
    # Of the leaky ReLUs of the generator, and of the one after the encoder's last layer.
    generator_slope: Annotated[float, Field(ge=0, lt=1)] = 0.2
    # 3x3 convolutions with as many channels instead of the hidden layers.
    channels: Annotated[list[Width], Field(default_factory=list)]
    # By how much, in the Euclidean norm, a step may move a tensor of parameters.
    max_update_norm: PositiveNumber | None = None
    # The baseline's error is absolute, not squared.
    absolute_error: bool = False
