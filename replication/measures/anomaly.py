"""An autoencoder as a detector of anomalies: a class that it never saw, among those that it did.

Every score is higher, the less an image looks like those trained on. No threshold is chosen: the
areas under the ROC and the precision-recall curve need none.
"""

from typing import cast

import numpy as np
import torch
from torch import Tensor

from replication.base.products import full_precision
from replication.data.dataset import Dataset, scaled
from replication.models.priors import DensePrior, style_prior
from replication.training.losses import Model
from replication.training.run import Run

from .components import fitted_components
from .evaluate import cpu_workers, of_each_seed, over_chunks

BLOCK = 250  # test images at once: their distances to 60,000 others take 60 MB


def anomaly_scores(run: Run) -> dict[str, Tensor]:
    """What the models say of each test image, [S, N].

    ``reconstruction``: squared error per pixel; ``prior``: -log p(z) in nats; ``discriminator``:
    minus its logit of "z is a sample of the prior".
    """
    scaling, prior = run.dataset.scaling, cast(DensePrior, style_prior(run.settings))

    def score(model: Model, images: Tensor) -> dict[str, Tensor]:
        codes = model.encoder(scaling.to_network(images))["style"]
        misfit = scaling.to_pixels(model.decoder(codes)) - scaled(images)
        return {
            "reconstruction": misfit.square().mean(-1),
            "prior": -prior.log_density(codes),
            "discriminator": -model.style_discriminator(codes),
        }

    scores: dict[str, Tensor] = over_chunks(run.stack, score, run.dataset.test.images)
    return scores


def rival_scores(dataset: Dataset, components: int, seed: int) -> dict[str, np.ndarray]:
    """What takes no autoencoder, for each test image [N].

    ``pca``: the squared error of that many principal components; ``forest``: IsolationForest.
    """
    from sklearn.ensemble import IsolationForest

    train, test = (s.images.cpu().numpy() / 255 for s in (dataset.train, dataset.test))
    pca = fitted_components(train, components, seed)
    misfit = pca.inverse_transform(pca.transform(test)) - test
    forest = IsolationForest(random_state=seed).fit(train)
    return {
        "pca": np.square(misfit).mean(1),
        "forest": -forest.score_samples(test),
    }


@full_precision()
def nearest_distances(train: Tensor, test: Tensor) -> np.ndarray:
    """The Euclidean distance [M] of each of ``test`` [M, d] to the nearest of ``train`` [N, d].

    As a score it is a rival in which nothing is learned.
    """
    blocks = [torch.cdist(part, train).amin(1) for part in test.split(BLOCK)]
    return torch.cat(blocks).cpu().numpy()


def areas(scores: np.ndarray, anomalous: np.ndarray) -> tuple[float, float]:
    """Areas under the ROC and the precision-recall curve (average precision), in percent."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    roc = roc_auc_score(anomalous, scores)
    return 100 * float(roc), 100 * float(average_precision_score(anomalous, scores))


def measure_anomaly(run: Run, diverged: list[bool]) -> dict[str, Tensor]:
    """``auroc_percent_...`` and ``auprc_percent_...`` of each score, [S].

    Chance is an AUROC of 50, and an AUPRC of the anomalies' share, ``auprc_percent_chance``.
    """
    dataset, settings = run.dataset, run.settings
    anomalous = dataset.test.labels.cpu().numpy() == settings.held_out_class
    nearest = nearest_distances(scaled(dataset.train.images), scaled(dataset.test.images))
    ours = {name: own.cpu().numpy() for name, own in anomaly_scores(run).items()}

    def measure(index: int) -> dict[str, float]:
        scores = {name: own[index] for name, own in ours.items()}
        scores |= rival_scores(dataset, settings.style_dim, run.seeds[index].seed)
        scores["nearest"] = nearest
        found = {"auprc_percent_chance": 100 * float(anomalous.mean())}
        for name, own in scores.items():
            found[f"auroc_percent_{name}"], found[f"auprc_percent_{name}"] = areas(own, anomalous)
        return found

    return of_each_seed(measure, diverged, cpu_workers(run.device))
