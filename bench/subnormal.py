"""What numbers below 1e-38 cost: a training that keeps them, beside one that makes them zero.

    python -m bench.subnormal               Figure 11b's model, six epochs of each: ten minutes
    python -m bench.subnormal --epochs 1 --images 1000        a quick look

The momentum of a unit that no image wakes any more shrinks to numbers so small that a processor
computes them in microcode, about a hundred times slower. Two trainings of one seed take turns,
epoch by epoch. Prints a line for each epoch, writes bench/results/subnormal_<machine>.json.
"""

import os
import time
from pathlib import Path

import torch
from torch import Tensor

from bench.commands import command, parser
from bench.machine import machine, store
from bench.ours import first_images, training_of
from replication.settings.experiments import experiments
from replication.training.fit import Training

CPU = torch.device("cpu")
ITEM, VARIANT = "figure11_dimensionality_reduction", "labels_100"
SMALLEST = torch.finfo(torch.float32).tiny  # of the normal numbers


def main() -> None:
    common = parser(__doc__)
    common.set_defaults(epochs=6)
    common.add_argument("--precision", choices=["float32", "bf16-products"], default="float32")
    common.add_argument("--out", type=Path, help="(bench/results/subnormal_<machine>.json)")
    options = common.parse_args()
    torch.set_num_threads(1)
    result = measure(options.epochs, options.images, options.precision)
    print(store("subnormal", result, CPU, options.out))


def measure(epochs: int, images: int, precision: str) -> dict:
    """Of each epoch, both trainings' updates a second, and what is subnormal in the first."""
    settings = first_images(experiments().settings_of("quick", ITEM, VARIANT), images)
    kept, flushed = (training_of(settings, [0], CPU, precision) for _ in range(2))
    told = []
    for epoch in range(epochs):
        rates = [rate(training, epoch, training is flushed) for training in (kept, flushed)]
        told.append({"kept": rates[0], "flushed": rates[1], "subnormal": subnormal(kept)})
        print(line(epoch, told[-1]), flush=True)
    return {
        "machine": machine(CPU),
        "variant": f"{ITEM}/{VARIANT}",
        "precision": precision,
        "load": os.getloadavg()[1],
        "epochs": told,
        "same_weights": same_weights(kept, flushed),
    }


def rate(training: Training, epoch: int, flush: bool) -> float:
    """Updates a second of the processor in one epoch."""
    torch.set_flush_denormal(flush)
    began = time.process_time()
    training.epoch(epoch, told=lambda *_: None)
    taken = time.process_time() - began
    torch.set_flush_denormal(False)
    return training.batches.steps / taken


def momenta(training: Training) -> list[Tensor]:
    states = [s for d in training.descents for s in d.optimiser.state.values()]
    return [state["momentum_buffer"] for state in states if "momentum_buffer" in state]


def subnormal(training: Training) -> float:
    """The share of the momenta that are not zero and yet below the normal numbers."""
    values = [momentum.abs() for momentum in momenta(training)]
    count = sum(int(((v > 0) & (v < SMALLEST)).sum()) for v in values)
    return count / max(1, sum(v.numel() for v in values))


def same_weights(one: Training, other: Training) -> bool:
    """Whether they have the same bits; a weight that is subnormal itself may be zero instead."""
    pairs = zip(one.stack.state_dict().values(), other.stack.state_dict().values(), strict=True)
    return all(torch.allclose(a, b, rtol=0, atol=SMALLEST) for a, b in pairs)


def line(epoch: int, told: dict[str, float]) -> str:
    ratio = told["flushed"] / told["kept"]
    return (
        f"epoch {epoch + 1}: {told['subnormal']:6.1%} of the momenta subnormal; updates a second: "
        f"{told['kept']:.1f} kept, {told['flushed']:.1f} flushed, {ratio:.2f}x"
    )


if __name__ == "__main__":
    command(main)
