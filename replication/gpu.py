"""A campaign for a GPU machine that is there for minutes, and may have no internet: ``make gpu``.

    python -m replication.gpu --minutes 25
    python -m replication.gpu --minutes 3 --device cpu --preset smoke -- --stack 2

The marked tests, the bench, then the records that ``paper`` misses, most valuable first, all seeds
of a variant stacked. It needs no Snakemake. What the time cuts goes on from its checkpoint.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from .base.endings import ended
from .base.errors import UserError
from .base.options import MOST_TIME, amount

# The rest of the suite is imported below: a bare machine may lack what that needs.
BASE = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "yaml")
WHEELS = ("filelock", "pydantic", "safetensors")
CHECKING = 120.0  # seconds at most for the tests, and for the bench; a tenth of all at most
STOPPING = 10.0  # seconds, beside the grace that a training has, to end in time
CHECKPOINTS = 30  # seconds between them


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when done or when the time is over, 2 when something is wrong that the user can mend.

    130 on Ctrl-C, 143 on TERM: a training is told to end first, and does not outlive it.
    """
    options = parser().parse_args(arguments)
    return ended(lambda: on_gpu(options))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m replication.gpu",
        description="Use a GPU machine for some minutes: tests, a bench, then what paper misses.",
    )
    minutes = amount("number of minutes", MOST_TIME)
    top.add_argument("--minutes", type=minutes, required=True, help="all of it ends within them")
    top.add_argument("--device", default="cuda", help="a torch device; cpu rehearses it (cuda)")
    top.add_argument("--preset", default="paper", help="smoke, quick or paper (paper)")
    told = "item/variant ...: just these records instead of all that are missing"
    top.add_argument("--only", nargs="+", metavar="NAME", help=told)
    top.add_argument(
        "--no-checks", dest="checks", action="store_false", help="neither tests nor bench"
    )
    top.add_argument("train", nargs="*", help="after --: options for train, such as --stack 5")
    return top


def on_gpu(options: argparse.Namespace) -> None:
    """All of it; a UserError without the device, or at the end if something failed."""
    began, seconds = time.monotonic(), 60 * options.minutes  # torch takes some to import
    if lacking := [name for name in (*BASE, *WHEELS) if find_spec(name) is None]:
        remedy = "install them, on a machine without internet from wheels (docs/going-further.md)"
        raise UserError(f"{', '.join(lacking)} cannot be imported", remedy)
    from . import campaign, cli
    from .base.durations import duration
    from .settings.experiments import PRESETS, known
    from .training.jobs import provenance
    from .training.run import Execution

    known(options.preset, PRESETS, "preset")
    for name in options.only or ():
        check_variant(options.preset, name)
    if missing := campaign.missing(options.preset):  # an option that is wrong is so for each
        cli.parser(missing[0].parent.name).parse_args(training(missing[0], options)[3:])
    provenance.check_device(options.device)
    made = provenance.environment(Execution(options.device))
    print(f"{made['device']}, torch {made['torch']}, {duration(seconds)}", flush=True)

    end = began + seconds - campaign.GRACE - STOPPING
    failed = []
    for name, command in checks(options.device) if options.checks else ():
        now = time.monotonic()
        limit = min(CHECKING, seconds / 10, end - now)
        if limit > 0:
            print(f"{name} ({limit:.0f} s at most)", flush=True)
            if campaign.run(command, limit) and time.monotonic() < now + limit:
                failed.append(name)

    def start(path: Path, left: float) -> int:
        log = campaign.log_of(path)
        log.parent.mkdir(parents=True, exist_ok=True)
        print(f"follow it by: tail -f {log}", flush=True)
        with log.open("ab") as file:
            return campaign.run(training(path, options), left, file)

    try:
        campaign.work_off(options.preset, end, start, options.only)
    finally:
        print("to go on: the same command, beside this results/ and .checkpoints/", flush=True)
    if failed:
        raise UserError(f"failed: {', '.join(failed)}", "see what is said above")


def checks(device: str) -> list[tuple[str, list[str]]]:
    """What is run before any training, with its name: the marked tests, if they can be; a bench."""
    files = sorted(Path("tests").rglob("test_*.py"))
    tests = [str(path) for path in files if "mark.gpu" in path.read_text()]
    bench = [sys.executable, "-m", "bench.step", "--device", device]
    found = [("bench.step", [*bench, "--seeds", "10", "--seconds", "4"])]
    if not tests or device.startswith("cpu"):
        return found
    if find_spec("pytest") is None or find_spec("hypothesis") is None:
        print("the tests of the GPU are left out: pytest or hypothesis is not here")
        return found
    return [("tests", [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *tests]), *found]


def training(path: Path, options: argparse.Namespace) -> list[str]:
    """The command that makes the record ``path``."""
    command = [sys.executable, "-m", f"replication.{path.parent.name}", "train", "--plain"]
    named = {"preset": options.preset, "variant": path.stem, "device": options.device}
    named["checkpoint-seconds"] = str(CHECKPOINTS)
    given = [f"--{name}={value}" for name, value in named.items()]
    return [*command, "--stack", *given, *options.train]


def check_variant(preset: str, name: str) -> None:
    """A UserError unless ``name`` is the item/variant of a record that is trained."""
    from .settings.experiments import experiments, known

    content = experiments()
    runnable = [f"{i}/{v}" for i in content.items for v in content.runnable(i, preset)]
    known(name, runnable, "item/variant")


if __name__ == "__main__":
    sys.exit(main())
