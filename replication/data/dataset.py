"""What every data set is: images and labels as tensors, uint8 at rest, the whole set at once."""

import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.base.streams import generator


@dataclass(frozen=True)
class Scaling:
    """How stored bytes become what the networks see, and back: [0, 1], signed, or standardised.

    Standardised, each pixel has its ``mean`` [pixels] subtracted and is divided by its
    ``std`` [pixels], both in [0, 1] and taken over the images to train on (A.2.2, memory).
    Signed, both are 0.5 for all pixels.
    """

    mean: Tensor | None = None
    std: Tensor | None = None

    def to_network(self, images: Tensor) -> Tensor:
        """uint8 images [..., pixels] as the networks see them."""
        pixels = scaled(images)
        if self.mean is None or self.std is None:
            return pixels
        return pixels.sub_(self.mean).div_(self.std)

    def of_pixels(self, pixels: Tensor) -> Tensor:
        """Pixels in [0, 1], [..., pixels], as the networks see them; gradients pass."""
        if self.mean is None or self.std is None:
            return pixels
        return (pixels - self.mean) / self.std

    def to_pixels(self, outputs: Tensor) -> Tensor:
        """A decoder's outputs [..., pixels] as pixels in [0, 1]."""
        if self.mean is not None and self.std is not None:
            outputs = outputs * self.std + self.mean
        return outputs.clamp(0, 1)

    def to_bytes(self, outputs: Tensor) -> Tensor:
        """A decoder's outputs as uint8 images."""
        return (self.to_pixels(outputs) * 255).round().byte()

    def to(self, device: torch.device) -> "Scaling":
        if self.mean is None or self.std is None:
            return self
        return Scaling(self.mean.to(device), self.std.to(device))


@dataclass(frozen=True)
class Split:
    """Images, uint8 [N, pixels], and their labels, int64 [N]."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device))

    def __getitem__(self, chosen: Tensor | slice) -> "Split":
        return Split(self.images[chosen], self.labels[chosen])


NOTHING = Split(torch.empty(0, 0, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))


@dataclass(frozen=True)
class Dataset:
    """A data set: ``shape`` is (channels, height, width), ``sha256`` covers all of its bytes.

    ``validation`` is held out of ``train`` where the settings ask for it. ``subset`` says that the
    files are not the official ones. The last ``extra`` images of ``train`` are not among those of
    which a number keeps its label: SVHN's easier digits.
    """

    name: str
    shape: tuple[int, int, int]
    classes: int
    train: Split
    test: Split
    sha256: str
    subset: bool = False
    extra: int = 0
    validation: Split = NOTHING
    scaling: Scaling = Scaling()

    @property
    def pixels(self) -> int:
        return self.train.images.shape[1]

    def to(self, device: torch.device) -> "Dataset":
        train, test = self.train.to(device), self.test.to(device)
        validation, scaling = self.validation.to(device), self.scaling.to(device)
        return replace(self, train=train, test=test, validation=validation, scaling=scaling)


def standardised(dataset: Dataset) -> Dataset:
    """The networks see each pixel less its mean, in units of its standard deviation."""
    pixels = dataset.train.images.double() / 255
    std = pixels.std(0, correction=0)
    std[std == 0] = 1  # a pixel that is always the same
    return replace(dataset, scaling=Scaling(pixels.mean(0).float(), std.float()))


def hold_out(dataset: Dataset, count: int) -> Dataset:
    """Make the last ``count`` images to train on the validation images instead."""
    kept = len(dataset.train) - count
    if kept <= 0:
        problem = f"validation_images: {count} leaves none of the {len(dataset.train)} images of"
        raise UserError(f"{problem} {dataset.name} to train on", "hold out fewer")
    train, extra = dataset.train, max(dataset.extra - count, 0)
    return replace(dataset, train=train[:kept], validation=train[kept:], extra=extra)


def leave_out(dataset: Dataset, held_out: int) -> Dataset:
    """Drop the images of the class ``held_out`` from those to train on and those to validate."""
    if not 0 <= held_out < dataset.classes:
        problem = f"held_out_class: {dataset.name} has no class {held_out}"
        raise UserError(problem, f"choose one of 0 to {dataset.classes - 1}")
    train, validation = (s[s.labels != held_out] for s in (dataset.train, dataset.validation))
    last = dataset.train.labels[len(dataset.train) - dataset.extra :]
    extra = int((last != held_out).sum())
    return replace(dataset, train=train, validation=validation, extra=extra)


def scaled(images: Tensor) -> Tensor:
    """uint8 images as floats in [0, 1]."""
    return images.float().div_(255)


def fingerprint(*splits: Split) -> str:
    """The sha256 of the bytes of all images and labels."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(split.images.numpy().tobytes())
        digest.update(split.labels.numpy().tobytes())
    return digest.hexdigest()


def choose_labelled(labels: Tensor, count: int | str, label_seed: int) -> Tensor:
    """Indices of ``count`` training images that keep their label, spread evenly over classes.

    ``labels`` is int64 [N] on any device; appendix A.2.1 draws "random but evenly" (memory).
    A count that the classes do not divide gives the first classes one more.
    """
    if count == "all":
        return torch.arange(len(labels), device=labels.device)
    classes = int(labels.max()) + 1
    stream = generator(label_seed, "labels")
    chosen = []
    for c in range(classes):
        members = (labels.cpu() == c).nonzero().flatten()
        share = int(count) // classes + (c < int(count) % classes)
        if share > len(members):
            problem = f"{count} labels need {share} images of class {c}; it has {len(members)}"
            raise UserError(problem, "ask for fewer labels")
        chosen.append(members[torch.randperm(len(members), generator=stream)[:share]])
    return torch.cat(chosen).to(labels.device)
