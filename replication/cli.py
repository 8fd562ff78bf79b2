"""The command line of every item: ``python -m replication.<item> train | draw | compare``."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .base.errors import UserError
from .base.files import write_atomically
from .evidence import records
from .evidence.published import Comparison, Spoken
from .pages.drawing import FIGURES, Drawing
from .settings.experiments import ENDINGS, PRESETS, experiments, known
from .settings.schema import Seed, Settings

TRAINING_EXAMPLES = """
  python -m replication.{item} train --preset smoke --variant {variant}
  python -m replication.{item} train --preset quick --variant {variant} --workers 2
  python -m replication.{item} train --preset paper --variant {variant} --device cuda"""
EXAMPLES = """
  python -m replication.{item} draw --preset quick
  python -m replication.{item} compare --preset quick
"""


def main(script: str, arguments: list[str] | None = None) -> NoReturn:
    """Run ``arguments`` for the item whose script's file is ``script``; exits with

    0 when done, 2 when the user can mend what is wrong (one line says how), 130 on Ctrl-C and
    143 on TERM; training then goes on from its last checkpoint when started again.
    """
    item = Path(script).stem
    signal.signal(signal.SIGTERM, _terminated)
    try:
        run(item, arguments)
    except UserError as error:
        _quit(f"error: {error}", 2)
    except KeyboardInterrupt:
        _quit("interrupted; start it again to go on from the last checkpoint", 130)
    sys.exit(0)


def run(item: str, arguments: list[str] | None = None) -> None:
    """``main`` without the exit codes."""
    options = parser(item).parse_args(arguments)
    known(options.preset, PRESETS, "preset")
    options.command(item, options)


def parser(item: str) -> argparse.ArgumentParser:
    variants = list(experiments().items[item].variants)
    examples = (TRAINING_EXAMPLES if variants else "") + EXAMPLES
    top = argparse.ArgumentParser(
        prog=f"python -m replication.{item}",
        description=experiments().items[item].title,
        epilog="examples:" + examples.format(item=item, variant=variants[0] if variants else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="command")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--preset", default="smoke", help=f"{', '.join(PRESETS)} (smoke)")
    common.add_argument("--results", type=Path, default=records.RESULTS, help="folder of records")
    if variants:  # without, the item is drawn from the runs of another
        train = commands.add_parser("train", parents=[common], help="train and store a variant")
        _add_training_options(train, variants)

    drawn = commands.add_parser("draw", parents=[common], help="draw from the stored records")
    drawn.add_argument("--figures", type=Path, default=FIGURES, help="folder to draw into")
    kinds = experiments().items[item].draws
    drawn.add_argument("--only", choices=kinds, help="draw just the table, or the figure")
    drawn.set_defaults(command=_draw)

    judge = commands.add_parser("compare", parents=[common], help="judge against the paper")
    judge.set_defaults(command=_compare)
    return top


def _add_training_options(train: argparse.ArgumentParser, variants: list[str]) -> None:
    train.add_argument("--variant", required=True, help=", ".join(variants))
    train.add_argument("--seeds", type=_numbers, help="only these, such as 0,2 (all)")
    train.add_argument("--device", default="cpu", help="a torch device, such as cuda:0 (cpu)")
    train.add_argument("--threads", type=_positive, default=1, help="of each worker (1)")
    train.add_argument("--workers", type=_positive, default=1, help="processes, a seed each (1)")
    train.add_argument("--stack", action="store_true", help="stack the seeds on a CPU too")
    train.add_argument(
        "--precision",
        choices=["auto", "float32", "bf16-products"],
        default="auto",
        help="of the products; auto takes bf16 where it is faster and does no harm (auto)",
    )
    train.add_argument("--checkpoint-seconds", type=float, default=120.0, help="(120)")
    train.set_defaults(command=_train)


def _train(item: str, options: argparse.Namespace) -> None:
    settings = experiments().settings_of(options.preset, item, options.variant)
    seeds = _chosen(settings, options.seeds)
    path = records.path_of(options.preset, item, options.variant, options.results)
    _check_writable(path)
    from .training.jobs import (  # torch takes seconds to import; drawing does without
        job,
        provenance,
    )

    variant = job.Variant(import_module(f"replication.{item}"), options.preset, options.variant)
    pending = [seed for seed in seeds if not variant.finished(seed).exists()]
    on_cpu = options.device.startswith("cpu")
    if options.workers > 1 and len(pending) > 1 and on_cpu:
        _train_in_workers(item, options, pending)
    else:
        precision = provenance.precision_of(options.precision, options.device, settings)
        execution = provenance.Execution(
            options.device, options.threads, precision, options.checkpoint_seconds
        )
        job.train(variant, seeds, execution, stacked=options.stack or not on_cpu)
    if job.assemble(variant, path):
        print(path)
    else:
        print(f"{item} {options.variant}: seeds {[s.seed for s in seeds]} done, others are missing")


def _train_in_workers(item: str, options: argparse.Namespace, seeds: list[Seed]) -> None:
    """Every seed in a process of its own, ``options.workers`` at a time.

    Runs that share their seed, and differ in their label seed, share its process.
    """
    numbers = list(dict.fromkeys(seed.seed for seed in seeds))
    command = [sys.executable, "-m", f"replication.{item}", "train"]
    for name in ("preset", "results", "variant", "device", "threads", "precision"):
        command += [f"--{name}", str(getattr(options, name))]
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


def _draw(item: str, options: argparse.Namespace) -> None:
    drawing = Drawing(options.preset, item, options.results, options.figures)
    for path in draw(drawing, [options.only] if options.only else drawing.description.draws):
        print(path)


def _compare(item: str, options: argparse.Namespace) -> None:
    print(compare(Drawing(options.preset, item, options.results)))


def draw(drawing: Drawing, kinds: Sequence[str]) -> list[Path]:
    """Draw the item's table or figure, or both; the files that were written."""
    script = import_module(f"replication.{drawing.item}")
    for kind in kinds:
        getattr(script, f"draw_{kind}")(drawing)
    return [drawing.stem.with_suffix(f".{ending}") for kind in kinds for ending in ENDINGS[kind]]


def compare(drawing: Drawing) -> Path:
    """Judge the item's numbers against the published ones; the file with the verdicts."""
    spoken = [Spoken(**dict(v), verdict=str(v)) for v in drawing.verdicts()]
    comparison = Comparison(preset=drawing.preset, item=drawing.item, verdicts=spoken)
    path = drawing.results / drawing.preset / "verdicts" / f"{drawing.item}.json"
    write_atomically(path, comparison.model_dump_json(indent=1).encode() + b"\n")
    return path


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
    return [int(part) for part in text.split(",")]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _terminated(signum: int, frame: FrameType | None) -> NoReturn:
    _quit("terminated; start it again to go on from the last checkpoint", 143)


def _quit(line: str, code: int) -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(code)
