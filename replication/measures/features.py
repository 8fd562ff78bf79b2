"""Codes of an autoencoder trained without labels, as the input of classifiers with few of them.

Logistic regression and nearest neighbours read the class in the codes; the same two read it in as
many principal components, and in the pixels.
"""

import numpy as np
from torch import Tensor

from replication.base.errors import UserError
from replication.data.dataset import Dataset, choose_labelled
from replication.training.run import Run

from .components import fitted_components
from .evaluate import cpu_workers, of_each_seed, over_chunks
from .probes import largest_class, linear_probe, style_of

NEIGHBOURS = 5

Space = tuple[np.ndarray, np.ndarray]  # of training and of test images, [N, d] and [M, d]


def check_sizes(sizes: list[int], dataset: Dataset) -> None:
    """A UserError where a number of labels is larger than the data set."""
    if max(sizes) > len(dataset.train):
        problem = f"application.label_counts: {max(sizes)} labels, {dataset.name} has"
        raise UserError(f"{problem} {len(dataset.train)} images to train on", "ask for fewer")


def principal_components(dataset: Dataset, size: int) -> Space:
    """The first ``size`` of the training images; all, where there are fewer."""
    train, test = pixels(dataset)
    fitted = fitted_components(train, size)
    return fitted.transform(train), fitted.transform(test)


def pixels(dataset: Dataset) -> Space:
    """The images themselves, in [0, 1]."""
    train, test = (
        s.images.cpu().numpy().astype(np.float32) / 255 for s in (dataset.train, dataset.test)
    )
    return train, test


def nearest(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The class of most of the five nearest [N, d], or of fewer where a class has fewer, [M]."""
    from sklearn.neighbors import KNeighborsClassifier

    count = int(min(NEIGHBOURS, np.unique(labels, return_counts=True)[1].min()))
    found: np.ndarray = KNeighborsClassifier(count).fit(train, labels).predict(test)
    return found


def errors(
    spaces: dict[str, Space], labels: np.ndarray, expected: np.ndarray, chosen: np.ndarray
) -> dict[str, float]:
    """Test errors in percent of both classifiers in each space, with the ``chosen`` labels."""
    found = {}
    for space, (train, test) in spaces.items():
        known = (train[chosen], labels[chosen], test)
        read = {"nearest": nearest(*known), "logistic": linear_probe(*known)}
        for name, own in read.items():
            found[f"{name}_{space}"] = 100 * float((own != expected).mean())
    return found


def measure_features(run: Run, diverged: list[bool]) -> dict[str, Tensor]:
    """``error_percent_<classifier>_<space>_<labels>`` for each number of labels, [S].

    ``error_percent_largest_class`` is that of always answering the most frequent class.
    """
    application, data = run.settings.application, run.dataset
    assert application is not None
    codes = [over_chunks(run.stack, style_of(data), s.images) for s in (data.train, data.test)]
    rivals = {"pixels": pixels(data), "components": principal_components(data, codes[0].shape[-1])}
    labels, expected = (s.labels.cpu().numpy() for s in (data.train, data.test))
    shared: dict[str, float] = {}
    if max(application.label_counts) >= len(labels):  # all labels are the same for every seed
        shared = errors(rivals, labels, expected, np.arange(len(labels)))

    def measure(index: int) -> dict[str, float]:
        train, test = (own[index].cpu().numpy() for own in codes)
        found = {"error_percent_largest_class": 100 - largest_class(data.test)}
        for size in application.label_counts:
            every = size >= len(labels)
            spaces = {"codes": (train, test)} | ({} if every else rivals)
            seed = run.seeds[index].label_seed
            chosen = choose_labelled(data.train.labels, "all" if every else size, seed)
            own = errors(spaces, labels, expected, chosen.cpu().numpy()) | (shared if every else {})
            found |= {f"error_percent_{name}_{size}": error for name, error in own.items()}
        return found

    return of_each_seed(measure, diverged, cpu_workers(run.device))
