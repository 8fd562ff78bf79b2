"""The command line of an item's trainings: ``train``, ``measure``, ``sample``, ``encode``."""

import argparse
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base.errors import UserError
from .base.files import check_writable
from .evidence import records
from .settings.experiments import experiments, known
from .settings.schema import Seed, Settings

if TYPE_CHECKING:
    from .training.jobs.variant import Variant


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
    train.add_argument("--plain", action="store_true", help="lines, not one that is renewed")
    train.set_defaults(command=_train)


def _add_execution(command: argparse.ArgumentParser, variants: list[str]) -> None:
    """What says which trained weights are meant, and how they are, or were, made."""
    command.add_argument("--variant", required=True, help=", ".join(variants))
    device = "a torch device, such as cuda:0 (as it was begun, or cpu)"
    command.add_argument("--device", default="auto", help=device)
    threads = "of each worker (as it was begun, or 1)"
    command.add_argument("--threads", type=_positive, help=threads)
    command.add_argument(
        "--precision",
        choices=["auto", "float32", "bf16-products"],
        default="auto",
        help="of the products; auto: as it was begun or recorded, or bf16 where it is faster"
        " (auto)",
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
    variant = described_variant(item, options, seeds)
    path = variant.record
    check_writable(path.parent)  # before hours of training rather than after them
    from .training.jobs import job, provenance  # torch takes seconds to import

    device = variant.execution.device
    provenance.check_device(device)
    left = pending = variant.pending(seeds)
    new = [seed for seed in pending if variant.kept(seed) is None]
    on_cpu = device.startswith("cpu")
    if options.workers > 1 and len(new) > 1 and on_cpu:
        _train_in_workers(variant, options, new)
        left = [seed for seed in pending if seed not in new]
    pace = job.Pace(options.checkpoint_seconds, live=False if options.plain else None)
    job.train(variant, left, options.stack or not on_cpu, pace)
    before = records.read(path) if path.exists() else None
    if not job.assemble(variant, trained=bool(pending)):
        done = ", ".join(str(s.seed) for s in seeds)
        print(f"{item} {options.variant}: seed {done} done, others are missing")
    elif before == (after := records.read(path)):
        print(f"already trained: {path} ({_told(after)})")
    else:
        print(f"stored {path} ({_told(after)})")


def _told(record: records.Record) -> str:
    """What a record is, in a few words: seeds, precision, device."""
    seeds = ", ".join(str(seed.seed) for seed in record.seeds)
    made = [(s.provenance.precision, s.provenance.device) for s in record.seeds]
    diverged = sum(seed.status == "diverged" for seed in record.seeds)
    words = [f"seed{'s' * (len(record.seeds) > 1)} {seeds}"]
    words += [" and ".join(dict.fromkeys(names)) for names in zip(*made, strict=True)]
    return "; ".join([*words, *([f"{diverged} diverged"] if diverged else [])])


def _measure(item: str, options: argparse.Namespace) -> None:
    """As ``_train``, of weights that are kept."""
    settings = experiments().settings_of(options.preset, item, options.variant)
    seeds = _chosen(settings, options.seeds)
    variant = described_variant(item, options, seeds)
    from .training.jobs import job

    job.measure(variant, seeds)
    if job.assemble(variant, again=True):
        print(f"stored {variant.record} ({_told(records.read(variant.record))})")
    else:
        print(f"{item} {options.variant}: measured, but other seeds are not")


def _sample(item: str, options: argparse.Namespace) -> None:
    variant = described_variant(item, options)
    from .training.jobs import trained

    trained.sample(variant, options.seed, options.count, options.output)
    print(options.output)


def _encode(item: str, options: argparse.Namespace) -> None:
    variant = described_variant(item, options)
    from .training.jobs import trained

    trained.encode(variant, options.seed, options.split, options.output)
    print(options.output)


def described_variant(
    item: str, options: argparse.Namespace, seeds: list[Seed] | None = None
) -> "Variant":
    """The variant that ``options`` name, computed as they say or as ``seeds`` were begun.

    A UserError where another precision is asked for than that of the record.
    """
    from .training.jobs.executions import Asked, chosen
    from .training.jobs.variant import Variant

    precision = options.precision
    variant = Variant(
        import_module(f"replication.{item}"),
        options.preset,
        options.variant,
        results=options.results,
    )
    asked = Asked(
        None if options.device == "auto" else options.device,
        options.threads,
        None if precision == "auto" else precision,
    )
    recorded = _recorded_precision(variant)
    if asked.precision and recorded not in (None, asked.precision):
        problem = f"{variant.record} is a record in {recorded}, not in {precision}"
        raise UserError(problem, "move it away to train it anew, or leave --precision out")
    done = variant.recorded()
    every = seeds or variant.settings.runs
    return chosen(variant, [s for s in every if s not in done] or every, asked, recorded)


def _recorded_precision(variant: "Variant") -> str | None:
    """That of the record of these settings, if there is one, and one precision in it."""
    if not variant.record.exists():
        return None
    record = records.read(variant.record)
    found = {seed.provenance.precision for seed in record.seeds}
    alike = record.training_hash == variant.settings.training_hash()
    return found.pop() if alike and len(found) == 1 else None


def _train_in_workers(variant: "Variant", options: argparse.Namespace, seeds: list[Seed]) -> None:
    """Every seed in a process of its own, ``options.workers`` at a time.

    Runs that share their seed, and differ in their label seed, share its process.
    """
    numbers = list(dict.fromkeys(seed.seed for seed in seeds))
    command = [sys.executable, "-m", f"replication.{variant.item}", "train", "--plain"]
    for name in ("preset", "results", "variant"):
        command += [f"--{name}", str(getattr(options, name))]
    for name in ("device", "threads", "precision"):
        command += [f"--{name}", str(getattr(variant.execution, name))]
    command += ["--checkpoint-seconds", str(options.checkpoint_seconds)]
    codes = _run_side_by_side({n: [*command, "--seeds", str(n)] for n in numbers}, options.workers)
    if failed := ", ".join(str(number) for number in numbers if codes[number]):
        raise UserError(f"training of seed {failed} failed (see above)", "mend it and start again")


def _run_side_by_side(commands: dict[int, list[str]], workers: int) -> dict[int, int]:
    """The exit code of each command, ``workers`` at a time; none outlives this function."""
    waiting, running = dict(commands), dict[int, subprocess.Popen]()
    codes: dict[int, int] = {}
    try:
        while waiting or running:
            for number in [*waiting][: workers - len(running)]:
                words = waiting.pop(number)
                running[number] = subprocess.Popen(words, stdout=subprocess.DEVNULL)
            time.sleep(0.05)
            for number, process in [*running.items()]:
                if (code := process.poll()) is not None:
                    codes[number] = code
                    del running[number]
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    return codes


def _chosen(settings: Settings, numbers: list[int] | None) -> list[Seed]:
    """The runs of ``settings`` whose seed is among ``numbers`` (all, if None)."""
    if numbers is None:
        return settings.runs
    for number in numbers:
        known(str(number), [str(s) for s in settings.seeds], "seed")
    return [run for run in settings.runs if run.seed in numbers]


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
