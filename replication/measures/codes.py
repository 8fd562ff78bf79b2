"""What codes tell of the label: accuracy of the nearest neighbour and of a linear classifier.

The classifiers are those of Pidhorskyi et al. (2020), fitted on codes of the images to train on and
tested on codes of test images.
"""

import numpy as np
import torch
from torch import Tensor

from replication.base.products import full_precision
from replication.base.streams import generator
from replication.data.dataset import Dataset
from replication.models.stack import Stack
from replication.training.losses import Model

from .components import fitted_components
from .evaluate import cpu_workers, of_each_seed, over_chunks

PENALTY, ITERATIONS = 0.02, 5000  # C and max_iter of the public code's LinearSVC
BLOCK = 500  # test codes at a time: distances to 60,000 take 120 MB


def codes(stack: Stack, dataset: Dataset, images: Tensor) -> dict[str, Tensor]:
    """``short``: the latent codes of uint8 ``images`` [N, pixels], [S, N, n].

    ``long``: the features before the encoder's last layer, [S, N, m].
    """

    def both(model: Model, chunk: Tensor) -> dict[str, Tensor]:
        inputs = dataset.scaling.to_network(chunk)
        return {
            "short": model.encoder(inputs)["style"],
            "long": model.get_submodule("encoder.trunk")(inputs).float(),
        }

    found: dict[str, Tensor] = over_chunks(stack, both, images)
    return found


@full_precision()
def nearest_neighbour(train: Tensor, labels: Tensor, test: Tensor) -> Tensor:
    """The label [M] of the Euclidean nearest of ``train`` [N, n] to each of ``test`` [M, n]."""
    lengths = train.square().sum(1)
    # Without the test codes' own length, which is the same for all neighbours.
    nearest = [torch.addmm(lengths, t, train.T, alpha=-2).argmin(1) for t in test.split(BLOCK)]
    return labels[torch.cat(nearest)]


def linear_classifier(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The labels [M] that a linear support vector machine names, fitted on [N, n] and [N]."""
    from sklearn.svm import LinearSVC  # 1 s to import

    machine = LinearSVC(C=PENALTY, max_iter=ITERATIONS, random_state=0)
    return np.asarray(machine.fit(train, labels).predict(test))


def accuracies(
    train: Tensor, labels: Tensor, test: Tensor, expected: Tensor, classified: int
) -> dict[str, float]:
    """Per cent of test codes [M, n] whose label [M] is found by either classifier.

    The nearest neighbour is sought among all of ``train`` [N, n]; the linear classifier is fitted
    on ``classified`` of them, drawn at random (0: on all).
    """
    chosen = torch.randperm(len(train), generator=generator(0, "classified"))
    chosen = chosen[: classified or len(train)].to(train.device)
    fitted, own = (part[chosen].cpu().numpy() for part in (train, labels))
    named = torch.from_numpy(linear_classifier(fitted, own, test.cpu().numpy()))
    found = {
        "nearest_neighbour": nearest_neighbour(train, labels, test),
        "linear": named.to(expected.device),
    }
    return {k: 100 * (v == expected).double().mean().item() for k, v in found.items()}


def pixel_accuracies(dataset: Dataset, size: int, classified: int) -> dict[str, float]:
    """The same of pixels: ``long`` of all, ``short`` of ``size`` principal components of them."""
    train, test = dataset.train, dataset.test
    pixels = [dataset.scaling.to_network(split.images) for split in (train, test)]
    components = fitted_components(pixels[0].cpu().numpy(), size)
    short = [torch.from_numpy(components.transform(p.cpu().numpy())).to(p) for p in pixels]
    return {
        f"{length}_{classifier}_percent": value
        for length, (seen, held_out) in (("short", short), ("long", pixels))
        for classifier, value in accuracies(
            seen, train.labels, held_out, test.labels, classified
        ).items()
    }


def code_accuracies(
    stack: Stack, dataset: Dataset, classified: int, healthy: list[bool]
) -> dict[str, Tensor]:
    """``<short|long>_<nearest_neighbour|linear>_percent``, [S] each; NaN where not ``healthy``."""
    train, test = dataset.train, dataset.test
    seen, held_out = (codes(stack, dataset, split.images) for split in (train, test))

    def measure(i: int) -> dict[str, float]:
        found = {}
        for length in seen:
            pair = (seen[length][i], train.labels, held_out[length][i], test.labels)
            for classifier, value in accuracies(*pair, classified).items():
                found[f"{length}_{classifier}_percent"] = value
        return found

    return of_each_seed(measure, [not own for own in healthy], cpu_workers(stack.device))
