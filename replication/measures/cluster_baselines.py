"""What clusters the same images without an adversary: the baselines of Table 3.

All are fitted to the training images and named as the clusters of a network are
(``clustering.agreement``): an image is the more surely in a cluster the nearer it lies to its
centre, or the higher the log-odds of the mixture's component.
"""

import numpy as np
from torch import Tensor

from replication.data.dataset import Dataset

from .clustering import agreement, log_odds
from .components import fitted_components

STARTS = 10  # of k-means, the best of which by inertia is taken
COMPONENTS = 50  # principal ones: 82 % of the variance of MNIST's pixels
# Added to the variances: without it a component shrinks onto a few like images.
LEAST_VARIANCE = 1e-3


def cluster_baselines(data: Dataset, clusters: int, seed: int) -> dict[str, float]:
    """The measures of ``agreement`` of each baseline, its name before them."""
    pixels = [_pixels(split.images) for split in (data.train, data.test, data.validation)]
    components = fitted_components(pixels[0], COMPONENTS, seed)
    reduced = [components.transform(images) for images in pixels]
    found = {
        "k_means_": k_means(pixels, clusters, seed),
        "k_means_of_components_": k_means(reduced, clusters, seed),
        "mixture_of_components_": mixture(reduced, clusters, seed),
    }
    labels = [split.labels.cpu().numpy() for split in (data.test, data.validation)]
    return {
        prefix + name: value
        for prefix, (test, validation) in found.items()
        for name, value in agreement(test, labels[0], validation, labels[1]).items()
    }


def _pixels(images: Tensor) -> np.ndarray:
    return images.cpu().numpy().astype(np.float32) / 255


def k_means(parts: list[np.ndarray], clusters: int, seed: int) -> list[np.ndarray]:
    """Minus the distances to the centres, [N, K], of all ``parts`` but the first, fitted to it."""
    from sklearn.cluster import KMeans

    fitted, *others = parts
    means = KMeans(clusters, n_init=STARTS, random_state=seed).fit(fitted)
    return [-means.transform(part) for part in others]


def mixture(parts: list[np.ndarray], clusters: int, seed: int) -> list[np.ndarray]:
    """The log-odds of the components of a mixture of Gaussians with full covariances, as above."""
    from scipy.stats import multivariate_normal
    from sklearn.mixture import GaussianMixture

    fitted, *others = parts
    model = GaussianMixture(
        clusters, reg_covar=LEAST_VARIANCE, max_iter=300, tol=0.01, random_state=seed
    ).fit(fitted)
    components = list(zip(model.weights_, model.means_, model.covariances_, strict=True))
    scored = []
    for part in others:
        joint = [multivariate_normal.logpdf(part, m, c) + np.log(w) for w, m, c in components]
        scored.append(log_odds(np.stack(joint, 1)))
    return scored
