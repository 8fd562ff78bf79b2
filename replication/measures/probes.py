"""Classifiers trained apart: what a decoded image, or a style code, tells of the label (section 4).

Where the decoder is given the label, the label should decide what is drawn and the style how:

- a *reader*, trained on real images alone, names the digit in images decoded with a label asked
  for. A decoder that ignores its label is read at chance;
- a *linear probe* names the label from the style code. A style without it is read at chance.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from replication.base.streams import generator
from replication.data.dataset import Dataset, Scaling, Split, mean_image
from replication.models.networks import Encoder, initialise
from replication.models.priors import one_hot
from replication.models.stack import Stack
from replication.training.losses import Model

from .components import fitted_components
from .evaluate import CHUNK, over_chunks

HIDDEN = [256, 256]
EPOCHS, BATCH, RATE = 20, 100, 0.001  # of Adam
PROBED = 10_000  # training images whose codes a linear probe is fitted on: more take minutes


class Reader:
    """Names the class in uint8 images; a perceptron that no autoencoder had a part in."""

    def __init__(self, classifier: Encoder, scaling: Scaling):
        self.classifier = classifier
        self.scaling = scaling

    def logits(self, images: Tensor) -> Tensor:
        """[..., classes] from uint8 images [..., pixels]."""
        return self.classifier(self.scaling.to_network(images))["label"]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The classes [...] of uint8 images [..., pixels]."""
        return self.logits(images).argmax(-1)

    def error_percent(self, split: Split) -> float:
        """How much of ``split`` it misreads."""
        chunks = zip(split.images.split(CHUNK), split.labels.split(CHUNK), strict=True)
        wrong = sum(int((self(images) != labels).sum()) for images, labels in chunks)
        return 100 * wrong / len(split)


def train_reader(dataset: Dataset) -> Reader:
    """A reader of the data set's training images.

    Its draws are those of the stream "reader" of seed 0, whatever the run: all seeds are read by
    the same one.
    """
    stream, train = generator(0, "reader"), dataset.train
    classifier = Encoder(dataset.pixels, HIDDEN, {"label": dataset.classes})
    initialise(classifier, 0.05, stream)  # 0.01 would start slowly without the paper's rates
    reader = Reader(classifier.to(train.images.device), dataset.scaling)
    optimiser = torch.optim.Adam(classifier.parameters(), RATE)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(train), generator=stream).split(BATCH):
            batch = train[index.to(train.images.device)]
            optimiser.zero_grad()
            cross_entropy(reader.logits(batch.images), batch.labels).backward()
            optimiser.step()
    return reader


def with_label(model: Model, styles: Tensor, label: int, size: int, scaling: Scaling) -> Tensor:
    """uint8 images [B, pixels] decoded from ``styles`` [B, n] and one label, of ``size`` units."""
    asked = one_hot(torch.full([len(styles)], label, device=styles.device), size)
    return scaling.to_bytes(model.decoder(styles, asked))


def style_of(dataset: Dataset) -> Callable[[Model, Tensor], Tensor]:
    """The function of a model and uint8 images that gives their style codes."""
    return lambda model, images: model.encoder(dataset.scaling.to_network(images))["style"]


def asked_label_read(
    stack: Stack,
    dataset: Dataset,
    reader: Reader,
    size: int,
    inputs: Tensor,
    style: Callable[[Model, Tensor], Tensor],
) -> Tensor:
    """How often the reader reads the label that was asked for, in percent, [S].

    Every style, ``style(model, inputs [N, ...])``, is decoded with every class as its label.
    """

    def read(model: Model, chunk: Tensor) -> Tensor:
        styles = style(model, chunk)
        images = (
            with_label(model, styles, k, size, dataset.scaling) for k in range(dataset.classes)
        )
        return torch.stack([reader(i) for i in images], -1)

    classes = over_chunks(stack, read, inputs)
    asked = torch.arange(dataset.classes, device=classes.device)
    return 100 * (classes == asked).double().mean((1, 2))


def linear_probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The labels that logistic regression reads in ``test`` [M, n], fitted on [N, n] and [N]."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return cast(np.ndarray, probe.fit(train, labels).predict(test))


def style_probes(stack: Stack, dataset: Dataset, healthy: list[bool]) -> Tensor:
    """How often a linear probe reads the label in the style of test images, in percent, [S].

    NaN for a seed that is not ``healthy``.
    """
    train, test = dataset.train[:PROBED], dataset.test
    codes = [over_chunks(stack, style_of(dataset), split.images).cpu() for split in (train, test)]
    labels, expected = train.labels.cpu().numpy(), test.labels.cpu().numpy()
    shares = torch.full([stack.size], float("nan"))
    for i in range(stack.size):
        if healthy[i]:
            seen, held_out = (c[i].numpy() for c in codes)
            shares[i] = 100 * float((linear_probe(seen, labels, held_out) == expected).mean())
    return shares


def pixel_probe(dataset: Dataset, size: int) -> float:
    """As ``style_probes``, from as many principal components of the pixels: the comparison."""
    train, test = dataset.train[:PROBED], dataset.test
    components = fitted_components(train.images.cpu().numpy() / 255, size)
    seen, held_out = (components.transform(s.images.cpu().numpy() / 255) for s in (train, test))
    read = linear_probe(seen, train.labels.cpu().numpy(), held_out)
    return 100 * float((read == test.labels.cpu().numpy()).mean())


def largest_class(split: Split) -> float:
    """The share of the most frequent class, in percent: what a probe reads from nothing."""
    return 100 * float(split.labels.bincount().max() / len(split))


def class_mean_error(train: Split, test: Split) -> float:
    """The squared error per pixel of answering the mean training image of the image's class.

    What a decoder does that is given the label and ignores the style.
    """
    total = 0.0
    for label in test.labels.unique():
        mean = mean_image(train.images[train.labels == label]) / 255
        own = test.images[test.labels == label].double() / 255
        total += (own - mean).square().sum().item()
    return total / test.images.numel()
