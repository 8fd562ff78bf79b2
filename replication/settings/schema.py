"""The settings of one variant: every value that training depends on, checked and frozen."""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Natural = Annotated[int, Field(ge=0)]
PositiveNumber = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, order=True)
class Seed:
    """One run's two sources of chance, so that their spreads can be told apart.

    ``seed`` derives the initialisation, batches, noise and prior draws; ``label_seed`` derives
    which training images keep their label.
    """

    seed: int
    label_seed: int


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Optimiser(Strict):
    """``rate`` maps the first epoch of each stretch to its learning rate."""

    method: Literal["sgd", "adam"] = "sgd"
    rate: dict[Natural, Annotated[float, Field(ge=0)]]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Adam's beta2: how much of the squared gradients' mean is kept.
    second_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.999

    @model_validator(mode="after")
    def _starts_at_zero(self) -> "Optimiser":
        if 0 not in self.rate:
            raise ValueError("rate must say its value at epoch 0")
        if self.method == "sgd" and self.second_momentum != 0.999:
            raise ValueError("second_momentum needs method: adam")
        return self

    def rate_at(self, epoch: int) -> float:
        """The rate during the epoch with index ``epoch`` (the first is 0)."""
        return self.rate[max(start for start in self.rate if start <= epoch)]


class StylePrior(Strict):
    """p(z): a Gaussian's deviation, the petals of a mixture of ten 2-D Gaussians, a swiss roll."""

    kind: Literal["gaussian", "mixture", "swiss_roll"] = "gaussian"
    deviation: PositiveNumber = 1.0
    # Of the mixture's components: distance of the centres, deviations along and across the petal.
    # The paper gives none; these are those of public replications.
    radius: PositiveNumber = 1.4
    radial: PositiveNumber = 0.5
    tangential: PositiveNumber = 0.1


class Parzen(Strict):
    """The likelihood estimates of Table 1: ``samples`` for each, and the grid of deviations."""

    samples: Annotated[list[Positive], Field(min_length=1)]
    lowest: PositiveNumber
    highest: PositiveNumber
    steps: Annotated[int, Field(ge=3)]

    def deviations(self) -> list[float]:
        """``steps`` deviations from ``lowest`` to ``highest``, evenly spaced in their logarithm."""
        ratio = (self.highest / self.lowest) ** (1 / (self.steps - 1))
        return [self.lowest * ratio**i for i in range(self.steps)]


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


class Departures(Strict):
    """What public replications do otherwise than the paper; none of it is on by default."""

    # The squared error averaged over pixels and images, not half of it summed over pixels.
    mean_error: bool = False
    # Deviation of the noise on all that the discriminators see, samples and codes, in both steps.
    discriminator_noise: Annotated[float, Field(ge=0)] = 0.0
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


class Application(Strict):
    """What a trained model is used for afterwards, and how much of it."""

    kind: Literal["generation", "anomaly", "augmentation", "features"]
    # Of augmentation: images to generate, and updates of each classifier.
    generated: Positive | None = None
    updates: Positive | None = None
    # Of features: how many labels the classifiers of the codes are given.
    sizes: list[Positive] = []

    @model_validator(mode="after")
    def _has_its_numbers(self) -> "Application":
        needed = {"augmentation": {"generated", "updates"}, "features": {"sizes"}}
        for name in ("generated", "updates", "sizes"):
            if bool(getattr(self, name)) != (name in needed.get(self.kind, set())):
                where = next(kind for kind, names in needed.items() if name in names)
                raise ValueError(f"{name} goes with kind: {where}, which needs it")
        return self


class Phases(Strict):
    """The optimisers of the phases; a phase that is absent is not run."""

    reconstruction: Optimiser | None = None
    discriminator: Optimiser | None = None
    generator: Optimiser | None = None
    classification: Optimiser | None = None
    head_distance: Optimiser | None = None
    variational: Optimiser | None = None

    @model_validator(mode="after")
    def _adversaries_come_in_pairs(self) -> "Phases":
        if (self.discriminator is None) != (self.generator is None):
            raise ValueError("discriminator and generator go together")
        return self


class Alae(Strict):
    """Networks and losses of the adversarial latent autoencoder (``engine/alae.py``).

    The latent codes have ``style_size`` numbers, the layers between ``hidden`` units. With the
    phases discriminator and generator it is the autoencoder itself; with the phase reconstruction
    alone, an ordinary autoencoder with the same encoder and decoder.
    """

    mapping_layers: Positive = 6
    discriminator_layers: Positive = 3
    # Of the learning rate of these two networks.
    multiplier: PositiveNumber = 0.1
    # Of the penalty on the discriminator's gradient (R1).
    gamma: Annotated[float, Field(ge=0)] = 10.0
    # 3x3 convolutions with as many channels instead of the hidden layers.
    channels: list[Positive] = []
    # By how much, in the Euclidean norm, a step may move a tensor of parameters.
    greatest_step: PositiveNumber | None = None
    # The baseline's error is absolute, not squared.
    absolute_error: bool = False
    # How many of the training images' codes the linear classifier is fitted on; 0: all.
    classified: Natural = 0


