"""Several seeds at once: our stack beside JAX's ``vmap``, and both beside one seed after the other.

    python -m bench.stacked                 four minutes of a core
    python -m bench.stacked --updates 2 --seeds 2     a quick look

An update of Table 2's model at batch 100 on MNIST, in float32, on one core of the CPU: each program
starts from our weights, and draws batches and noise itself. Counted is the processor's time, the
least of three epochs of so many updates, in turn, after one to warm up (in which JAX compiles). JAX
is installed by pip install -c constraints.txt -e '.[bench]'; without it, ours is measured alone.

Prints a table and writes bench/results/stacked_<machine>.json.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import torch

from bench.commands import command
from bench.machine import machine, store
from bench.ours import first_images, training_of
from bench.rivals import fastest
from replication.base.options import positive
from replication.evidence.seeds import Machine
from replication.pages.speed import Stacked
from replication.settings.experiments import experiments
from replication.training.fit import Training

ONE = ", one seed after the other"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=positive, default=10, help="at once (10)")
    parser.add_argument("--updates", type=positive, default=10, help="of an epoch (10)")
    parser.add_argument("--out", type=Path, help="(bench/results/stacked_<machine>.json)")
    options = parser.parse_args()
    on_one_core()
    cpu = torch.device("cpu")
    rates = measured(options.seeds, options.updates)
    result = Stacked(
        machine=Machine(**machine(cpu)),
        seeds=options.seeds,
        updates=options.updates,
        load=os.getloadavg()[1],
        updates_per_second=rates,
    )
    print(table(result))
    print(store("stacked", result.model_dump(), cpu, options.out))


def on_one_core() -> None:
    """This process; XLA takes as many threads as it may have cores when it starts."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.environ["JAX_PLATFORMS"] = "cpu"
    torch.set_num_threads(1)


def measured(seeds: int, updates: int) -> dict[str, float]:
    """Updates of one seed a second of the processor, by program."""
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    settings = first_images(settings, updates * settings.batch_size)
    peer = jax_peer()
    epochs: dict[str, Callable[[], float]] = {}
    sizes: dict[str, int] = {}
    for count, how in ((1, ONE), (seeds, f", {seeds} at once")):
        training = training_of(settings, range(count), torch.device("cpu"), "float32")
        names = [f"ours{how}"]
        if peer is not None:
            names.append(f"JAX{how}")
            epochs[names[1]] = partial(epoch_of_peer, peer.Peer(training, settings))
        epochs[names[0]] = partial(our_epoch, training)
        sizes |= dict.fromkeys(names, count)
    seconds = fastest(epochs)
    return {name: sizes[name] * updates / seconds[name] for name in sorted(seconds, reverse=True)}


def jax_peer() -> ModuleType | None:
    """What trains with JAX; None, and a line that says so, where it is not installed."""
    try:
        from bench import jax_peer
    except ImportError as error:
        print(f"without JAX ({error}): pip install -c constraints.txt -e '.[bench]'")
        return None
    return jax_peer


def our_epoch(training: Training) -> float:
    """The processor's seconds of one."""
    start = time.process_time()
    training.epoch(0, told=lambda *_: None)
    return time.process_time() - start


def epoch_of_peer(peer: object) -> float:
    """The processor's seconds of one; it ends with the reading of the losses, as ours does."""
    start = time.process_time()
    losses = [*peer.epoch()]  # type: ignore[attr-defined]
    [float(loss) for loss in losses[-1]["reconstruction"]]
    return time.process_time() - start


def table(result: Stacked) -> str:
    """Each program beside ours, one seed after the other."""
    lines = [
        f"{result.machine.device}, one core, float32, load {result.load:.1f}: updates of one seed "
        "a second of the processor",
        f"{'':32}{'updates/s':>12}{'to ours, one':>14}",
    ]
    for name, rate in result.updates_per_second.items():
        lines.append(f"{name:32}{rate:12.1f}{result.to_ours(name):13.2f}x")
    return "\n".join(lines)


if __name__ == "__main__":
    command(main)
