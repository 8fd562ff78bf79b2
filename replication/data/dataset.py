"""Images and labels as tensors, uint8 at rest, the whole set at once.

``$REPLICATION_DATA`` names the folder (else ``data/``); it is laid out as torchvision does it.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.base.streams import generator
from replication.settings.schema import Settings

# sha256 of the official files
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}


@dataclass(frozen=True)
class Scaling:
    """How stored bytes become what the networks see, and back: [0, 1], signed, or standardised.

    Standardised, each pixel has its ``mean`` [pixels] subtracted and is divided by its
    ``deviation`` [pixels], both in [0, 1] and taken over the images to train on (A.2.2, memory).
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
    files are not the official ones.
    """

    name: str
    shape: tuple[int, int, int]
    classes: int
    train: Split
    test: Split
    sha256: str
    subset: bool = False
    validation: Split = NOTHING
    scaling: Scaling = Scaling()

    @property
    def pixels(self) -> int:
        return self.train.images.shape[1]

    def to(self, device: torch.device) -> "Dataset":
        train, test = self.train.to(device), self.test.to(device)
        validation, scaling = self.validation.to(device), self.scaling.to(device)
        return replace(self, train=train, test=test, validation=validation, scaling=scaling)


def data_root() -> Path:
    return Path(os.environ.get("REPLICATION_DATA") or "data")


def load(settings: Settings) -> Dataset:
    """The data set that ``settings`` name; a UserError says which file is missing or wrong."""
    from . import (
        faces,  # they are made of this module's classes
        svhn,  # they are made of this module's classes
        synthetic,  # they are made of this module's classes
    )

    loaders: dict[str, Callable[[], Dataset]] = {
        "digits": load_digits,
        "mnist": load_mnist,
        "street_digits": synthetic.load_street_digits,
        "svhn": partial(svhn.load_svhn, settings.allow_subset, settings.use_extra),
        "drawn_faces": synthetic.load_drawn_faces,
        "olivetti": faces.load_olivetti,
        "tfd": faces.load_tfd,
    }
    dataset = hold_out(loaders[settings.data](), settings.validation_images)
    if settings.held_out_class is not None:
        dataset = leave_out(dataset, settings.held_out_class)
    if settings.signed_pixels:
        half = torch.tensor(0.5)
        return replace(dataset, scaling=Scaling(half, half))
    return standardised(dataset) if settings.standardise else dataset


def standardised(dataset: Dataset) -> Dataset:
    """The networks see each pixel less its mean, in units of its deviation."""
    pixels = dataset.train.images.double() / 255
    deviation = pixels.std(0, correction=0)
    deviation[deviation == 0] = 1  # a pixel that is always the same
    return replace(dataset, scaling=Scaling(pixels.mean(0).float(), deviation.float()))


def hold_out(dataset: Dataset, count: int) -> Dataset:
    """Make the last ``count`` images to train on the validation images instead."""
    kept = len(dataset.train) - count
    if kept <= 0:
        problem = f"validation: {count} leaves none of the {len(dataset.train)} images of"
        raise UserError(f"{problem} {dataset.name} to train on", "hold out fewer")
    train = dataset.train
    return replace(dataset, train=train[:kept], validation=train[kept:])


def leave_out(dataset: Dataset, held_out: int) -> Dataset:
    """Drop the images of the class ``held_out`` from those to train on and those to validate."""
    if not 0 <= held_out < dataset.classes:
        problem = f"held_out_class: {dataset.name} has no class {held_out}"
        raise UserError(problem, f"choose one of 0 to {dataset.classes - 1}")
    train, validation = (s[s.labels != held_out] for s in (dataset.train, dataset.validation))
    return replace(dataset, train=train, validation=validation)


def scaled(images: Tensor) -> Tensor:
    """uint8 images as floats in [0, 1]."""
    return images.float().div_(255)


def one_hot(classes: Tensor, size: int) -> Tensor:
    """Floats [..., size] from integers [...]; a size of 0 is allowed."""
    return (classes.unsqueeze(-1) == torch.arange(size, device=classes.device)).float()


def load_digits() -> Dataset:
    """The 1,797 digits of 8x8 pixels inside scikit-learn: 1,400 to train, 397 to test."""
    from sklearn.datasets import load_digits as embedded  # 1 s to import

    bunch = embedded()
    pixels = np.round(bunch.data * (255 / 16)).astype(np.uint8)  # stored as 0..16
    order = torch.randperm(len(pixels), generator=generator(0, "digits split"))
    digits = Split(torch.from_numpy(pixels), torch.from_numpy(bunch.target.astype(np.int64)))
    train, test = digits[order[:1400]], digits[order[1400:]]
    return Dataset("digits", (1, 8, 8), 10, train, test, fingerprint(train, test))


def load_mnist() -> Dataset:
    """MNIST, 60,000 images to train and 10,000 to test, from its four official files."""
    folder = data_root() / "MNIST" / "raw"
    if not all((folder / name).exists() for name in MNIST_FILES):
        from .download import download_mnist  # torchvision takes seconds to import

        download_mnist(data_root())
    arrays = [read_idx(folder / name, digest) for name, digest in MNIST_FILES.items()]
    train = Split(torch.from_numpy(arrays[0]).flatten(1), torch.from_numpy(arrays[1]).long())
    test = Split(torch.from_numpy(arrays[2]).flatten(1), torch.from_numpy(arrays[3]).long())
    return Dataset("mnist", (1, 28, 28), 10, train, test, fingerprint(train, test))


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """The array in a gzipped idx file of unsigned bytes, checked against its official sha256."""
    remedy = f"delete {path} to download it again, or copy the official file there"
    try:
        content = path.read_bytes()
        raw = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path} is truncated or not a gzip file", remedy) from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "make the file readable") from None
    dimensions = raw[3] if len(raw) > 3 else 0
    if len(raw) > 3 and (raw[:3] != b"\0\0\x08" or dimensions not in (1, 3)):
        raise UserError(f"{path} has a wrong magic number ({raw[:4].hex()})", remedy)
    header = 4 + 4 * dimensions
    if len(raw) < max(header, 4):
        raise UserError(f"{path} ends inside its header", remedy)
    shape = np.frombuffer(raw[4:header], ">u4").astype(int)
    if len(raw) != header + shape.prod():
        raise UserError(f"{path} holds {len(raw) - header} values, not {shape.prod()}", remedy)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"{path} is not the official file (its sha256 differs)", remedy)
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape).copy()


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
