"""The small digits that scikit-learn brings along."""

import numpy as np
import torch

from replication.base.streams import generator

from .dataset import Dataset, Split, fingerprint


def load_digits() -> Dataset:
    """The 1,797 digits of 8x8 pixels inside scikit-learn: 1,400 to train, 397 to test."""
    from sklearn.datasets import load_digits as embedded  # 1 s to import

    bunch = embedded()
    pixels = np.round(bunch.data * (255 / 16)).astype(np.uint8)  # stored as 0..16
    order = torch.randperm(len(pixels), generator=generator(0, "digits split"))
    digits = Split(torch.from_numpy(pixels), torch.from_numpy(bunch.target.astype(np.int64)))
    train, test = digits[order[:1400]], digits[order[1400:]]
    return Dataset("digits", (1, 8, 8), 10, train, test, fingerprint(train, test))
