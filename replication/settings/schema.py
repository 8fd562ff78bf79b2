"""The settings of one variant at one preset, every value resolved, checked and frozen."""

import hashlib
import json
from collections.abc import Set
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .checks import CHECKS
from .data import Data
from .joint import Joint, Smoothness, Warps
from .losses import Differences, Penalty
from .measures import Application, Parzen
from .models import Alae, StylePrior
from .optimisers import Phases
from .second_stage import SecondStage
from .strict import Dimension, Natural, Positive, PositiveNumber, Share, Strict, Width

# What a trained model does not depend on: its change asks for a new measure, not a new training.
MEASURED = frozenset(
    {"evaluate_every", "fine_tuning_epochs", "svm_images", "parzen", "application"}
)
SEEDS = frozenset({"seeds", "label_seeds"})


@dataclass(frozen=True, order=True)
class Seed:
    """One run's two sources of chance, so that their spreads can be told apart.

    ``seed`` derives the initialisation, batches, noise and prior draws; ``label_seed`` derives
    which training images keep their label.
    """

    seed: int
    label_seed: int


class Settings(Strict):
    """One variant at one preset, every value resolved."""

    # A name, or {idx: folder} or {npz: file} for the user's own.
    data: Data
    # Take a file that is like the official one but has fewer or other images; the record says so.
    allow_subset: bool = False
    # Append SVHN's 531,131 "extra" digits to the images to train on.
    use_extra: bool = False
    # Subtract each pixel's mean over the images to train on and divide by its standard deviation.
    standardise: bool = False
    # The networks see pixels in [-1, 1] instead of [0, 1].
    signed_pixels: bool = False
    # How many of the last images to train on are held out, to choose with.
    validation_images: Natural = 0
    # Images of this class are left out of training and validation, not out of the test.
    held_out_class: Natural | None = None
    labels: Natural | Literal["all"]
    seeds: Annotated[list[Natural], Field(min_length=1)]
    label_seeds: list[Natural] | None = None

    hidden_sizes: Annotated[list[Width], Field(min_length=1)]
    # Of the discriminators; those of the other networks, where it is not given.
    discriminator_hidden_sizes: Annotated[list[Width], Field(min_length=1)] | None = None
    style_dim: Dimension
    label_dim: Dimension
    # Where the label comes in: the encoder infers it (Figure 8), or it is given beside the style to
    # the discriminator, with an extra class for "none" (Figure 3), or to the decoder (Figure 6).
    label_at: Literal["encoder", "discriminator", "decoder"] = "encoder"
    # Eta of section 7: nearer than this, two cluster heads repel each other. Without: no heads.
    cluster_head_distance: PositiveNumber | None = None
    output: Literal["sigmoid", "linear"]
    posterior: Literal["deterministic", "gaussian", "universal"] = "deterministic"
    posterior_noise_dim: Dimension = 0
    code_activation: Literal["linear", "relu", "sigmoid"] = "linear"
    # Of the weights; ``he``: sqrt(2 / inputs) of each layer; ``torch``: as nn.Linear starts.
    init_std: PositiveNumber | Literal["he", "torch"]
    style_prior: StylePrior = StylePrior()
    input_noise_std: Annotated[float, Field(ge=0)]
    input_dropout: Share = 0.0
    # The share of inputs that are set to 0, without dropout's rescaling; that are set to 0 or 1.
    input_masking: Share = 0.0
    input_salt_and_pepper: Share = 0.0
    # Of the encoder, with the codes' layers (A.3); of the decoder, too (A.2.2); of the encoder's
    # hidden layers and the logits of q(y|x) alone.
    batch_norm: Literal["none", "encoder", "all", "hidden_and_label"] = "none"
    # The standard deviation that a batch-norm without gain and shift gives the logits of q(y|x).
    label_logit_std: PositiveNumber | None = None

    batch_size: Positive
    # So many labelled images an update, drawn anew and evenly over the classes. 0: as in phase 3.
    labelled_batch_size: Natural = 0
    epochs: Positive
    # What is evaluated are weights averaged over about so many updates; 0: the last ones.
    weight_average_updates: Natural = 0
    # Batch-norm is evaluated with the statistics of so many training images under the weights that
    # are evaluated; 0: with the running ones.
    batch_norm_images: Natural = 0
    phases: Phases
    # Ours, not the paper's: all costs as one sum, instead of the phases.
    joint: Joint | None = None
    smoothness: Smoothness | None = None
    warps: Warps | None = None
    second_stage: SecondStage | None = None
    penalty: Penalty | None = None
    # Each layer, with its mirror in the decoder, is first trained alone for so many epochs.
    layerwise_epochs: Natural = 0
    differences: Differences = Differences()
    alae: Alae | None = None

    # What follows is only measured (``MEASURED``): training does not depend on it.
    evaluate_every: Positive = 1
    # After training, of the encoder and a softmax on all labels.
    fine_tuning_epochs: Natural = 0
    # How many of the training images' codes the linear classifier is fitted on; 0: all.
    svm_images: Natural = 0
    parzen: Parzen | None = None
    application: Application | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        for check in CHECKS:
            check(self)
        return self

    @property
    def given_size(self) -> int:
        """The length of the one-hot label that comes with each image, 0 where none does."""
        return {"encoder": 0, "decoder": self.label_dim, "discriminator": self.label_dim + 1}[
            self.label_at
        ]

    @property
    def infers_label(self) -> bool:
        """Whether the encoder has q(y|x)."""
        return self.label_dim > 0 and self.label_at == "encoder"

    @property
    def decoder_label_dim(self) -> int:
        """The length of the label that the decoder is given beside the style, 0 without one."""
        return 0 if self.label_at == "discriminator" else self.label_dim

    @property
    def has_decoder(self) -> bool:
        """Whether anything trains one."""
        if self.joint and self.joint.weights.reconstruction is not None:
            return True
        return bool(self.phases.reconstruction or self.phases.variational)

    @property
    def has_style_prior(self) -> bool:
        """Whether training brings the style near a prior."""
        if self.joint:
            adversary = self.joint.weights.style_adversary is not None
        else:
            adversary = bool(self.phases.generator) and self.differences.unmatched != "style"
        return self.style_dim > 0 and (adversary or self.phases.variational is not None)

    @property
    def discriminated(self) -> list[str]:
        """The codes that have a discriminator: ``style``, ``label``."""
        codes = {"style": self.style_dim, "label": self.label_dim}
        if self.label_at != "encoder":
            codes["label"] = 0
        if self.joint:
            weights = self.joint.weights.model_dump()
            return [name for name in codes if weights[f"{name}_adversary"] is not None]
        return [name for name, size in codes.items() if size and self.phases.discriminator]

    @property
    def runs(self) -> list[Seed]:
        """The seeds, each with its label seed (its own number where none is given)."""
        label_seeds = self.seeds if self.label_seeds is None else self.label_seeds
        return [Seed(s, label) for s, label in zip(self.seeds, label_seeds, strict=True)]

    def training_hash(self) -> str:
        """Identifies what training depends on, whatever the seeds: more may be added later."""
        return self._hash(SEEDS | MEASURED)

    def measuring_hash(self) -> str:
        """Identifies what is measured of a trained model."""
        return self._hash(type(self).model_fields.keys() - MEASURED)

    def _hash(self, left_out: Set[str]) -> str:
        """Sixteen hexadecimal digits.

        Values left at their default do not count, so that a new setting leaves old hashes alone.
        """
        values: dict[str, Any] = self.model_dump(
            mode="json", exclude=set(left_out), exclude_defaults=True
        )
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
