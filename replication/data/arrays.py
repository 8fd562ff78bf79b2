"""Arrays out of files: checked, and made a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from replication.base.errors import UserError

from .dataset import Dataset, Split, fingerprint


@dataclass(frozen=True)
class Stored:
    """An array, the file that holds it, its name there, and what to do if it is wrong."""

    path: Path
    name: str
    array: np.ndarray
    remedy: str

    def wrong(self, fault: str) -> UserError:
        return UserError(f"{self.path}: {self.name} {fault}", self.remedy)

    def demand(self, holds: Literal["uint8", "integers"], shape: Sequence[int | str]) -> None:
        """A UserError unless the array has the type and the shape, and is not empty.

        A letter in ``shape`` stands for any size.
        """
        array = self.array
        if array.dtype != np.uint8 if holds == "uint8" else array.dtype.kind not in "iu":
            raise self.wrong(f"holds {array.dtype}, not {holds}")
        sizes = zip(shape, array.shape, strict=False)
        same = all(isinstance(wanted, str) or wanted == size for wanted, size in sizes)
        if array.ndim != len(shape) or not array.size or not same:
            raise self.wrong(f"is {times(array.shape)}, not {times(shape)}")


def times(shape: Sequence[int | str]) -> str:
    return " x ".join(map(str, shape)) or "a single value"


def dataset_of(
    name: str, train: tuple[Stored, Stored], test: tuple[Stored, Stored], subset: bool = False
) -> Dataset:
    """A data set of images and labels to train on, and of those to test on.

    Images are N x H x W, or N x H x W x C with one or three channels, unsigned bytes; labels are N
    integers that number the classes from 0. A UserError names the array in which that is not so.
    """
    shape, classes = shape_of(train[0]), classes_of(train[1])
    if shape_of(test[0]) != shape:
        sizes = f"{times(shape_of(test[0]))} (channels x H x W)"
        raise test[0].wrong(f"holds images of {sizes}, those to train on are {times(shape)}")
    if classes_of(test[1], every=False) > classes:
        label, last = int(test[1].array.max()), classes - 1
        raise test[1].wrong(f"holds the label {label}, those to train on end at {last}")
    splits = split_of(*train), split_of(*test)
    return Dataset(name, shape, classes, *splits, fingerprint(*splits), subset)


def shape_of(images: Stored) -> tuple[int, int, int]:
    """(channels, height, width) of the images, after checking their array."""
    if images.array.ndim != 4:
        images.demand("uint8", ("N", "H", "W"))
        return 1, *images.array.shape[1:]
    images.demand("uint8", ("N", "H", "W", "C"))
    _, height, width, channels = images.array.shape
    if channels not in (1, 3):
        raise images.wrong(f"holds images of {channels} channels, not 1 or 3")
    return channels, height, width


def classes_of(labels: Stored, every: bool = True) -> int:
    """How many classes there are, after checking the labels; ``every`` one has to occur."""
    labels.demand("integers", ("N",))
    found = np.unique(labels.array)
    low, high = int(found[0]), int(found[-1])
    if low < 0:
        raise labels.wrong(f"holds the label {low}; labels number the classes from 0")
    if every and high >= len(found):
        missing = next(k for k, label in enumerate(found) if label != k)
        fault = f"holds the label {high}, but no label {missing}"
        raise labels.wrong(f"{fault}; labels number the classes from 0")
    return high + 1


def split_of(images: Stored, labels: Stored) -> Split:
    """uint8 [N, pixels], channel first, and int64 [N], out of arrays that have been checked."""
    if len(images.array) != len(labels.array):
        raise labels.wrong(f"holds {len(labels.array)} labels for {len(images.array)} images")
    array = images.array.transpose(0, 3, 1, 2) if images.array.ndim == 4 else images.array
    pixels = np.ascontiguousarray(array).reshape(len(array), -1)
    return Split(torch.from_numpy(pixels), torch.from_numpy(labels.array.astype(np.int64)))
