"""What ``bench.quality`` measures itself: methods of scikit-learn on MNIST, in one thread.

Each gets pixels in [0, 1] and gives classes of the test images; its time is the processor's, from
the arrays to the predictions. Defaults of scikit-learn, except where a comment says why not.
"""

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.semi_supervised import LabelSpreading

from replication.data.dataset import Dataset, choose_labelled
from replication.data.loaders import load
from replication.measures.clustering import agreement
from replication.settings.experiments import experiments
from replication.settings.strict import PositiveNumber, Strict

LABELS = 100
CERTAIN = 0.95  # a prediction of more becomes a pseudo-label
ROUNDS = 4

Images = np.ndarray
Method = Callable[[Images, np.ndarray, Images, int], np.ndarray]


class Baseline(Strict):
    """A method without a record, over label draws: its test errors in %, and its mean time."""

    task: str
    method: str
    core_minutes: PositiveNumber
    errors: list[float]


def label_spreading(images: Images, labels: np.ndarray, test: Images, seed: int) -> np.ndarray:
    """Zhou et al. (2004) over seven neighbours: the radial kernel would need 29 GB."""
    model = LabelSpreading(kernel="knn", n_neighbors=7).fit(images, labels)
    return model.predict(test)


def pseudo_labels(images: Images, labels: np.ndarray, test: Images, seed: int) -> np.ndarray:
    """Lee (2013), in rounds: a network of 300 units learns its own certain predictions."""
    known, targets = labels >= 0, labels.copy()
    for _ in range(ROUNDS + 1):
        # 2,000 passes over 100 images, 4 over 50,000: about as many updates.
        passes = max(4, min(2000, 200_000 // int(known.sum())))
        model = MLPClassifier((300,), max_iter=passes, random_state=seed, tol=0.0)
        model.n_iter_no_change = passes
        with warnings.catch_warnings():  # it is stopped by the passes, as meant
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(images[known], targets[known])
        probabilities = model.predict_proba(images)
        certain = (probabilities.max(1) > CERTAIN) & (labels < 0)
        known = (labels >= 0) | certain
        targets[certain] = probabilities[certain].argmax(1)
    return model.predict(test)


METHODS: dict[str, Method] = {
    "label spreading, 7 neighbours": label_spreading,
    "pseudo-labels, 300 units": pseudo_labels,
}


def measured(seeds: int) -> list[Baseline]:
    """Every method over so many label draws, and k-means over as many starts."""
    data = load(experiments().settings_of("quick", "table2_semi_supervised", "mnist_100"))
    found = []
    for name, method in METHODS.items():
        runs = [told(name, with_labels(method, data, seed)) for seed in range(seeds)]
        found.append(baseline("labels_100", name, runs))
    held_out = load(experiments().settings_of("quick", "table3_clustering", "clusters_16"))
    name = "k-means, best of 10 starts"
    runs = [told(name, k_means(held_out, 16, seed)) for seed in range(seeds)]
    return [*found, baseline("clusters_16", name, runs)]


def told(name: str, run: tuple[float, float]) -> tuple[float, float]:
    """``run``, with a line on standard error: the whole takes minutes."""
    print(f"{name}: {run[1]:.2f} % after {run[0]:.1f} core-minutes", file=sys.stderr, flush=True)
    return run


def baseline(task: str, name: str, runs: list[tuple[float, float]]) -> Baseline:
    """Of runs (minutes, error in %)."""
    minutes = float(np.mean([own for own, _ in runs]))
    return Baseline(task=task, method=name, core_minutes=minutes, errors=[e for _, e in runs])


def with_labels(method: Method, data: Dataset, seed: int) -> tuple[float, float]:
    """Core-minutes and the test error in %, with this seed's labels and no others."""
    images, test = (s.images.numpy().astype(np.float32) / 255 for s in (data.train, data.test))
    labels = np.full(len(images), -1)
    chosen = choose_labelled(data.train.labels, LABELS, seed).numpy()
    labels[chosen] = data.train.labels.numpy()[chosen]
    start = time.process_time()
    predicted = method(images, labels, test, seed)
    minutes = (time.process_time() - start) / 60
    return minutes, float(100 * (predicted != data.test.labels.numpy()).mean())


def k_means(data: Dataset, clusters: int, seed: int) -> tuple[float, float]:
    """Clusters named by the most central held-out image."""
    start = time.process_time()
    model = KMeans(clusters, n_init=10, random_state=seed).fit(data.train.images.numpy() / 255)
    minutes = (time.process_time() - start) / 60
    seen = []
    for split in (data.test, data.validation):
        seen += [-model.transform(split.images.numpy() / 255), split.labels.numpy()]
    return minutes, agreement(*seen)["test_error_percent"]
