"""Semantic hashing: images found again by few bits of a code (Salakhutdinov and Hinton, 2009).

Each number of a code is a bit: above or below its median over the training images. A test image
asks for the training images whose bits differ least from its own; precision at 100 is the share of
its class among the 100 nearest. Of images at one distance any may come first: the expected share is
computed, not that of an order of the files. Beside it as many bits of principal components and of
random projections, and the Euclidean distance of pixels, which is no hash.
"""

import numpy as np
import torch
from torch import Tensor

from replication.data.dataset import Dataset
from replication.training.run import Run

from .evaluate import of_each_seed, over_chunks
from .features import Space, pixels, principal_components
from .probes import style_of

FOUND = 100
QUERIES = 500  # at once: bounds the memory to 500 distances of each training image


def bits(train: np.ndarray, test: np.ndarray) -> Space:
    """Codes [N, d] and [M, d] as +1 and -1: above or below the median of the training codes."""
    middle = np.median(train, axis=0)
    above, below = np.float32(1), np.float32(-1)
    return np.where(train > middle, above, below), np.where(test > middle, above, below)


def random_projections(space: Space, size: int, seed: int) -> Space:
    """``space`` times ``size`` random directions: bits that nobody learned."""
    directions = np.random.default_rng(seed).standard_normal((space[0].shape[1], size))
    train, test = (part @ directions.astype(np.float32) for part in space)
    return train, test


def precision_of_bits(hashed: Space, labels: np.ndarray, expected: np.ndarray, found: int) -> float:
    """The expected precision at ``found`` in percent, by the number of bits that differ."""
    known, asked = (torch.from_numpy(part) for part in hashed)
    classes, sought = torch.from_numpy(labels), torch.from_numpy(expected)
    size, total = known.shape[1], 0.0
    for queries, own in zip(asked.split(QUERIES), sought.split(QUERIES), strict=True):
        distance = ((size - queries @ known.T) / 2).round().long()
        hits = (classes == own[:, None]).double()
        counts = torch.zeros(len(queries), size + 1, dtype=torch.float64)
        right = torch.zeros_like(counts).scatter_add_(1, distance, hits)
        counts.scatter_add_(1, distance, torch.ones_like(hits))
        # How many of each distance belong to the first ``found``: all, a part of them, or none.
        before = counts.cumsum(1) - counts
        taken = torch.minimum(counts, (found - before).clamp(min=0))
        total += float((right * taken / counts.clamp(min=1)).sum())
    return 100 * total / (found * len(asked))


def precision_of_pixels(
    space: Space, labels: np.ndarray, expected: np.ndarray, found: int
) -> float:
    """The precision at ``found`` in percent, by Euclidean distance."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=found, algorithm="brute").fit(space[0])
    chosen = nearest.kneighbors(space[1], return_distance=False)
    return 100 * float((labels[chosen] == expected[:, None]).mean())


def measure_hashing(run: Run, diverged: list[bool]) -> dict[str, Tensor]:
    """``precision_percent_<space>`` at 100 of each seed, [S]; ``_chance``: of any 100 images."""
    data = run.dataset
    codes = [over_chunks(run.stack, style_of(data), s.images) for s in (data.train, data.test)]
    labels, expected = (s.labels.cpu().numpy() for s in (data.train, data.test))
    images, size, found = pixels(data), codes[0].shape[-1], min(FOUND, len(labels))
    components = precision_of_bits(bits(*principal_components(data, size)), labels, expected, found)
    whole = precision_of_pixels(images, labels, expected, found)

    def measure(index: int) -> dict[str, float]:
        train, test = (own[index].cpu().numpy() for own in codes)
        drawn = random_projections(images, size, run.seeds[index].seed)
        return {
            "precision_percent_codes": precision_of_bits(
                bits(train, test), labels, expected, found
            ),
            "precision_percent_components": components,
            "precision_percent_random": precision_of_bits(bits(*drawn), labels, expected, found),
            "precision_percent_pixels": whole,
            "precision_percent_chance": chance(data),
        }

    return of_each_seed(measure, diverged)


def chance(data: Dataset) -> float:
    """The share in percent of training images of a test image's class, in the mean."""
    shares = data.train.labels.bincount(minlength=data.classes) / len(data.train)
    return 100 * float(shares[data.test.labels].mean())
