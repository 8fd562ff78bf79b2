"""The command line of an item's trainings: ``train``, ``measure``, ``sample``, ``encode``."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base.errors import UserError
from .base.files import check_writable
from .base.options import (
    PRECISION_CHOICES,
    amount,
    endings,
    folder_to_read,
    positive,
    whole,
    whole_numbers,
)
from .evidence import records
from .settings.experiments import experiments
from .settings.reading import known
from .settings.schema import Seed, Settings
from .settings.scripts import script_of

if TYPE_CHECKING:
    from .training.jobs.variant import Variant


Command = Callable[[str, argparse.Namespace], None]
WRITERS = ("train", "measure")  # of records
ALL = sys.maxsize  # seeds in one stack
MOST_THREADS = 1024  # of more, some machines have no stacks: the process dies without a word
MOST_SEEDS = 1000  # each is looked for in records and checkpoints
MOST_IMAGES = 100_000  # samples are in memory at once, and one sheet
seed_numbers = whole_numbers("seeds", "0,2")


def add_training(commands: Any, common: argparse.ArgumentParser, variants: list[str]) -> None:
    """An item's sub-commands ``train``, ``measure``, ``sample`` and ``encode``."""
    for name, (told, add_options, command) in TRAINING.items():
        parser = commands.add_parser(name, parents=[common], help=told)
        parser.add_argument("--variant", required=True, help=", ".join(variants))
        add_results(parser, written=name in WRITERS)
        if name in WRITERS:
            seeds = "just these seeds (all); `aae train` has --only, too: its --seeds 3 is how many"
            parser.add_argument("--only", "--seeds", type=seed_numbers, metavar="0,2", help=seeds)
        add_execution(parser)
        if add_options:
            add_options(parser)
        parser.set_defaults(command=command, count=None)


def add_results(command: argparse.ArgumentParser, written: bool = False) -> None:
    """Where records are; a command by which they are ``written`` may make the folder."""
    kind = Path if written else folder_to_read
    told = f"folder of records ({records.RESULTS})"
    command.add_argument("--results", type=kind, default=records.RESULTS, help=told)


def add_execution(command: argparse.ArgumentParser) -> None:
    """How trained weights are, or were, made."""
    device = "a torch device, such as cuda:0 (as it was begun, or cpu)"
    command.add_argument("--device", default="auto", help=device)
    threads = "of each worker (as it was begun, or 1)"
    command.add_argument("--threads", type=whole(1, MOST_THREADS), help=threads)
    command.add_argument(
        "--precision",
        choices=PRECISION_CHOICES,
        default="auto",
        help="of the products; auto: as it was begun or recorded, or bf16 where it is faster;"
        " tf32: on a GPU alone (auto)",
    )


def _add_train(train: argparse.ArgumentParser) -> None:
    train.add_argument("--workers", type=positive, default=1, help="processes, a seed each (1)")
    stack = "seeds in one stack at most; without a number, or on a GPU: all (on a CPU: 1)"
    train.add_argument("--stack", type=positive, nargs="?", const=ALL, metavar="N", help=stack)
    seconds = "between checkpoints, more where they take over 2 %% of the time; 0: each epoch (120)"
    number = amount("number of seconds")
    train.add_argument("--checkpoint-seconds", type=number, default=120.0, help=seconds)
    train.add_argument("--plain", action="store_true", help="lines, not one that is renewed")


def _add_sample(sample: argparse.ArgumentParser) -> None:
    sample.add_argument("--seed", type=whole(0), help="whose weights (the first kept)")
    number, images = whole(1, MOST_IMAGES), f"images, {MOST_IMAGES:,} at most (64)"
    sample.add_argument("--count", type=number, default=64, dest="images", help=images)
    kind, output = endings(".png", ".npy"), ".png or .npy (samples.png)"
    sample.add_argument("--output", type=kind, default=Path("samples.png"), help=output)


def _add_encode(encode: argparse.ArgumentParser) -> None:
    encode.add_argument("--seed", type=whole(0), help="whose weights (the first kept)")
    encode.add_argument("--code", choices=["style", "label"], help="label: q(y|x)'s logits (style)")
    encode.add_argument("--split", choices=["test", "train"], default="test", help="images (test)")
    path, output = endings(".npy"), "a .npy file (codes.npy)"
    encode.add_argument("--output", type=path, default=Path("codes.npy"), help=output)


def _train(item: str, options: argparse.Namespace) -> None:
    if options.stack and options.workers > 1:
        problem = "--workers trains each seed in a process of its own"
        raise UserError(problem, "leave out --workers, or --stack")
    variant, seeds = _variant_and_seeds(item, options)
    _tell_what_it_is_meant_for(variant)
    path = variant.record
    check_writable(path.parent)  # before hours of training rather than after them
    from .training.jobs import cards, job  # torch takes seconds to import

    before = records.read(path) if path.exists() else None
    device = variant.execution.device
    cards.use_device(device)
    left = pending = variant.pending(seeds)
    new = [seed for seed in pending if variant.kept(seed) is None]
    on_cpu = device.startswith("cpu")
    if options.workers > 1 and len(new) > 1 and on_cpu:
        _train_in_workers(variant, options, new)
        left = [seed for seed in pending if seed not in new]
    pace = job.Pace(options.checkpoint_seconds, live=False if options.plain else None)
    job.train(variant, left, options.stack or (1 if on_cpu else ALL), pace)
    if not job.assemble(variant, trained=bool(pending)):
        done = ", ".join(str(s.seed) for s in seeds)
        print(f"{item} {options.variant}: seed {done} done, others are missing")
    elif before == (after := records.read(path)):
        print(f"already trained: {path} ({_told(after)})")
    else:
        print(f"stored {path} ({_told(after)})")


