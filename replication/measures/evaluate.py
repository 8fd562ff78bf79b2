"""What is measured on held-out images. Each function serves S stacked models at once."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replication.base.streams import Streams, generator
from replication.data.dataset import Dataset, Split, mean_image, scaled
from replication.models.priors import Prior, one_hot
from replication.models.stack import Stack
from replication.settings.schema import Seed
from replication.training.losses import Model, reconstructed

# Bounds the memory of a pass: 2,000 images of MNIST, two layers of 3000 units, 10 seeds: 1 GB.
CHUNK = 2000


@torch.no_grad()
def over_chunks(stack: Stack, function: Callable, *tensors: Tensor) -> Any:
    """``function(model, *chunks [C, ...])`` -> [C, ...] over all rows, joined: [S, N, ...].

    ``tensors`` are [N, ...] each, such as images; models are in evaluation mode meanwhile.
    """
    chunks = zip(*(t.split(CHUNK) for t in tensors), strict=True)
    with stack.evaluating():
        outputs = [stack.each(function, shared=chunk) for chunk in chunks]
    if isinstance(outputs[0], dict):
        return {name: torch.cat([o[name] for o in outputs], 1) for name in outputs[0]}
    return torch.cat(outputs, 1)


def of_each_seed(
    measure: Callable[[int], Mapping[str, float]], diverged: Sequence[bool], workers: int = 1
) -> dict[str, Tensor]:
    """The numbers that ``measure(index)`` gives for each seed, [S] by name.

    A seed that ``diverged`` is not measured: NaN. With several ``workers``, threads, ``measure``
    has to change nothing that it shares.
    """

    def row(index: int) -> Mapping[str, float]:
        return {} if diverged[index] else measure(index)

    indices = range(len(diverged))
    if workers == 1:  # a thread of its own would not know of torch.no_grad
        rows = [row(index) for index in indices]
    else:
        with ThreadPoolExecutor(workers) as pool:
            rows = list(pool.map(row, indices))
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: torch.tensor([row.get(name, math.nan) for row in rows]) for name in names}


def cpu_workers(device: torch.device) -> int:
    """For what only a CPU measures: beside a GPU, which waits, all cores; else the run's one."""
    return 1 if device.type == "cpu" else os.cpu_count() or 1


@torch.no_grad()
def sampled_codes(stack: Stack, dataset: Dataset, epsilon_size: int, streams: Streams) -> Tensor:
    """A draw from q(z|x) for each held-out image: the aggregated posterior q(z), [S, N, n]."""
    test, to_network = dataset.test, dataset.scaling.to_network
    epsilon = streams.normal("evaluation", len(test), epsilon_size)
    chunks = []
    with stack.evaluating():
        for images, noise in zip(test.images.split(CHUNK), epsilon.split(CHUNK, 1), strict=True):
            own = partial(_style, images=to_network(images))
            chunks.append(stack.each(own, noise))
    return torch.cat(chunks, 1)


def _style(model: Model, epsilon: Tensor, images: Tensor) -> Tensor:
    return model.encoder(images, epsilon)["style"]


def prior_distances(codes: Tensor, prior: Prior, seeds: Sequence[Seed]) -> dict[str, Tensor]:
    """How far the codes [S, N, n] lie from a prior sample of their number, [S].

    ``prior_distance`` is the sliced Wasserstein distance to the sample, in the code's unit;
    ``prior_sampling_noise`` that of a second prior sample to the first, which chance alone makes.
    """
    distances, noises = [], []
    for own, seed in zip(codes.cpu(), seeds, strict=True):
        stream = generator(seed.seed, "prior of the distance")
        sample, other = (prior.sample(len(own), stream).numpy() for _ in range(2))
        distances.append(sliced_wasserstein(own.numpy(), sample))
        noises.append(sliced_wasserstein(other, sample))
    return {
        "prior_distance": torch.tensor(distances),
        "prior_sampling_noise": torch.tensor(noises),
    }


def metrics_on_test(stack: Stack, dataset: Dataset, given_size: int = 0) -> dict[str, Tensor]:
    """The metrics of held-out images, [S] each, as far as the models have the parts.

    ``given_size``: of the one-hot label that the decoder is given (Figure 6).

    ``test_error_percent``: misclassified by the arg max of q(y|x).
    ``test_reconstruction_per_pixel``: mean squared error of a pixel in [0, 1].
    """
    test, scaling = dataset.test, dataset.scaling

    def measure(model: Model, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        codes = model.encoder(scaling.to_network(images))
        measured = {}
        if "label" in codes:
            measured["label"] = codes["label"].argmax(-1)
        if stack.parameters("decoder"):
            output = reconstructed(model, codes, one_hot(labels, given_size))
            misfit = scaling.to_pixels(output) - scaled(images)
            measured["square"] = misfit.square().mean(-1)
        return measured

    measured = over_chunks(stack, measure, test.images, test.labels)
    metrics = {}
    if "label" in measured:
        wrong = (measured["label"] != test.labels).double().mean(1)
        metrics["test_error_percent"] = 100 * wrong
    if "square" in measured:
        metrics["test_reconstruction_per_pixel"] = measured["square"].double().mean(1)
    return metrics


def validation_error(stack: Stack, dataset: Dataset) -> Tensor:
    """Per cent of the images held out of training that the arg max of q(y|x) misclassifies, [S]."""
    images, labels = dataset.validation.images, dataset.validation.labels

    def inferred(model: Model, own: Tensor) -> Tensor:
        return model.encoder(dataset.scaling.to_network(own))["label"].argmax(-1)

    return 100 * (over_chunks(stack, inferred, images) != labels).double().mean(1)


def mean_image_error(train: Split, test: Split) -> float:
    """The squared error per pixel of answering the mean training image: reconstruction's floor."""
    mean = mean_image(train.images) / 255
    return (test.images.double() / 255 - mean).square().mean().item()


def mean_image_per_pixel(dataset: Dataset, seeds: int) -> dict[str, Tensor]:
    """``mean_image_per_pixel``: the baseline of every reconstruction's error, [S] equal numbers."""
    error = mean_image_error(dataset.train, dataset.test)
    return {"mean_image_per_pixel": torch.full([seeds], error, dtype=torch.float64)}


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: int = 200, seed: int = 0) -> float:
    """The mean first Wasserstein distance of two samples [N, d] over random projections.

    Both samples have the same size, so that a projection's distance is the mean difference of
    its sorted values. ``seed`` draws the directions. Unit: that of the codes.
    """
    if a.shape != b.shape:
        raise ValueError(f"samples of shapes {a.shape} and {b.shape} differ")
    axes = np.random.default_rng(seed).standard_normal((a.shape[1], directions))
    axes /= np.linalg.norm(axes, axis=0)
    return float(np.abs(np.sort(a @ axes, 0) - np.sort(b @ axes, 0)).mean())
