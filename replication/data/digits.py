"""The small digits that scikit-learn brings along."""

import gzip
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch

from replication.base.streams import generator

from .dataset import Dataset, Split, fingerprint


def load_digits() -> Dataset:
    """The 1,797 digits of 8x8 pixels inside scikit-learn: 1,400 to train, 397 to test."""
    pixels, labels = _stored()
    pixels = np.round(pixels * (255 / 16)).astype(np.uint8)  # stored as 0..16
    order = torch.randperm(len(pixels), generator=generator(0, "digits split"))
    digits = Split(torch.from_numpy(pixels), torch.from_numpy(labels))
    train, test = digits[order[:1400]], digits[order[1400:]]
    return Dataset("digits", (1, 8, 8), 10, train, test, fingerprint(train, test))


def _stored() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (images, 64) and labels (images,), from scikit-learn's file.

    Importing scikit-learn costs more than a second, which each of the smoke preset's trainings
    would pay. It is asked where the file is not in its place.
    """
    path = Path(
        str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz"))
    )
    if path.is_file():
        with gzip.open(path, "rt") as file:
            rows = np.loadtxt(file, delimiter=",")
        return rows[:, :-1], rows[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits as embedded

    bunch = embedded()
    return bunch.data, bunch.target.astype(np.int64)
