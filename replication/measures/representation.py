"""What the codes of an autoencoder are worth, whatever kind it is, and what it draws from them."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from replication.data.dataset import Dataset, Split
from replication.models.priors import FittedGaussian, Prior, style_prior
from replication.training.run import Run

from .codes import nearest_neighbour
from .evaluate import of_each_seed, over_chunks, prior_distances, sampled_codes
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
    labels, expected = data.train.labels, data.test.labels.cpu().numpy()
    probed = labels[:PROBED].cpu().numpy()
    spread = sampled_codes(run.stack, data, run.epsilon_size, run.streams)

    def measure(i: int) -> dict[str, float]:
        near = nearest_neighbour(train[i], labels, test[i]).cpu().numpy()
        linear = linear_probe(train[i, :PROBED].cpu().numpy(), probed, test[i].cpu().numpy())
        distances = prior_distances(spread[i : i + 1], priors[i], run.seeds[i : i + 1])
        return {
            "nearest_neighbour_percent": 100 * float((near == expected).mean()),
            "linear_probe_percent": 100 * float((linear == expected).mean()),
            **{name: float(value[0]) for name, value in distances.items()},
        }

    return of_each_seed(measure, diverged)


def component_error(dataset: Dataset, size: int) -> float:
    """The squared error per pixel of test images in ``size`` principal components: a floor.

    Of the training images; no linear code of that size does better on them.
    """
    from sklearn.decomposition import PCA

    train, test = (s.images.cpu().numpy() / np.float32(255) for s in (dataset.train, dataset.test))
    components = PCA(min(size, *train.shape), svd_solver="covariance_eigh").fit(train)
    restored = components.inverse_transform(components.transform(test))
    return float(np.square(restored - test, dtype=np.float64).mean())
