"""How good and how varied drawn images are: Frechet distance and inception score.

Both read images through a classifier's eyes (Heusel et al., 2017, arXiv:1706.08500; Salimans et
al., 2016, arXiv:1606.03498). The classifier here is the suite's own, trained on the data set's
training images instead of on ImageNet: the numbers are comparable within one data set and this
suite, with no published FID.

Each number needs its bounds beside it: real training images have an FID of their own, because a
sample of finite size is no distribution, and no decoder should be expected below it; real test
images have an inception score that few decoders pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from replication.base.streams import generator
from replication.data.dataset import Dataset, Scaling
from replication.models.priors import Prior
from replication.training.run import Run

from .evaluate import CHUNK, of_each_seed
from .probes import Reader, train_reader

SHOWN = 64  # images that a figure can show


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)) of features [N, d] and [M, d].

    A and B are the sample covariances. The distance is squared, in the features' unit squared. A
    ValueError for fewer than two rows, other widths, or what is not finite.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"features of shapes {a.shape} and {b.shape} have no Frechet distance")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("features must be finite")
    first, second = _root(a), _root(b)
    # With A = R'R and B = Q'Q, tr (A B)^(1/2) is the sum of the singular values of R Q': unlike the
    # root of A B itself, it is real and exact where covariances are singular.
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    means = np.square(a.mean(0) - b.mean(0)).sum()
    distance = means + np.square(first).sum() + np.square(second).sum() - 2 * shared
    return float(max(distance, 0.0))


def _root(features: np.ndarray) -> np.ndarray:
    """R, [min(N, d), d], with R'R the sample covariance of ``features`` [N, d]."""
    centred = features - features.mean(0)
    return cast(np.ndarray, np.linalg.qr(centred / np.sqrt(len(centred) - 1), mode="r"))


def inception_score(probabilities: np.ndarray) -> float:
    """exp of the mean KL divergence of p(y|x) [N, K] from its mean over images: 1 to K.

    A ValueError where a row is no distribution.
    """
    from scipy.special import xlogy

    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or not len(p) or (p < 0).any() or not np.allclose(p.sum(1), 1, atol=1e-4):
        raise ValueError("each row must be a distribution over the classes")
    mean = p.mean(0)
    return float(np.exp((xlogy(p, p).sum(1) - xlogy(p, np.where(mean > 0, mean, 1)).sum(1)).mean()))


@dataclass(frozen=True)
class Seen:
    """Images as the classifier sees them: its last hidden layer [N, d], its softmax [N, K]."""

    features: np.ndarray
    probabilities: np.ndarray


class Features:
    """The classifier through which images are compared, and how well it reads test images."""

    def __init__(self, reader: Reader, dataset: Dataset):
        self.reader = reader
        self.error_percent = reader.error_percent(dataset.test)

    @classmethod
    def trained(cls, dataset: Dataset) -> "Features":
        """Trained on the training images; the seeds of a process share it. 20 s on MNIST."""
        key = (dataset.sha256, len(dataset.train), dataset.train.images.device)
        if key not in TRAINED:
            TRAINED[key] = cls(train_reader(dataset), dataset)
        return TRAINED[key]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Seen:
        """What is seen in uint8 images [N, pixels]."""
        classifier, parts = self.reader.classifier, []
        for chunk in images.split(CHUNK):
            features = classifier.trunk(self.reader.scaling.to_network(chunk))
            parts.append((features, classifier.heads["label"](features).double().softmax(-1)))
        features, probabilities = (torch.cat(own).cpu().numpy() for own in zip(*parts, strict=True))
        return Seen(features, probabilities)


# By data set, number of training images, and device.
TRAINED: dict[tuple[str, int, torch.device], Features] = {}


@torch.no_grad()
def drawn_images(
    decode: Callable[[Tensor], Tensor],
    prior: Prior,
    scaling: Scaling,
    count: int,
    stream: torch.Generator,
) -> Tensor:
    """uint8 images [count, pixels] that ``decode`` makes of samples of ``prior`` [n, size]."""
    codes = prior.sample(count, stream)
    return torch.cat([scaling.to_bytes(decode(chunk)) for chunk in codes.split(CHUNK)])


def generation_metrics(images: Tensor, dataset: Dataset, features: Features) -> dict[str, float]:
    """FID to the test images, and inception score, of drawn uint8 images [N, pixels].

    ``fid_sampling_noise`` is the FID of the first N training images (or all, if there are fewer),
    ``inception_score_ceiling`` the score of the test images. Draw as many images as there are to
    test: both measures depend on the number. ``reader_error_percent`` is the classifier's.
    """
    drawn, test = features(images), features(dataset.test.images)
    train = features(dataset.train.images[: len(images)])
    return {
        "fid": frechet_distance(drawn.features, test.features),
        "fid_sampling_noise": frechet_distance(train.features, test.features),
        "inception_score": inception_score(drawn.probabilities),
        "inception_score_ceiling": inception_score(test.probabilities),
        "reader_error_percent": features.error_percent,
    }


def prior_images(run: Run, index: int, count: int, prior: Prior) -> Tensor:
    """uint8 images [count, pixels] that the ``index``-th model decodes of ``prior``, no label."""
    model, stream = run.stack.model(index), generator(run.seeds[index].seed, "drawn", run.device)
    with run.stack.evaluating():
        return drawn_images(model.decoder, prior, run.dataset.scaling, count, stream)


def measure_generation(
    run: Run, diverged: Sequence[bool], priors: Sequence[Prior]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The numbers of as many drawn images as there are to test, [S]; some of the images.

    Each seed draws its codes from a prior of its own. ``samples`` is uint8 [S, SHOWN, pixels].
    """
    features, count = Features.trained(run.dataset), len(run.dataset.test)
    drawn = [prior_images(run, index, count, prior) for index, prior in enumerate(priors)]
    metrics = of_each_seed(
        lambda index: generation_metrics(drawn[index], run.dataset, features), diverged
    )
    return metrics, {"samples": torch.stack([images[:SHOWN] for images in drawn])}
