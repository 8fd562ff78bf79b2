"""Ours beside what a user would take instead, in one run and one thread.

    python -m bench.rivals                  ten minutes of a core that does nothing else
    python -m bench.rivals --epochs 1 --images 6000 --updates 40     a quick look

1. Updates a second of Table 1's model (784-1000-1000-8, batch 100) against Pythae's own trainer,
   with the same networks, images and rates: the fastest of three whole epochs of so many updates
   each, in turn, after one to warm up. Pythae makes fewer products in an update, since one forward
   pass serves both losses; so the operations a second are compared too. It is installed by
   pip install -c constraints.txt -e '.[bench]'.
2. Seconds from the start of the process to the last update of Table 2's training with 100 labels,
   against the loop as it is usually written. Counted: the interpreter, the imports, reading MNIST
   (and, in the loop, torchvision's unpacking of it), building the networks and all updates. Not
   counted, since neither does it: evaluation, checkpoints, tracking.

Prints one table and writes bench/results/rivals_<machine>.json.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType

import torch

from bench.commands import MNIST, command, images
from bench.machine import machine, store
from bench.ours import first_images, training_of
from bench.step import counted
from replication.base.errors import UserError
from replication.base.options import positive, whole
from replication.data.dataset import scaled
from replication.data.loaders import load
from replication.evidence.seeds import Machine
from replication.pages.speed import LOOP, PRECISIONS, PYTHAE, OneModel, Rivals, StartToEnd
from replication.settings.experiments import experiments
from replication.training.fit import Training
from replication.training.jobs.provenance import check_device

EPOCHS = 4  # the first is to warm up
TRAININGS = {
    **{f"ours, {p}": ["bench.ours", "--precision", p] for p in PRECISIONS},
    LOOP: ["bench.idiomatic"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="a torch device (cpu)")
    parser.add_argument(
        "--updates",
        type=whole(1, MNIST // 100),
        default=100,
        help="of an epoch beside Pythae (100)",
    )
    parser.add_argument("--epochs", type=positive, default=3, help="from start to end (3)")
    parser.add_argument(
        "--images", type=images, default=MNIST, help="from start to end, the first so many"
    )
    parser.add_argument("--out", type=Path, help="(bench/results/rivals_<machine>.json)")
    options = parser.parse_args()
    check_device(options.device)
    device = torch.device(options.device)
    torch.set_num_threads(1)
    result = Rivals(
        machine=Machine(**machine(device)),
        table1_model=one_model(options.updates, device),
        start_to_end=start_to_end(options.epochs, options.images, options.device),
    )
    print(table(result))
    print(store("rivals", result.model_dump(), device, options.out))


def one_model(updates: int, device: torch.device) -> OneModel:
    """Table 1's model, ours and Pythae's, on the first ``updates`` batches of MNIST."""
    settings = experiments().settings_of("quick", "table1_log_likelihood", "mnist")
    settings = first_images(settings, updates * settings.batch_size)
    epochs: dict[str, Callable[[], float]] = {}
    flop: dict[str, float] = {}
    for precision in PRECISIONS:
        training = training_of(settings, [0], device, precision)
        flop[f"ours, {precision}"] = counted(training)
        epochs[f"ours, {precision}"] = partial(our_epoch, training)
    with ExitStack() as stack:
        if (trainer := pythae()) is not None:
            pixels = scaled(load(settings).train.images)
            flop[PYTHAE] = trainer.flop_of_an_update(settings, pixels, str(device))
            theirs = trainer.epochs_of(settings, pixels, str(device))
            epochs[PYTHAE] = stack.enter_context(theirs)
        rates = {name: updates / seconds for name, seconds in fastest(epochs).items()}
    return OneModel(updates=updates, flop_per_update=flop, updates_per_second=rates)


def our_epoch(training: Training) -> float:
    """The seconds of one; it ends with the reading of the losses, so the device is done."""
    start = time.perf_counter()
    training.epoch(0, told=lambda *_: None)
    return time.perf_counter() - start


def pythae() -> ModuleType | None:
    """What trains with Pythae; None, and a line that says so, where it is not installed."""
    try:
        from bench import pythae_trainer
    except ImportError as error:
        print(f"without Pythae ({error}): pip install -c constraints.txt -e '.[bench]'")
        return None
    return pythae_trainer


def fastest(epochs: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The seconds of each one's fastest epoch; in turn, so that passing load slows them alike."""
    rounds = [{name: epoch() for name, epoch in epochs.items()} for _ in range(EPOCHS)]
    return {name: min(of_round[name] for of_round in rounds[1:]) for name in epochs}


def start_to_end(epochs: int, images: int, device: str) -> StartToEnd:
    options = ["--epochs", str(epochs), "--images", str(images), "--device", device]
    seconds = {name: seconds_of([*module, *options]) for name, module in TRAININGS.items()}
    return StartToEnd(epochs=epochs, images=images, seconds=seconds)


def seconds_of(module: list[str]) -> float:
    """From the start of ``python -m module`` to the line that it prints after its last update."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *module], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        passed = time.perf_counter() - start
    if process.returncode or not line:
        raise UserError(f"python -m {' '.join(module)} failed", "see the lines above")
    return passed


def table(result: Rivals) -> str:
    """A line for each program; a dash where it takes no part."""
    model, whole = result.table1_model, result.start_to_end
    columns = ["updates/s", "GFLOP each", "to Pythae", "of GFLOP/s", "start to end", "to the loop"]
    lines = [
        f"{result.machine.device}, {result.machine.threads} thread(s)",
        f"Table 1's model, epochs of {model.updates} updates; then Table 2's training, "
        f"{whole.epochs} epoch(s) of {whole.images:,} images, from start to end",
        f"{'':22}" + "".join(f"{c:>14}" for c in columns),
    ]
    for name in dict.fromkeys([*whole.seconds, *model.updates_per_second]):
        cells = [*model_cells(model, name), *whole_cells(whole, name)]
        lines.append(f"{name:22}" + "".join(f"{c:>14}" for c in cells))
    return "\n".join(lines)


def model_cells(model: OneModel, name: str) -> list[str]:
    if name not in model.updates_per_second:
        return ["—"] * 4
    cells = [f"{model.updates_per_second[name]:.1f}", f"{model.flop_per_update[name] / 1e9:.2f}"]
    if PYTHAE not in model.updates_per_second:
        return [*cells, "—", "—"]
    return [*cells, f"{model.to_pythae(name):.2f}x", f"{model.work_to_pythae(name):.2f}x"]


def whole_cells(whole: StartToEnd, name: str) -> list[str]:
    if name not in whole.seconds:
        return ["—"] * 2
    return [f"{whole.seconds[name]:.1f} s", f"{whole.to_loop(name):.2f}x"]


if __name__ == "__main__":
    command(main)
