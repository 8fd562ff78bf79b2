"""How well unsupervised clusters agree with the classes (section 6, Table 3).

Three ways to name a cluster after a class are in use, and they are not the same number:

- the paper's: the label of the point that is most confidently in the cluster. Ours is found by
  exact log-odds in float64: in float32 many probabilities are 1, and the order of the files would
  decide between their images;
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

from .cluster_bound import least_error_of_equal_clusters
from .evaluate import mean_image_per_pixel, metrics_on_test, over_chunks

UNNAMED = -1  # of a cluster without points: whatever lands there counts as an error


def train_clusters(run: Run) -> tuple[Fitted, dict[str, Tensor]]:
    """Train without labels; name the clusters afterwards.

    ``test_error_percent`` is that of the paper's naming: the clusters' arg max as a class would be
    meaningless.
    """
    stack, data = run.stack, run.dataset
    check_clusters(run)

    def evaluate() -> dict[str, Tensor]:
        return {**metrics_on_test(stack, data), **clustering_metrics(stack, data)}

    fitted = run.fit(evaluate)
    metrics = evaluate() | mean_image_per_pixel(data, len(run.seeds))
    return fitted, metrics | equal_clusters_bound(run)


def equal_clusters_bound(run: Run) -> dict[str, Tensor]:
    """The least test error of clusters as large as a uniform prior wants them, [S], in percent."""
    labels = run.dataset.test.labels
    shares = (labels.bincount() / len(labels)).cpu().numpy()
    bound = least_error_of_equal_clusters(shares, run.settings.label_dim)
    return {"least_error_of_equal_clusters_percent": torch.full([len(run.seeds)], bound).double()}


def check_clusters(run: Run) -> None:
    """A UserError unless every class can have a cluster, and a held-out image to be named by."""
    clusters, classes = run.settings.label_dim, run.dataset.classes
    if clusters < classes:
        raise UserError(f"{clusters} clusters cannot hold {classes} classes", "raise label_dim")
    run.needs("validation_images")


def cluster_logits(stack: Stack, dataset: Dataset, split: Split) -> np.ndarray:
    """The logits of q(y|x) of every image of ``split``, a part of ``dataset``, [S, N, K]."""

    def logits(model: Model, images: Tensor) -> Tensor:
        return model.encoder(dataset.scaling.to_network(images))["label"]

    return over_chunks(stack, logits, split.images).double().cpu().numpy()


def log_odds(logits: np.ndarray) -> np.ndarray:
    """log q(y_k|x) - log(1 - q(y_k|x)) in float64, [N, K]: exact where q is 1 to float32."""
    from scipy.special import logsumexp

    exact = logits.astype(np.float64)
    others = [logsumexp(np.delete(exact, k, 1), 1) for k in range(exact.shape[1])]
    return exact - np.stack(others, 1)


def most_confident_names(sureness: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The paper's naming, [K]: the label of the image that is most surely in each, [N, K]."""
    return labels[sureness.argmax(0)]


def ties(
    logits: np.ndarray, labels: np.ndarray, assigned: np.ndarray, test_labels: np.ndarray
) -> dict[str, float]:
    """How arbitrary the paper's naming is in float32.

    ``tied_images``: of the held-out images, whose ``logits`` [N, K] and ``labels`` are given, how
    many share the largest float32 probability of a cluster, in the mean over clusters.
    ``test_error_over_ties_percent``: the test error expected if each cluster, of the test images
    ``assigned`` to it, is named by one of them at random.
    """
    from scipy.special import softmax

    probabilities = softmax(logits.astype(np.float32), 1)
    tied = probabilities == probabilities.max(0)
    counts = contingency(assigned, test_labels, logits.shape[1])
    right = 0.0
    for own, chosen in zip(counts, tied.T, strict=True):
        names = labels[chosen]
        # A name that no test image has is right for none of them.
        right += own[names[names < len(own)]].sum() / max(len(names), 1)  # 0: diverged
    return {
        "tied_images": float(tied.sum(0).mean()),
        "test_error_over_ties_percent": 100 * float(1 - right / len(test_labels)),
    }


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
    """All measures of one model from how surely its images are in each cluster, [N, K] each.

    ``test`` and ``validation`` are log-odds of q(y|x), or another measure that rises with it.
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
    log K where all clusters are equally frequent, as under the prior. ``label_prior_distance`` is
    the share of images that would have to change cluster for that (total variation). No labels are
    used.
    """
    from scipy.special import entr

    shares = probabilities.mean(0)
    return {
        "label_entropy": float(entr(probabilities).sum(1).mean()),
        "mean_label_entropy": float(entr(shares).sum()),
        "label_prior_distance_percent": 50 * float(np.abs(shares - 1 / len(shares)).sum()),
    }


def clustering_metrics(stack: Stack, dataset: Dataset) -> Mapping[str, Tensor]:
    """``agreement``, ``ties`` and ``entropies`` of each stacked model, [S] each."""
    test, validation = (
        (cluster_logits(stack, dataset, split), split.labels.cpu().numpy())
        for split in (dataset.test, dataset.validation)
    )
    rows = [
        of_logits(own, test[1], held_out, validation[1])
        for own, held_out in zip(test[0], validation[0], strict=True)
    ]
    return {name: torch.tensor([row[name] for row in rows], dtype=torch.double) for name in rows[0]}


def of_logits(
    test: np.ndarray, test_labels: np.ndarray, validation: np.ndarray, validation_labels: np.ndarray
) -> dict[str, float]:
    """The measures of one model from its logits of test and validation images, [N, K] each."""
    from scipy.special import softmax

    found = agreement(log_odds(test), test_labels, log_odds(validation), validation_labels)
    found |= ties(validation, validation_labels, test.argmax(1), test_labels)
    return found | entropies(softmax(test, 1))
