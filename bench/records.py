"""How the commands that read records grow with their number: 3 seeds of 100, 300, 1,000 variants.

    python -m bench.records                 ten minutes of a core
    python -m bench.records --beside DIR    another checkout, in turn, command by command

Variants of one item in a file of the user's own, with records by the suite's own writer, copied
from a committed one, in a temporary folder. Each command is a process of its own; ``plan`` is
Snakemake's dry run, and a command that takes the processor for more than a minute is stopped.
Prints a table and writes bench/results/records_<machine>.json. An exponent is the slope of the
logarithms over the two largest numbers (``bench.growth``): 1 is linear.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from bench.commands import command
from bench.growth import exponent
from replication.base.errors import UserError
from replication.base.options import whole_numbers
from replication.evidence import records
from replication.evidence.seeds import Machine
from replication.pages.speed import OfMachine
from replication.settings.experiments import experiments
from replication.settings.outside import VARIABLE
from replication.settings.strict import Positive, PositiveNumber, Strict

ROOT = Path(__file__).parent.parent
PRESET, ITEM, COPIED = "quick", "ablations_semi_supervised", "literal"
SIZES = (100, 300, 1000)
SEEDS = 3
LIMIT = 60  # seconds of the processor
OVERLAY = "many.yaml"
SUITE = [sys.executable, "-m", "replication"]
DRAW = [sys.executable, "-m", f"replication.{ITEM}", "draw", "--preset", PRESET, "--only"]
COMMANDS = {
    "list": [*SUITE, "list"],
    "plan": [
        *(sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--quiet"),
        *("--config", f"preset={PRESET}"),
    ],
    "draw a table": [*DRAW, "table"],
    "draw a figure": [*DRAW, "figure"],
    "report": [*SUITE, "report"],
}


class Cost(Strict):
    """Of one process: what a clock shows, what the processor did, memory at the highest."""

    seconds: PositiveNumber
    core_seconds: PositiveNumber
    bytes: Positive


# By command, at each number of variants; None where it was stopped.
Costs = Annotated[dict[str, list[Cost | None]], Field(min_length=1)]


class Records(OfMachine):
    """What the commands cost at each of ``variants``; ``beside``, with another checkout.

    ``bytes`` are those of a variant's record.
    """

    variants: list[Positive]
    seeds: Positive
    bytes: PositiveNumber
    load: float
    costs: Costs
    beside: Costs | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=sizes, default=SIZES, help="how many (100,300,1000)")
    parser.add_argument("--beside", type=Path, help="another checkout of this repository")
    parser.add_argument("--out", type=Path, help="(bench/results/records_<machine>.json)")
    options = parser.parse_args()
    if options.beside and not (options.beside / "Snakefile").exists():
        raise UserError(f"{options.beside} is no checkout of this repository", "name its folder")
    result = measure(options.variants, options.beside)
    print(table(result))
    import torch

    from bench.machine import store

    values = result.model_dump(exclude_none=True)
    print(store("records", values, torch.device("cpu"), options.out))


def sizes(text: str) -> tuple[int, ...]:
    numbers = whole_numbers("ascending numbers", "100,1000")(text)
    if len(numbers) < 2 or numbers != sorted({*numbers}) or numbers[0] < 1:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no list of ascending numbers such as 100,1000"
        )
    return tuple(numbers)


def measure(variants: Sequence[int], beside: Path | None) -> Records:
    """Both checkouts run a command one after the other, so that passing load slows them alike."""
    checkouts = [*([beside.absolute()] if beside else []), ROOT]
    costs: list[dict[str, list[Cost | None]]] = [{c: [] for c in COMMANDS} for _ in checkouts]
    size = 0.0
    for count in variants:
        with tempfile.TemporaryDirectory(prefix="bench-") as made:
            folder = Path(made)
            size = make_records(folder, count) / count
            for name, words in COMMANDS.items():
                for checkout, own in zip(checkouts, costs, strict=True):
                    print(f"{count} variants: {name} ({checkout})", file=sys.stderr, flush=True)
                    own[name].append(cost(words, folder, checkout))
    load = os.getloadavg()[1]
    import torch  # not before: a process is counted with the memory of the one that started it

    from bench.machine import machine

    return Records(
        machine=Machine(**machine(torch.device("cpu"))),
        variants=list(variants),
        seeds=SEEDS,
        bytes=size,
        load=load,
        costs=costs[-1],
        beside=costs[0] if beside else None,
    )


def make_records(folder: Path, count: int) -> int:
    """``count`` variants in ``folder``, with records; the bytes of these."""
    described = {
        f"v{i}": {"place": f"Ablation: variant {i}", "like": COPIED, "settings": changed(i)}
        for i in range(count)
    }
    overlay = {"items": {ITEM: {"variants": described}}}
    (folder / OVERLAY).write_text(yaml.safe_dump(overlay, sort_keys=False))
    settings = experiments().settings_of(PRESET, ITEM, COPIED)
    path = records.path_of(PRESET, ITEM, COPIED, ROOT / records.RESULTS)
    copied = records.read(path)
    if len(copied.seeds) != SEEDS:
        raise UserError(f"{path} has {len(copied.seeds)} seeds, not {SEEDS}", "restore that record")
    for i, name in enumerate(described):
        own = settings.model_copy(update=changed(i))
        changes = {"training_hash": own.training_hash(), "measuring_hash": own.measuring_hash()}
        record = copied.model_copy(update={"variant": name, "settings": own, **changes})
        target = records.path_of(PRESET, ITEM, name, folder / records.RESULTS)
        target.parent.mkdir(parents=True, exist_ok=True)
        records.write(record, {}, target)
    return sum(file.stat().st_size for file in (folder / records.RESULTS).rglob("*.*"))


def changed(number: int) -> dict[str, float]:
    """What tells a variant's settings from those of the others."""
    return {"input_noise_std": round(0.3 + number / 1e5, 5)}