def _tell_what_it_is_meant_for(variant: "Variant") -> None:
    """A line where the preset is none of the variant's: on the output that workers have not."""
    meant = experiments().items[variant.item].variants[variant.name].presets
    if variant.preset not in meant:
        text = f"{variant.name} is not meant for {variant.preset}: its record may not be drawn"
        print(f"note: {text}; --preset {' or '.join(meant)}", flush=True)


def _told(record: records.Record) -> str:
    """What a record is, in a few words: seeds, precision, device."""
    seeds = ", ".join(str(seed.seed) for seed in record.seeds)
    made = [(s.provenance.precision, s.provenance.place) for s in record.seeds]
    diverged = sum(seed.status == "diverged" for seed in record.seeds)
    words = [f"seed{'s' * (len(record.seeds) > 1)} {seeds}"]
    words += [" and ".join(dict.fromkeys(names)) for names in zip(*made, strict=True)]
    return "; ".join([*words, *([f"{diverged} diverged"] if diverged else [])])


def _measure(item: str, options: argparse.Namespace) -> None:
    """As ``_train``, of weights that are kept."""
    variant, seeds = _variant_and_seeds(item, options)
    from .training.jobs import job

    job.measure(variant, seeds)
    if job.assemble(variant, again=True):
        print(f"stored {variant.record} ({_told(records.read(variant.record))})")
    else:
        print(f"{item} {options.variant}: measured, but other seeds are not")


def _sample(item: str, options: argparse.Namespace) -> None:
    variant = described_variant(item, options)
    from .training.jobs import trained

    trained.sample(variant, options.seed, options.images, options.output)
    print(options.output)


def _encode(item: str, options: argparse.Namespace) -> None:
    variant = described_variant(item, options)
    from .training.jobs import trained

    trained.encode(variant, options.seed, options.split, options.output, options.code)
    print(options.output)


def _variant_and_seeds(item: str, options: argparse.Namespace) -> "tuple[Variant, list[Seed]]":
    """The variant that ``options`` name, and those of its seeds that they ask for."""
    variant = _named(item, options)
    seeds = _chosen(variant.settings, options.only)
    return _computed(variant, options, seeds), seeds


def described_variant(item: str, options: argparse.Namespace) -> "Variant":
    """The variant that ``options`` name, computed as they say or as it was begun."""
    variant = _named(item, options)
    return _computed(variant, options, variant.settings.runs)


def _named(item: str, options: argparse.Namespace) -> "Variant":
    """With as many seeds as are asked for, and those that its record has."""
    from .training.jobs.variant import Variant, first_runs

    names = (options.preset, options.variant)
    variant = Variant(script_of(item), *names, results=options.results)
    if options.count is not None:
        variant = replace(variant, runs=first_runs(variant.settings, options.count))
    return variant.with_recorded_seeds()


def _computed(variant: "Variant", options: argparse.Namespace, every: list[Seed]) -> "Variant":
    """``variant``, computed as ``options`` say or as the seeds ``every`` were begun.

    A UserError where another precision is asked for than that of the record.
    """
    from .training.jobs.executions import Asked, chosen

    precision = options.precision
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
    each = list(dict.fromkeys(seed.seed for seed in seeds))
    place = f"{variant.item}/{variant.name}"
    command = [sys.executable, "-m", "replication", "train", place, "--plain"]
    if options.count is not None:
        command += ["--seeds", str(options.count)]
    for name in ("preset", "results"):
        command += [f"--{name}", str(getattr(options, name))]
    for name in ("device", "threads", "precision"):
        command += [f"--{name}", str(getattr(variant.execution, name))]
    command += ["--checkpoint-seconds", str(options.checkpoint_seconds)]
    commands = {number: [*command, "--only", str(number)] for number in each}
    codes = _run_side_by_side(commands, options.workers)
    if failed := ", ".join(str(number) for number in each if codes[number]):
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


def seed_count(text: str) -> int:
    if "," in text:
        raise argparse.ArgumentTypeError(f"is how many; for these: --only {text}")
    return whole(1, MOST_SEEDS)(text)


# By name: what it does, what adds its own options, what runs it.
TRAINING: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None] | None, Command]] = {
    "train": ("train and store a variant", _add_train, _train),
    "measure": ("measure kept weights again", None, _measure),
    "sample": ("draw images from kept weights", _add_sample, _sample),
    "encode": ("codes of a data set's images", _add_encode, _encode),
}
