"""How fast an update is, beside what the machine can do and what a user would write instead.

    python -m bench.step                     one thread of the CPU, a minute
    python -m bench.step --device cuda --seeds 10

Prints one table and writes bench/results/step_<machine>.json. The model is Table 2's at batch 100,
the data MNIST. No absolute time is a result; compare the ratios within one run.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.commands import command
from bench.idiomatic import Idiomatic, mnist
from bench.machine import machine, store
from bench.ours import epochs_of, training_of
from replication.base.options import amount, positive
from replication.data.files import data_root
from replication.settings.experiments import experiments
from replication.settings.schema import Settings
from replication.training.fit import Training
from replication.training.jobs.provenance import check_device

BATCH, WIDTH = 100, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="a torch device (cpu)")
    parser.add_argument("--seeds", type=positive, default=1, help="stacked in our step (1)")
    parser.add_argument(
        "--seconds", type=amount("number of seconds"), default=8.0, help="for each measurement (8)"
    )
    parser.add_argument("--out", type=Path, help="a JSON file (bench/results/step_<machine>.json)")
    options = parser.parse_args()
    check_device(options.device)
    device = torch.device(options.device)
    torch.set_num_threads(1)
    result = measure(device, options.seeds, options.seconds)
    print(table(result))
    print(store("step", result, device, options.out))


def measure(device: torch.device, seeds: int, seconds: float) -> dict:
    """Everything, in one run: ceilings in GFLOP/s, updates of one seed a second."""
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    rates, executed = {}, 0
    for precision in ("float32", "bf16-products"):
        training = training_of(settings, range(seeds), device, precision)
        rates[f"ours, {precision}"] = seeds * rate(epochs_of(training), device, seconds)
        executed = executed or counted(training) // seeds
    if device.type == "cuda":
        eager = training_of(settings, range(seeds), device, "float32")
        eager.captured.is_on = False
        rates["ours, float32, eager"] = seeds * rate(epochs_of(eager), device, seconds)
    rates["DataLoader loop"] = rate(
        Idiomatic(mnist(data_root()), device).updates(), device, seconds
    )
    return {
        "machine": machine(device),
        "seeds": seeds,
        "floor_flop_per_update": floor(settings),
        "executed_flop_per_update": executed,
        "ceiling_gflops": {
            "float32": ceiling(torch.float32, device, seconds / 4, seeds),
            "bf16-products": ceiling(torch.bfloat16, device, seconds / 4, seeds),
        },
        "updates_per_second": rates,
    }


def rate(updates: Iterator[object], device: torch.device, seconds: float) -> float:
    """Updates a second, after ten to warm up."""
    for _ in range(10):
        next(updates)
    return calls_a_second(lambda: next(updates), device, seconds)


def calls_a_second(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    def settled() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    count, start = 0, settled()
    while (passed := settled() - start) < seconds:
        for _ in range(10):
            call()
        count += 10
    return count / passed


def ceiling(kind: torch.dtype, device: torch.device, seconds: float, seeds: int) -> float:
    """GFLOP/s of the hidden layers' products, [100, 1000] times [1000, 1000], ``seeds`` at once."""
    a = torch.randn(seeds, BATCH, WIDTH, device=device).to(kind)
    b = torch.randn(seeds, WIDTH, WIDTH, device=device).to(kind)
    if seeds == 1:
        a, b = a[0], b[0]
    return calls_a_second(lambda: a @ b, device, seconds) * seeds * 2 * BATCH * WIDTH**2 / 1e9


def floor(settings: Settings, pixels: int = 784) -> int:
    """The fewest operations of one update, in FLOP, counted from the layers.

    Forward once a use, backward twice (weights and inputs); images and prior samples need no
    gradient, nor do the discriminators' weights in the generator's step.
    """
    first, *rest = settings.hidden_sizes

    def network(inputs: int, outputs: int) -> tuple[int, int]:
        """Multiply-adds of one pass, and those of its first layer."""
        sizes = [inputs, first, *rest, outputs]
        return sum(a * b for a, b in pairwise(sizes)), sizes[0] * sizes[1]

    style, label = settings.style_dim, settings.label_dim
    encoder, encoder_first = network(pixels, style + label)
    decoder, _ = network(style + label, pixels)
    adversaries = [network(style, 1), network(label, 1)]
    labelled = min(int(settings.labels), settings.batch_size) / settings.batch_size
    classifier = encoder - settings.hidden_sizes[-1] * style
    reconstruction = 3 * (encoder + decoder) - encoder_first
    game = 3 * encoder - encoder_first
    game += sum(2 * (3 * d - start) + 2 * d for d, start in adversaries)
    classification = labelled * (3 * classifier - encoder_first)
    return int(2 * settings.batch_size * (reconstruction + game + classification))


def counted(training: Training) -> int:
    """The operations of the products that one update really makes, in FLOP."""
    batch = next(training.batches.epoch())
    with FlopCounterMode(display=False) as counter:
        training.captured.update(*batch.tensors)  # a replay would count as nothing
    return counter.get_total_flops()


def table(result: dict) -> str:
    """The ratios: to the ceiling of the precision, and to the usual loop."""
    flop, rates = result["floor_flop_per_update"], result["updates_per_second"]
    usual = rates["DataLoader loop"]
    lines = [
        f"{result['machine']['device']}, {result['seeds']} seed(s)",
        f"one update: {flop / 1e9:.2f} GFLOP at least, "
        f"{result['executed_flop_per_update'] / 1e9:.2f} executed",
        f"{'':24}{'updates/s':>12}{'GFLOP/s':>10}{'of ceiling':>12}{'to the loop':>13}",
    ]
    for name, updates in rates.items():
        precision = name.removeprefix("ours, ")
        top = result["ceiling_gflops"].get(precision, result["ceiling_gflops"]["float32"])
        gflops = updates * flop / 1e9
        cells = f"{updates:12.1f}{gflops:10.1f}{gflops / top:12.0%}{updates / usual:12.2f}x"
        lines.append(f"{name:24}{cells}")
    tops = ", ".join(f"{name} {top:.0f}" for name, top in result["ceiling_gflops"].items())
    return "\n".join([*lines, f"ceiling of the products, GFLOP/s: {tops}"])


if __name__ == "__main__":
    command(main)
