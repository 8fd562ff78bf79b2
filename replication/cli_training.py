"""The command line of an item's trainings: ``train``, ``measure``, ``sample``, ``encode``."""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base.errors import UserError
from .base.files import write_atomically
from .evidence import records
from .settings.experiments import experiments, known
from .settings.schema import Seed, Settings

if TYPE_CHECKING:
    from .training.jobs.job import Variant


def add_training(commands: Any, common: argparse.ArgumentParser, variants: list[str]) -> None:
    """The sub-commands ``train``, ``measure``, ``sample`` and ``encode``."""
    train = commands.add_parser("train", parents=[common], help="train and store a variant")
    _add_training_options(train, variants)
    _add_uses_of_weights(commands, common, variants)


def _add_training_options(train: argparse.ArgumentParser, variants: list[str]) -> None:
    _add_execution(train, variants)
    train.add_argument("--seeds", type=_numbers, help="only these, such as 0,2 (all)")
    train.add_argument("--workers", type=_positive, default=1, help="processes, a seed each (1)")
    train.add_argument("--stack", action="store_true", help="stack the seeds on a CPU too")
    seconds = "seconds between checkpoints (120)"
    train.add_argument("--checkpoint-seconds", type=float, default=120.0, help=seconds)
    train.set_defaults(command=_train)


def _add_execution(command: argparse.ArgumentParser, variants: list[str]) -> None:
    """What says which trained weights are meant, and how they are, or were, made."""
    command.add_argument("--variant", required=True, help=", ".join(variants))
    command.add_argument("--device", default="cpu", help="a torch device, such as cuda:0 (cpu)")
    command.add_argument("--threads", type=_positive, default=1, help="of each worker (1)")
    command.add_argument(
        "--precision",
        choices=["auto", "float32", "bf16-products"],
        default="auto",
        help="of the products; auto takes bf16 where it is faster and does no harm (auto)",
    )


def _add_uses_of_weights(
    commands: Any, common: argparse.ArgumentParser, variants: list[str]
) -> None:
    """What needs no training, since weights are kept."""
    measure = commands.add_parser("measure", parents=[common], help="measure kept weights again")
    _add_execution(measure, variants)
    measure.add_argument("--seeds", type=_numbers, help="only these, such as 0,2 (all)")
    measure.set_defaults(command=_measure)
    sample = commands.add_parser("sample", parents=[common], help="draw images from kept weights")
    _add_execution(sample, variants)
    sample.add_argument("--seed", type=int, default=0, help="whose weights (0)")
    sample.add_argument("--count", type=_positive, default=64, help="images (64)")
    sample.add_argument("--output", type=Path, default=Path("samples.png"), help=".png or .npy")
    sample.set_defaults(command=_sample)
    encode = commands.add_parser("encode", parents=[common], help="codes of a data set's images")
    _add_execution(encode, variants)
    encode.add_argument("--seed", type=int, default=0, help="whose weights (0)")
    encode.add_argument("--split", choices=["test", "train"], default="test", help="images (test)")
    encode.add_argument("--output", type=Path, default=Path("codes.npy"), help="a .npy file")
    encode.set_defaults(command=_encode)


def _train(item: str, options: argparse.Namespace) -> None:
    settings = experiments().settings_of(options.preset, item, options.variant)
    seeds = _chosen(settings, options.seeds)
    path = records.path_of(options.preset, item, options.variant, options.results)
    _check_writable(path)
    from .training.jobs import job, provenance  # torch takes seconds to import

    provenance.check_device(options.device)
    precision = _precision(options, path, settings)
    execution = provenance.Execution(
        options.device, options.threads, precision, options.checkpoint_seconds
    )
    script = import_module(f"replication.{item}")
    variant = job.Variant(script, options.preset, options.variant, execution)
    pending = variant.pending(seeds, path)
    on_cpu = options.device.startswith("cpu")
    if options.workers > 1 and len(pending) > 1 and on_cpu:
        _train_in_workers(item, options, pending, precision)
    else:
        job.train(variant, pending, stacked=options.stack or not on_cpu)
    if not job.assemble(variant, path):
        done = ", ".join(str(s.seed) for s in seeds)
        print(f"{item} {options.variant}: seed {done} done, others are missing")
    elif pending:
        print(path)
    else:
        print(f"already trained: {path}")


