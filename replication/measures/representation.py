"""What the codes of an autoencoder are worth, whatever kind it is, and what it draws from them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from replication.data.dataset import Dataset, Split
from replication.models.priors import FittedGaussian, Prior, style_prior
from replication.training.run import Run

from .codes import nearest_neighbour
from .components import fitted_components
from .evaluate import (
    metrics_on_test,
    of_each_seed,
    over_chunks,
    prior_distances,
    sampled_codes,
)
from .probes import PROBED, linear_probe, style_of


def codes_of(run: Run, split: Split) -> Tensor:
    """The style codes of uint8 images at the posterior's centre, [S, N, n]."""
    codes: Tensor = over_chunks(run.stack, style_of(run.dataset), split.images)
    return codes


def sampling_priors(run: Run, codes: Tensor, diverged: Sequence[bool]) -> list[Prior]:
    """What each seed's decoder is fed to draw images.

    The prior that the codes were trained towards; where there was none, the Gaussian with the mean
    and covariance of the training images' ``codes`` [S, N, n], if they are numbers.
    """
    prior = style_prior(run.settings)
    if run.settings.has_style_prior:
        return [prior] * len(codes)
    pairs = zip(codes.cpu(), diverged, strict=True)
    return [prior if bad else FittedGaussian(own) for own, bad in pairs]


def code_metrics(
    run: Run, train: Tensor, priors: Sequence[Prior], diverged: Sequence[bool]
) -> dict[str, Tensor]:
    """How well labels are read in the codes of test images, and how far those are from the prior.

    ``train`` are the codes of the training images, [S, N, n]. Accuracies in per cent, [S]:
    ``nearest_neighbour_percent`` and ``linear_probe_percent``; NaN where a seed ``diverged``.
    """
    data, test = run.dataset, codes_of(run, run.dataset.test)
    spread = sampled_codes(run.stack, data, run.epsilon_size, run.streams)

    def measure(i: int) -> dict[str, float]:
        read = labels_read(train[i], data.train.labels, test[i], data.test.labels)
        distances = prior_distances(spread[i : i + 1], priors[i], run.seeds[i : i + 1])
        return read | {name: float(value[0]) for name, value in distances.items()}

    return of_each_seed(measure, diverged)


def held_out_metrics(run: Run, diverged: Sequence[bool]) -> dict[str, Tensor]:
    """What settings may be chosen by: the same of the images held out of training, [S] each.

    ``held_out_reconstruction_per_pixel``, and the accuracies of ``code_metrics``; NaN where a seed
    ``diverged``.
    """
    data = run.dataset
    held_out = replace(data, test=data.validation)
    seen, codes = (codes_of(run, split) for split in (data.train, data.validation))

    def measure(i: int) -> dict[str, float]:
        return labels_read(seen[i], data.train.labels, codes[i], data.validation.labels)

    found = of_each_seed(measure, diverged)
    error = metrics_on_test(run.stack, held_out)["test_reconstruction_per_pixel"]
    found["reconstruction_per_pixel"] = error
    return {f"held_out_{name}": values for name, values in found.items()}


def labels_read(train: Tensor, labels: Tensor, codes: Tensor, expected: Tensor) -> dict[str, float]:
    """Per cent of ``codes`` [M, n] whose label [M] is found, by codes [N, n] with ``labels`` [N].

    By the nearest of them, and by a linear probe that is fitted on the first 10,000.
    """
    near = nearest_neighbour(train, labels, codes)
    seen, named = (part[:PROBED].cpu().numpy() for part in (train, labels))
    linear = linear_probe(seen, named, codes.cpu().numpy())
    return {
        "nearest_neighbour_percent": 100 * (near == expected).double().mean().item(),
        "linear_probe_percent": 100 * float((linear == expected.cpu().numpy()).mean()),
    }


def component_error(dataset: Dataset, size: int) -> float:
    """The squared error per pixel of test images in ``size`` principal components: a floor.

    Of the training images; no linear code of that size does better on them.
    """
    train, test = (s.images.cpu().numpy() / np.float32(255) for s in (dataset.train, dataset.test))
    components = fitted_components(train, size, solver="covariance_eigh")
    restored = components.inverse_transform(components.transform(test))
    return float(np.square(restored - test, dtype=np.float64).mean())
