"""Parzen-window log-likelihoods of trained decoders, as Table 1 measures them."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from replication.base.streams import generator
from replication.data.dataset import scaled
from replication.models.priors import Prior
from replication.training.run import Run

from .parzen import decoder_samples, estimate

BLOCK = 5000  # samples decoded at a time


def likelihoods(
    run: Run, priors: Sequence[Prior], diverged: Sequence[bool]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The estimates for each number of samples that the settings ask for, as metrics [S].

    Beside them, as arrays, ``curve_<samples>``: the mean of the held-out images under each
    bandwidth, [S, K]. Codes are drawn from each seed's own prior. NaN for a seed that has diverged.
    """
    assert run.settings.parzen is not None
    with run.stack.evaluating():
        found = [
            ({}, {}) if bad else _of_one(run, i, prior)
            for i, (prior, bad) in enumerate(zip(priors, diverged, strict=True))
        ]
    numbers, curves = zip(*found, strict=True)
    names = {name: None for row in numbers for name in row}
    nan = float("nan")
    metrics = {name: torch.tensor([row.get(name, nan) for row in numbers]) for name in names}
    none = torch.full([run.settings.parzen.steps], nan)
    names = {name: None for row in curves for name in row}
    arrays = {name: torch.stack([row.get(name, none) for row in curves]) for name in names}
    return metrics, arrays


def _of_one(run: Run, index: int, prior: Prior) -> tuple[dict[str, float], dict[str, Tensor]]:
    settings, model, data = run.settings.parzen, run.stack.model(index), run.dataset
    assert settings is not None
    held_out = scaled(data.validation.images[: settings.bandwidth_images])
    test = scaled(data.test.images)
    numbers, curves = {}, {}

    def decode(codes: Tensor) -> Tensor:
        return data.scaling.to_pixels(model.decoder(codes))

    for count in settings.samples:

        def samples(count: int = count) -> Iterator[Tensor]:
            stream = generator(run.seeds[index].seed, "parzen samples", run.device)
            return decoder_samples(decode, prior, count, BLOCK, stream)

        result = estimate(samples, held_out, test, settings.bandwidths())
        numbers[f"log_likelihood_{count}"] = result.mean
        numbers[f"standard_error_{count}"] = result.standard_error
        numbers[f"bandwidth_{count}"] = result.bandwidth
        curves[f"curve_{count}"] = torch.tensor(result.curve)
    return numbers, curves