def cost(words: Sequence[str], folder: Path, checkout: Path) -> Cost | None:
    """Of a command in ``folder``, with the code of ``checkout``; None where it is stopped."""
    for part in ("Snakefile", "replication", "profiles", "pyproject.toml"):
        (folder / part).unlink(missing_ok=True)
        (folder / part).symlink_to(checkout / part)
    own = {"PYTHONPATH": str(checkout), VARIABLE: OVERLAY, "WANDB_MODE": "disabled"}
    limited = ["prlimit", f"--cpu={LIMIT}", *words]
    told = folder / "told.txt"
    start = time.perf_counter()
    with told.open("w") as output:
        process = subprocess.Popen(
            limited, cwd=folder, env={**os.environ, **own}, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if -process.returncode in (signal.SIGXCPU, signal.SIGKILL):
        return None
    if process.returncode:
        last = (told.read_text().splitlines() or ["nothing"])[-1]
        raise UserError(f"{' '.join(words)} failed: {last}", "mend it and start again")
    return Cost(
        seconds=seconds, core_seconds=used.ru_utime + used.ru_stime, bytes=1024 * used.ru_maxrss
    )


def table(result: Records) -> str:
    """A line for each command: the processor's seconds by number, their exponent, the memory."""
    widest = max(map(len, COMMANDS))
    head = [*(f"{count:,}" for count in result.variants), "exponent", "MB", *("beside", "ratio")]
    lines = [
        f"{result.machine.device}, load {result.load:.1f}: {result.seeds} seeds of so many "
        f"variants, {result.bytes / 1e3:.0f} kB each",
        "seconds of the processor (of the clock); exponents over the two largest numbers; "
        "beside: the other checkout at the largest",
        " " * widest + "".join(f"{name:>16}" for name in head),
    ]
    for name, costs in result.costs.items():
        last = costs[-1]
        other = result.beside[name][-1] if result.beside else None
        cells = [shown(c) for c in costs]
        cells.append("—" if None in costs[-2:] else f"{exponent_of(result.variants, costs):.2f}")
        cells.append(f"{last.bytes / 1e6:.0f}" if last else "—")
        cells.append(shown(other) if result.beside else "—")
        ratio = other.core_seconds / last.core_seconds if other and last else None
        cells.append(f"{ratio:.2f}x" if ratio else "—")
        lines.append(name.ljust(widest) + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def shown(cost: Cost | None) -> str:
    return f"{cost.core_seconds:.1f} ({cost.seconds:.1f})" if cost else f"over {LIMIT}"


def exponent_of(variants: Sequence[int], costs: Sequence[Cost | None]) -> float:
    """Of the two largest numbers, which were not stopped."""
    return exponent(variants[-2:], [c.core_seconds for c in costs[-2:] if c])


if __name__ == "__main__":
    command(main)
