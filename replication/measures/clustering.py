"""How well unsupervised clusters agree with the classes (section 6, Table 3).

Three ways to name a cluster after a class are in use, and they are not the same number:

- the paper's: the label of the point that is most confidently in the cluster;
- majority: the label that most of its points have, which can only be better on those points;
- Hungarian: each class gets one cluster of its own, which is harsh with more clusters than classes.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.data.dataset import Dataset, Split
from replication.models.stack import Stack
from replication.training.fit import Fitted
from replication.training.losses import Model
from replication.training.run import Run

from .evaluate import mean_image_error, metrics_on_test, over_chunks

UNNAMED = -1  # of a cluster without points: whatever lands there counts as an error


def train_clusters(run: Run) -> tuple[Fitted, dict[str, Tensor]]:
    """Train without labels; name the clusters afterwards.

    ``test_error_percent`` is that of the paper's naming: the clusters' arg max as a class would be
    meaningless.
    """
    stack, data = run.stack, run.dataset
    check_clusters(run.settings.label_dim, data.classes)

    def evaluate() -> dict[str, Tensor]:
        return {**metrics_on_test(stack, data), **clustering_metrics(stack, data)}

    fitted = run.fit(evaluate)
    metrics = evaluate()
    floor = mean_image_error(data.train, data.test)
    metrics["mean_image_per_pixel"] = torch.full([len(run.seeds)], floor)
    return fitted, metrics


def check_clusters(clusters: int, classes: int) -> None:
    """A UserError unless every class can have a cluster."""
    if clusters < classes:
        raise UserError(f"{clusters} clusters cannot hold {classes} classes", "raise label_dim")


def cluster_probabilities(stack: Stack, dataset: Dataset, split: Split) -> np.ndarray:
    """q(y|x) of every image of ``split``, a part of ``dataset``, [S, N, K]."""

    def probabilities(model: Model, images: Tensor) -> Tensor:
        return model.encoder(dataset.scaling.to_network(images))["label"].softmax(-1)

    return over_chunks(stack, probabilities, split.images).cpu().numpy()


def most_confident_names(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The paper's naming, [K]: the label of the point with the highest q(y_k|x), [N, K]."""
    return labels[probabilities.argmax(0)]


def majority_names(assigned: np.ndarray, labels: np.ndarray, clusters: int) -> np.ndarray:
    """The most frequent label of each cluster's points, [K]; UNNAMED for an empty one."""
    counts = contingency(assigned, labels, clusters)
    return np.where(counts.any(1), counts.argmax(1), UNNAMED)


def contingency(assigned: np.ndarray, labels: np.ndarray, clusters: int) -> np.ndarray:
    """How many points of each class lie in each cluster, [K, classes]."""
    counts = np.zeros((clusters, labels.max() + 1), dtype=int)
    np.add.at(counts, (assigned, labels), 1)
    return counts


def hungarian_accuracy(assigned: np.ndarray, labels: np.ndarray, clusters: int) -> float:
    """The share of points in the clusters that a one-to-one matching gives to their classes."""
    from scipy.optimize import linear_sum_assignment

    counts = contingency(assigned, labels, clusters)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / len(labels))


def agreement(
    test: np.ndarray, test_labels: np.ndarray, validation: np.ndarray, validation_labels: np.ndarray
) -> dict[str, float]:
    """All measures of one model from its q(y|x) of test and validation images, [N, K] each.

    ``test_error_percent`` names clusters by the paper's rule on *validation* images;
    ``error_named_on_test_percent`` on the test images themselves, as one source says the paper
    did; the majority errors likewise. ``clusters_used`` have at least one test image.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    clusters = test.shape[1]
    assigned, held_out = test.argmax(1), validation.argmax(1)
    names = {
        "test_error_percent": most_confident_names(validation, validation_labels),
        "error_named_on_test_percent": most_confident_names(test, test_labels),
        "majority_error_percent": majority_names(held_out, validation_labels, clusters),
        "majority_named_on_test_percent": majority_names(assigned, test_labels, clusters),
    }
    measures = {k: 100 * float((n[assigned] != test_labels).mean()) for k, n in names.items()}
    accuracy = hungarian_accuracy(assigned, test_labels, clusters)
    return measures | {
        "hungarian_error_percent": 100 * (1 - accuracy),
        "normalised_mutual_information": float(normalized_mutual_info_score(test_labels, assigned)),
        "adjusted_rand_index": float(adjusted_rand_score(test_labels, assigned)),
        "clusters_used": float(len(np.unique(assigned))),
    }


def entropies(probabilities: np.ndarray) -> dict[str, float]:
    """In nats, of q(y|x) [N, K]: its mean entropy, and the entropy of its mean.

    ``label_entropy`` is 0 where every image has one cluster for sure; ``mean_label_entropy`` is
    log K where all clusters are equally frequent, as under the prior. No labels are used.
    """
    from scipy.special import entr

    return {
        "label_entropy": float(entr(probabilities).sum(1).mean()),
        "mean_label_entropy": float(entr(probabilities.mean(0)).sum()),
    }


def clustering_metrics(stack: Stack, dataset: Dataset) -> Mapping[str, Tensor]:
    """``agreement`` and ``entropies`` of each stacked model, [S] each."""
    test, validation = dataset.test, dataset.validation
    own = cluster_probabilities(stack, dataset, test)
    held_out = cluster_probabilities(stack, dataset, validation)
    labels, held_out_labels = test.labels.cpu().numpy(), validation.labels.cpu().numpy()
    rows = [
        agreement(p, labels, v, held_out_labels) | entropies(p)
        for p, v in zip(own, held_out, strict=True)
    ]
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}
