"""Settings of what is measured of a model once it is trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .strict import Positive, PositiveNumber, Strict


class Parzen(Strict):
    """The likelihood estimates of Table 1: ``samples`` for each, and the grid of bandwidths.

    The bandwidth is chosen on the first ``bandwidth_images`` held-out images, or on all.
    """

    samples: Annotated[list[Positive], Field(min_length=1)]
    lowest: PositiveNumber
    highest: PositiveNumber
    steps: Annotated[int, Field(ge=3)]
    bandwidth_images: Positive | None = None

    def bandwidths(self) -> list[float]:
        """``steps`` bandwidths from ``lowest`` to ``highest``, evenly spaced in their logarithm."""
        ratio = (self.highest / self.lowest) ** (1 / (self.steps - 1))
        return [self.lowest * ratio**i for i in range(self.steps)]


class Application(Strict):
    """What a trained model is used for afterwards, and how much of it."""

    kind: Literal["generation", "anomaly", "augmentation", "features", "hashing"]
    # Of augmentation: images to generate, and updates of each classifier.
    generated_images: Positive | None = None
    classifier_updates: Positive | None = None
    # Of features: how many labels the classifiers of the codes are given.
    label_counts: Annotated[list[Positive], Field(default_factory=list)]

    @model_validator(mode="after")
    def _has_its_numbers(self) -> "Application":
        needed = {
            "augmentation": {"generated_images", "classifier_updates"},
            "features": {"label_counts"},
        }
        for name in ("generated_images", "classifier_updates", "label_counts"):
            if bool(getattr(self, name)) != (name in needed.get(self.kind, set())):
                where = next(kind for kind, names in needed.items() if name in names)
                raise ValueError(f"{name} goes with kind: {where}, which needs it")
        return self