class Settings(Strict):
    """One variant at one preset, every value resolved."""

    data: Literal["digits", "mnist", "street_digits", "svhn", "drawn_faces", "olivetti", "tfd"]
    # Take a file that is like the official one but has fewer or other images; the record says so.
    allow_subset: bool = False
    # Append SVHN's 531,131 "extra" digits to the images to train on.
    use_extra: bool = False
    # Subtract each pixel's mean over the images to train on and divide by its deviation.
    standardise: bool = False
    # The networks see pixels in [-1, 1] instead of [0, 1].
    signed_pixels: bool = False
    # How many of the last images to train on are held out, to choose with.
    validation: Natural = 0
    # Images of this class are left out of training and validation, not out of the test.
    held_out_class: Natural | None = None
    labels: Natural | Literal["all"]
    seeds: Annotated[list[Natural], Field(min_length=1)]
    label_seeds: list[Natural] | None = None

    hidden: Annotated[list[Positive], Field(min_length=1)]
    style_size: Natural
    label_size: Natural
    # Where the label comes in: the encoder infers it (Figure 8), or it is given beside the style to
    # the discriminator, with an extra class for "none" (Figure 3), or to the decoder (Figure 6).
    label_at: Literal["encoder", "discriminator", "decoder"] = "encoder"
    # Eta of section 7: nearer than this, two cluster heads repel each other. Without: no heads.
    cluster_head_distance: PositiveNumber | None = None
    output: Literal["sigmoid", "linear"]
    posterior: Literal["deterministic", "gaussian", "universal"] = "deterministic"
    posterior_noise_size: Natural = 0
    code_activation: Literal["linear", "relu", "sigmoid"] = "linear"
    # Of the weights; ``he``: sqrt(2 / inputs) of each layer.
    initial_deviation: PositiveNumber | Literal["he"]
    style_prior: StylePrior = StylePrior()
    input_noise: Annotated[float, Field(ge=0)]
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # The share of inputs that are set to 0, without dropout's rescaling; that are set to 0 or 1.
    input_masking: Annotated[float, Field(ge=0, lt=1)] = 0.0
    input_salt_and_pepper: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batch_norm: Literal["none", "encoder", "all"] = "none"
    # The deviation that a batch-norm without gain and shift gives the logits of q(y|x).
    label_scale: PositiveNumber | None = None

    batch_size: Positive
    epochs: Positive
    evaluate_every: Positive = 1
    # What is evaluated are weights averaged over about so many updates; 0: the last ones.
    averaged_updates: Natural = 0
    phases: Phases
    penalty: Penalty | None = None
    # Each layer, with its mirror in the decoder, is first trained alone for so many epochs.
    layerwise_epochs: Natural = 0
    # After training, of the encoder and a softmax on all labels.
    fine_tuning_epochs: Natural = 0
    departures: Departures = Departures()
    parzen: Parzen | None = None
    application: Application | None = None
    alae: Alae | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        if self.label_seeds is not None and len(self.label_seeds) != len(self.seeds):
            raise ValueError("label_seeds must be as many as seeds")
        if len(set(self.runs)) != len(self.seeds):
            raise ValueError("seeds must differ")
        if self.style_prior.kind != "gaussian" and self.style_size != 2:
            raise ValueError(f"style_size must be 2 with the {self.style_prior.kind} prior")
        if self.posterior == "universal" and self.posterior_noise_size == 0:
            raise ValueError("posterior_noise_size must be positive with the universal posterior")
        if self.phases.classification and not (self.label_size and self.labels):
            raise ValueError("classification needs label_size and labels")
        if self.label_at != "encoder" and (self.phases.classification or not self.labels):
            raise ValueError(f"label_at: {self.label_at} needs labels, and no classification")
        if self.label_at == "decoder" and self.labels != "all":
            raise ValueError("label_at: decoder needs the labels of all images")
        if self.label_at == "discriminator" and self.style_prior.kind == "gaussian":
            raise ValueError("label_at: discriminator needs a prior with a part for each class")
        if bool(self.cluster_head_distance) != bool(self.phases.head_distance):
            raise ValueError("cluster_head_distance and phases.head_distance go together")
        if self.cluster_head_distance and not (self.label_size and self.label_at == "encoder"):
            raise ValueError("cluster_head_distance needs label_size, and label_at: encoder")
        if self.label_scale and not (self.label_size and self.label_at == "encoder"):
            raise ValueError("label_scale needs label_size, and label_at: encoder")
        if self.averaged_updates and (self.batch_norm != "none" or self.label_scale):
            raise ValueError("averaged_updates would leave batch_norm's statistics behind")
        if self.phases.variational and self.output == "linear":
            raise ValueError("variational needs output: sigmoid, whose likelihood is Bernoulli")
        if self.signed_pixels and (self.standardise or self.output == "sigmoid"):
            raise ValueError("signed_pixels needs output: linear, and no standardise")
        return self

    @model_validator(mode="after")
    def _autoencoders_fit_together(self) -> "Settings":
        phases, deterministic = self.phases, self.posterior == "deterministic"
        if self.penalty and not (phases.reconstruction and self.label_at == "encoder"):
            raise ValueError("penalty needs phases.reconstruction, and label_at: encoder")
        if self.code_activation != "linear" and not (deterministic and not phases.generator):
            raise ValueError("code_activation needs a deterministic posterior, and no generator")
        if self.penalty and self.penalty.kind == "code_kl" and self.code_activation != "sigmoid":
            raise ValueError("penalty.kind code_kl needs code_activation: sigmoid")
        if self.standardise and (self.input_masking or self.input_salt_and_pepper):
            raise ValueError("input_masking and input_salt_and_pepper need pixels in [0, 1]")
        if not self.layerwise_epochs:
            return self
        others = phases.model_copy(update={"reconstruction": None}) != Phases()
        if not phases.reconstruction or others or self.label_size or not deterministic:
            raise ValueError("layerwise_epochs needs the phase reconstruction alone, and no label")
        if self.batch_norm != "none":
            raise ValueError("layerwise_epochs needs batch_norm: none")
        if self.epochs <= (len(self.hidden) + 1) * self.layerwise_epochs:
            raise ValueError("layerwise_epochs of all layers leave no epochs for the whole")
        return self

    @model_validator(mode="after")
    def _departures_have_their_phases(self) -> "Settings":
        departures, phases = self.departures, self.phases
        if departures.mean_error and not phases.reconstruction:
            raise ValueError("departures.mean_error needs phases.reconstruction")
        for name in ("discriminator_noise", "saturating", "fresh_codes"):
            if getattr(departures, name) and not phases.discriminator:
                raise ValueError(f"departures.{name} needs phases.discriminator and generator")
        if departures.labelled_epochs and not self.labels:
            raise ValueError("departures.labelled_epochs needs labels")
        parts = (phases.reconstruction, phases.generator, phases.classification)
        if departures.joint and (not all(parts) or phases.head_distance or phases.variational):
            needed = "reconstruction, generator and classification, and no other"
            raise ValueError(f"departures.joint needs the phases {needed}")
        return self

    @model_validator(mode="after")
    def _application_has_its_parts(self) -> "Settings":
        if self.application is None:
            return self
        kind, phases = self.application.kind, self.phases
        if not (self.style_size and (phases.reconstruction or phases.variational)):
            raise ValueError("application needs style_size, and a phase that trains a decoder")
        if kind == "augmentation":
            if not phases.classification or self.labels == "all":
                raise ValueError("augmentation needs phases.classification, and a number of labels")
        elif self.label_size:
            raise ValueError(f"{kind} needs label_size: 0")
        if kind == "anomaly":
            if self.held_out_class is None or not phases.discriminator:
                raise ValueError("anomaly needs held_out_class, and phases.discriminator")
            if self.style_prior.kind == "swiss_roll":
                raise ValueError("anomaly needs a prior with a density, not swiss_roll")
        return self

    @model_validator(mode="after")
    def _alae_has_networks_of_its_own(self) -> "Settings":
        if self.alae is None:
            return self
        if self.style_size == 0:
            raise ValueError("alae needs a style_size, that of its latent codes, above 0")
        needed = {"labels": 0, "label_size": 0, "posterior": "deterministic", "batch_norm": "none"}
        needed |= {"input_noise": 0.0, "input_dropout": 0.0, "style_prior": StylePrior()}
        needed |= {"departures": Departures(), "initial_deviation": "he", "output": "linear"}
        for name, value in needed.items():
            if getattr(self, name) != value:
                shown = value if isinstance(value, str | int | float) else "the default"
                raise ValueError(f"alae needs {name}: {shown}")
        phases = self.phases
        if phases.generator and phases.reconstruction:
            raise ValueError("alae reconstructs latent codes: leave phases.reconstruction out")
        if self.alae.absolute_error and not phases.reconstruction:
            raise ValueError("alae.absolute_error needs phases.reconstruction")
        if self.alae.greatest_step and not phases.generator:
            raise ValueError("alae.greatest_step needs phases.discriminator and generator")
        return self

    @property
    def given_size(self) -> int:
        """The length of the one-hot label that comes with each image, 0 where none does."""
        return {"encoder": 0, "decoder": self.label_size, "discriminator": self.label_size + 1}[
            self.label_at
        ]

    @property
    def runs(self) -> list[Seed]:
        """The seeds, each with its label seed (its own number where none is given)."""
        label_seeds = self.seeds if self.label_seeds is None else self.label_seeds
        return [Seed(s, label) for s, label in zip(self.seeds, label_seeds, strict=True)]

    def hash(self) -> str:
        """Identifies the settings, whatever the seeds: more seeds may be added later.

        Values left at their default do not count, so that a new setting leaves old hashes alone.
        """
        seeds = {"seeds", "label_seeds"}
        values = self.model_dump(mode="json", exclude=seeds, exclude_defaults=True)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
