"""What bf16 products, and tf32 on a GPU, cost in error: the same seeds in each, beside float32.

    python -m bench.precision                      half an hour of a core
    python -m bench.precision --epochs 1 --seeds 3     a quick look

Trains Table 2's model with 1000 labels, whose error varies less from seed to seed than with 100,
and measures it on 10,000 training images held out of training. Prints how long each took, the mean
paired difference with its 95 % interval, and writes bench/results/precision_<machine>.json.
"""

import argparse
import time
from pathlib import Path

import torch

from bench.commands import command
from bench.machine import machine, store
from bench.ours import training_of
from replication.base.options import PRECISIONS, positive, whole
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.evidence.seeds import Machine
from replication.measures.evaluate import validation_error
from replication.pages.speed import Precision
from replication.settings.experiments import experiments
from replication.settings.schema import Settings
from replication.training.arithmetic import set_arithmetic
from replication.training.jobs.provenance import check_device
from replication.training.run import Execution

HELD_OUT = 10000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", help="a torch device (cpu)")
    parser.add_argument("--epochs", type=positive, default=3, help="of each training (3)")
    several = whole(2, why="one has no interval")
    parser.add_argument("--seeds", type=several, default=5, help="trainings, two or more (5)")
    parser.add_argument("--out", type=Path, help="(bench/results/precision_<machine>.json)")
    options = parser.parse_args()
    check_device(options.device)
    device = torch.device(options.device)
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_1000")
    settings = settings.model_copy(update={"validation_images": HELD_OUT, "epochs": options.epochs})
    dataset = load(settings).to(device)
    compared = [p for p in PRECISIONS if p != "tf32" or device.type == "cuda"]
    errors: dict[str, list[float]] = {precision: [] for precision in compared}
    for seed in range(options.seeds):
        for precision in compared:
            set_arithmetic(Execution(options.device, 1, precision))
            began = time.monotonic()
            errors[precision].append(error_of(seed, settings, dataset, device, precision))
            took = f"{errors[precision][-1]:.2f} % in {time.monotonic() - began:.1f} s"
            print(f"seed {seed}, {precision}: {took}", flush=True)
    place = Machine(**machine(device))
    result = Precision(machine=place, epochs=options.epochs, error_percent=errors)
    print(table(result))
    print(store("precision", result.model_dump(), device, options.out))


def error_of(
    seed: int, settings: Settings, dataset: Dataset, device: torch.device, precision: str
) -> float:
    """Per cent of the held-out images, after training ``seed`` alone."""
    training = training_of(settings, [seed], device, precision, dataset)
    for epoch in range(settings.epochs):
        training.epoch(epoch, told=lambda *_: None)
    return validation_error(training.stack, dataset).item()


def table(result: Precision) -> str:
    lines = [f"{result.machine.device}, {result.epochs} epoch(s), {HELD_OUT:,} held-out images"]
    for precision in result.error_percent:
        difference, half = result.to_float32(precision)
        values = ", ".join(f"{error:.2f}" for error in result.error_percent[precision])
        lines.append(f"{precision:16}{values}  to float32: {difference:+.2f} ± {half:.2f} points")
    return "\n".join(lines)


if __name__ == "__main__":
    command(main)