def _measure(item: str, options: argparse.Namespace) -> None:
    """As ``_train``, of weights that are kept."""
    from .training.jobs import job

    variant, path = trained_variant(item, options), _path(item, options)
    job.measure(variant, _chosen(variant.settings, options.seeds))
    job.assemble(variant, path)
    print(path)


def _sample(item: str, options: argparse.Namespace) -> None:
    from .training.jobs import trained

    trained.sample(trained_variant(item, options), options.seed, options.count, options.output)
    print(options.output)


def _encode(item: str, options: argparse.Namespace) -> None:
    from .training.jobs import trained

    trained.encode(trained_variant(item, options), options.seed, options.split, options.output)
    print(options.output)


def trained_variant(item: str, options: argparse.Namespace) -> "Variant":
    """The variant that ``options`` name, with the precision that it was trained in."""
    from .training.jobs import job, provenance

    settings = experiments().settings_of(options.preset, item, options.variant)
    precision = _precision(options, _path(item, options), settings)
    execution = provenance.Execution(options.device, options.threads, precision)
    script = import_module(f"replication.{item}")
    return job.Variant(script, options.preset, options.variant, execution)


def _path(item: str, options: argparse.Namespace) -> Path:
    return records.path_of(options.preset, item, options.variant, options.results)


def _precision(options: argparse.Namespace, path: Path, settings: Settings) -> str:
    """That of the products; ``auto`` is that of the record, where there is one of these settings.

    A UserError where the record has another than the one that is asked for.
    """
    from .training.jobs.provenance import precision_of

    wanted = precision_of(options.precision, options.device, settings)
    if not path.exists():
        return wanted
    record = records.read(path)
    known_ones = {seed.provenance.precision for seed in record.seeds}
    if record.training_hash != settings.training_hash() or len(known_ones) > 1:
        return wanted
    (recorded,) = known_ones
    if options.precision not in ("auto", recorded):
        problem = f"{path} is a record in {recorded}, not in {options.precision}"
        raise UserError(problem, "move it away to train it anew, or leave --precision out")
    return recorded


def _train_in_workers(
    item: str, options: argparse.Namespace, seeds: list[Seed], precision: str
) -> None:
    """Every seed in a process of its own, ``options.workers`` at a time.

    Runs that share their seed, and differ in their label seed, share its process.
    """
    numbers = list(dict.fromkeys(seed.seed for seed in seeds))
    command = [sys.executable, "-m", f"replication.{item}", "train"]
    for name in ("preset", "results", "variant", "device", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--precision", precision]
    command += ["--checkpoint-seconds", str(options.checkpoint_seconds)]
    running: list[subprocess.Popen] = []

    def work(number: int) -> int:
        process = subprocess.Popen([*command, "--seeds", str(number)], stdout=subprocess.DEVNULL)
        running.append(process)
        return process.wait()

    pool = ThreadPoolExecutor(options.workers)
    try:
        codes = list(pool.map(work, numbers))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.terminate()
        raise
    if any(codes):
        failed = ", ".join(str(n) for n, code in zip(numbers, codes, strict=True) if code)
        raise UserError(f"training of seed {failed} failed (see above)", "mend it and start again")


def _chosen(settings: Settings, numbers: list[int] | None) -> list[Seed]:
    """The runs of ``settings`` whose seed is among ``numbers`` (all, if None)."""
    if numbers is None:
        return settings.runs
    for number in numbers:
        known(str(number), [str(s) for s in settings.seeds], "seed")
    return [run for run in settings.runs if run.seed in numbers]


def _check_writable(path: Path) -> None:
    """Fail before hours of training rather than after them."""
    probe = path.parent / f".probe.{os.getpid()}"
    write_atomically(probe, b"")
    probe.unlink(missing_ok=True)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of seeds such as 0,2") from None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
