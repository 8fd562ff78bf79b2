"""How well a linear classifier of codes withstands images that were changed to mislead it.

What is attacked is the whole: the encoder, then logistic regression on its codes. An attacker who
knows both moves each pixel by at most ``RADIUS`` of its range, by one step along the sign of the
gradient (FGSM, Goodfellow et al., 2015, arXiv:1412.6572) or by many small ones that are projected
back (PGD, Madry et al., 2018, arXiv:1706.06083). Beside it the same classifier on pixels.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from replication.data.dataset import Dataset, scaled
from replication.models.stack import Stack
from replication.training.losses import Model

from .evaluate import over_chunks
from .probes import PROBED, style_of

RADIUS = 0.1  # of pixels in [0, 1]
STEPS, STEP = 20, 0.0125  # 2.5 times the radius in all, as Madry et al. have it
ATTACKED = 1000  # test images: the gradients of 20 steps of each

# The logits [B, classes] of images [B, pixels] in [0, 1].
Classifier = Callable[[Tensor], Tensor]


def misled(
    classifier: Classifier, images: Tensor, labels: Tensor, steps: int, step: float
) -> Tensor:
    """``images`` [B, pixels] in [0, 1], moved by at most RADIUS to raise the cross-entropy."""
    found = images
    for _ in range(steps):
        moved = found.detach().requires_grad_()
        loss = cross_entropy(classifier(moved), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moved)
        nearby = (moved.detach() + step * gradient.sign() - images).clamp(-RADIUS, RADIUS)
        found = (images + nearby).clamp(0, 1)
    return found


def accuracies(classifier: Classifier, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Per cent of ``labels`` [B] found: in the images, and in what FGSM and PGD make of them."""
    seen = {
        "clean": images,
        "fgsm": misled(classifier, images, labels, 1, RADIUS),
        "pgd": misled(classifier, images, labels, STEPS, STEP),
    }
    with torch.no_grad():
        right = {k: classifier(own).argmax(-1) == labels for k, own in seen.items()}
    return {f"{k}_accuracy_percent": 100 * own.double().mean().item() for k, own in right.items()}


def linear_head(codes: np.ndarray, labels: np.ndarray, classes: int) -> tuple[Tensor, Tensor]:
    """Weights [classes, n] and bias [classes] of logistic regression on codes [N, n].

    A class that no code has is never named: its bias is -inf.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    # Without a centre and a scale the fit takes long; both go into the weights.
    scaler = StandardScaler().fit(codes)
    fitted = LogisticRegression(max_iter=1000).fit(scaler.transform(codes), labels)
    own = fitted.coef_ / scaler.scale_
    offset = fitted.intercept_ - own @ scaler.mean_
    if len(own) == 1:  # of two classes: the log-odds, which are the difference of two logits
        own, offset = np.concatenate([-own, own]) / 2, np.concatenate([-offset, offset]) / 2
    weights, bias = np.zeros((classes, codes.shape[1])), np.full(classes, -np.inf)
    weights[fitted.classes_], bias[fitted.classes_] = own, offset
    return torch.from_numpy(weights).float(), torch.from_numpy(bias).float()


def code_attacks(stack: Stack, dataset: Dataset, healthy: list[bool]) -> dict[str, Tensor]:
    """``<clean|fgsm|pgd>_accuracy_percent`` of classifiers of codes, [S]; NaN: not ``healthy``."""
    train, test = dataset.train[:PROBED], dataset.test[:ATTACKED]
    codes = over_chunks(stack, style_of(dataset), train.images).cpu().numpy()
    metrics: dict[str, Tensor] = {}
    known = (train.labels.cpu().numpy(), dataset.classes)
    with stack.evaluating():
        for i in (i for i in range(stack.size) if healthy[i]):
            head = [part.to(stack.device) for part in linear_head(codes[i], *known)]
            own = classifier_of(stack.model(i), dataset, *head)
            for name, value in accuracies(own, scaled(test.images), test.labels).items():
                metrics.setdefault(name, torch.full([stack.size], float("nan")))[i] = value
    return metrics


def classifier_of(model: Model, dataset: Dataset, weights: Tensor, bias: Tensor) -> Classifier:
    """The linear classifier of one model's codes, from pixels in [0, 1]."""

    def logits(images: Tensor) -> Tensor:
        codes = model.encoder(dataset.scaling.of_pixels(images))["style"]
        return codes.float() @ weights.T + bias

    return logits


def pixel_attacks(dataset: Dataset) -> dict[str, float]:
    """The same of logistic regression on pixels."""
    train, test = dataset.train[:PROBED], dataset.test[:ATTACKED]
    seen = scaled(train.images).cpu().numpy()
    known = (train.labels.cpu().numpy(), dataset.classes)
    head = [part.to(test.images.device) for part in linear_head(seen, *known)]

    def logits(images: Tensor) -> Tensor:
        return images @ head[0].T + head[1]

    return accuracies(logits, scaled(test.images), test.labels)
