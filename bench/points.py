"""One point of ``bench.growth``: what is timed, and how its memory is read.

Time on a CPU is the processor's, the same as the clock's where nothing else runs; on a GPU, the
clock's. Memory is the highest during the measurement less what the process held before it, when it
had imported torch, read MNIST and made one update of tiny networks. On a CPU it is the resident
set's, whose highest so far the kernel is told to forget first: reading the data took more than a
small network takes. (``ru_maxrss`` cannot be made to forget, and a child's begins with its
parent's.) On a GPU it is the tensors', as torch counts them.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.growth import Point
from bench.ours import epochs_of, training_of
from replication.base.errors import UserError
from replication.base.streams import generator
from replication.data.dataset import Dataset, scaled
from replication.data.loaders import load
from replication.measures.parzen import decoder_samples, log_likelihood
from replication.models.build import build
from replication.models.priors import style_prior
from replication.settings.experiments import experiments
from replication.settings.schema import Settings
from replication.training.fit import Training
from replication.training.jobs.provenance import check_device

NARROW = [250, 250]  # so that 32 seeds end, and the drawing of batches is seen beside the products
BLOCK = 5000  # samples decoded at a time, as in Table 1
TEST_IMAGES = 100
DEVIATION = 0.15  # of the window: its value changes no cost
PAGE = 4096  # the least that memory grows by


@dataclass(frozen=True)
class Work:
    """``call`` is timed, after one ``warm_up``; ``size`` stands on the axis."""

    size: int
    warm_up: Callable[[], object]
    call: Callable[[], object]
    training: Training | None = None


def measured(name: str, value: int, device_name: str, seconds: float) -> Point:
    """The point ``value`` of the series ``name``, timed for ``seconds`` or one call."""
    check_device(device_name)
    device = torch.device(device_name)
    torch.set_num_threads(1)
    settings = settings_of(name, value)
    dataset = load(settings)
    seeds = value if name == "seeds" else 1
    rehearse(settings, seeds, dataset, device)
    before = forget_peak(device)
    if name == "parzen":
        work = passes(value, settings, dataset, device)
    else:
        work = updates(name, value, settings, dataset, device)
    work.warm_up()
    duration = median_seconds(work.call, device, seconds)
    epoch = None
    if name == "images" and (training := work.training):
        order = median_seconds(lambda: training.streams.permutation("order", value), device, 0.0)
        epoch = duration * training.batches.steps + order
    used = max(PAGE, peak(device) - before)
    return Point(value=value, size=work.size, seconds=duration, epoch_seconds=epoch, bytes=used)


def settings_of(name: str, value: int) -> Settings:
    """Table 1's, 2's or 3's at the quick preset, except for what grows and the hidden layers."""
    semi_supervised = ("table2_semi_supervised", "mnist_100")
    chosen: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
        "seeds": (semi_supervised, {"hidden_sizes": NARROW}),
        "width": (semi_supervised, {"hidden_sizes": [value, value]}),
        "images": (semi_supervised, {"hidden_sizes": NARROW}),
        "clusters": (
            ("table3_clustering", "clusters_30"),
            {"hidden_sizes": [1000, 1000], "label_dim": value},
        ),
        # A decoder of Table 1's size would take several times as long for 10 million samples.
        "parzen": (("table1_log_likelihood", "mnist"), {"hidden_sizes": [50]}),
    }
    variant, changes = chosen[name]
    return experiments().settings_of("quick", *variant).model_copy(update=changes)


def rehearse(settings: Settings, seeds: int, dataset: Dataset, device: torch.device) -> None:
    """One update of tiny networks, so that the libraries' own memory is not the networks'."""
    tiny = settings.model_copy(update={"hidden_sizes": [8]})
    next(epochs_of(training_of(tiny, range(min(seeds, 2)), device, "float32", dataset)))


def updates(
    name: str, value: int, settings: Settings, dataset: Dataset, device: torch.device
) -> Work:
    """Whole updates, the drawing of their batches included."""
    if name == "images":  # MNIST's, again and again; a copy even where they are fewer
        chosen = torch.arange(value) % len(dataset.train)
        dataset = replace(dataset, train=dataset.train[chosen])
    seeds = value if name == "seeds" else 1
    training = training_of(settings, range(seeds), device, "float32", dataset)
    size = sum(p.numel() for p in training.stack.parameters()) if name == "width" else value
    endless = epochs_of(training)
    return Work(size, lambda: next(endless), lambda: next(endless), training)


def passes(count: int, settings: Settings, dataset: Dataset, device: torch.device) -> Work:
    """Passes over ``count`` streamed samples of an untrained decoder, for some test images.

    A block's arrays are in use at a time, 0.1 GB; what the allocator of a CPU keeps between them is
    up to as much again, now more, now less, whatever the number of samples.
    """
    prior, points = style_prior(settings), scaled(dataset.test.images[:TEST_IMAGES]).to(device)
    decoder = build(settings, dataset.pixels, 0)["decoder"].to(device)

    def decode(codes: Tensor) -> Tensor:
        return dataset.scaling.to_pixels(decoder(codes))

    def once(samples_wanted: int) -> Tensor:
        stream = generator(0, "parzen samples", device)
        samples = decoder_samples(decode, prior, samples_wanted, BLOCK, stream)
        return log_likelihood(samples, points, DEVIATION)

    return Work(count, lambda: once(BLOCK), lambda: once(count))


def median_seconds(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Of one call, called again until ``seconds`` have passed."""
    times: list[float] = []
    while not times or sum(times) < seconds:
        start = settled(device)
        call()
        times.append(settled(device) - start)
    return statistics.median(times)


def settled(device: torch.device) -> float:
    """The seconds so far, once the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def forget_peak(device: torch.device) -> int:
    """Let ``peak`` begin anew; returns the bytes held now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        problem = f"/proc/self/clear_refs: {error.strerror}"
        raise UserError(problem, "measure memory on Linux, or on a GPU") from None
    return _status("VmRSS")


def peak(device: torch.device) -> int:
    """The most bytes held since ``forget_peak``."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _status("VmHWM")


def _status(key: str) -> int:
    """A memory entry of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))
