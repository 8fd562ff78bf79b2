"""Damaged inputs for every reader of the suite: each has to end in a value or in one line.

    python -m bench.readers --inputs 100000 --seed 1

Prints how many inputs each reader got and how many it refused, and stores that in bench/results/,
which the report shows. A value is what the input, damaged as it is, may still mean; one
line is a UserError without a line break. Anything else is an error, and its input is kept in the
folder that is named then: another exception, more than 20 seconds, the death of the process.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import torch

from bench.every_reader import Reader, readers
from bench.machine import machine, store
from replication.base.errors import UserError
from replication.base.options import positive, whole

CPU = torch.device("cpu")
PATIENCE = 20  # seconds for an input


@dataclass
class Count:
    """What became of one reader's inputs; ``errors`` are those that are neither of the two."""

    inputs: int = 0
    refused: int = 0
    errors: list[str] = field(default_factory=list)


class TooSlowError(Exception):
    pass


def tried(reader: Reader, seed: int, count: int, folder: Path) -> Count:
    """``count`` inputs of ``reader``; the inputs of errors stay in ``folder``."""
    found = Count(inputs=count)
    for number in range(count):
        path = folder / reader.name.replace(" ", "_") / reader.place
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of each input, so that one of them can be made again alone.
        random = Random(f"{seed}/{reader.name}/{number}")
        path.write_bytes(reader.make(random))
        signal.alarm(PATIENCE)
        try:
            reader.read(path)
        except UserError as error:
            found.refused += 1
            if len(str(error).splitlines()) != 1:
                found.errors.append(f"{number}: {error!r} has several lines")
        except Exception as error:
            found.errors.append(f"{number}: {type(error).__name__}: {str(error)[:200]}")
            path.rename(folder / f"{zlib.crc32(reader.name.encode())}-{number}-{path.name}")
        finally:
            signal.alarm(0)
    return found


def shared_out(every: Sequence[Reader], inputs: int) -> dict[str, int]:
    """How many inputs each reader gets: at least one."""
    whole = sum(reader.share for reader in every)
    return {reader.name: max(1, round(inputs * reader.share / whole)) for reader in every}


def run(inputs: int, seed: int, folder: Path, only: Iterable[str] = ()) -> dict[str, Count]:
    """All readers, or ``only`` those, with about so many ``inputs`` in all."""
    every = list(readers())
    counts = shared_out(every, inputs)
    before = signal.signal(signal.SIGALRM, _too_slow)
    wanted = set(only) or counts.keys()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, about what they refuse then
            own = [reader for reader in every if reader.name in wanted]
            found = {}
            for reader in own:
                found[reader.name] = tried(reader, seed, counts[reader.name], folder)
                tell(reader.name, found[reader.name])
            return found
    finally:
        signal.signal(signal.SIGALRM, before)


def tell(name: str, count: Count) -> None:
    """A line for a reader, and one for each of its first errors."""
    shares = f"{count.inputs:>7} inputs {count.refused:>7} refused {len(count.errors):>4} errors"
    print(f"{name:>22} {shares}", *count.errors[:10], sep="\n" + " " * 23, flush=True)


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {PATIENCE} seconds")


def figures(
    found: dict[str, Count], seed: int, seconds: float, machine: dict[str, Any]
) -> dict[str, Any]:
    """What the report shows."""
    readers = {
        name: {"inputs": count.inputs, "refused": count.refused, "errors": len(count.errors)}
        for name, count in found.items()
    }
    date = datetime.now(UTC).date().isoformat()
    about = {"machine": machine, "date": date, "seed": seed, "seconds": round(seconds)}
    return about | {"readers": readers}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.readers", description=__doc__)
    parser.add_argument("--inputs", type=positive, default=10000, help="in all, about (10000)")
    parser.add_argument("--seed", type=whole(0), default=1, help="of the damage (1)")
    parser.add_argument("--only", action="append", default=[], help="a reader's name (all)")
    out = "where to store the figures (bench/results/; nowhere with --only)"
    parser.add_argument("--out", type=Path, help=out)
    options = parser.parse_args(arguments)
    folder, started = Path(tempfile.mkdtemp(prefix="readers-")), time.monotonic()
    os.environ["REPLICATION_DATA"] = str(folder)
    about = machine(CPU)  # before: a commit may come meanwhile
    found = run(options.inputs, options.seed, folder, options.only)
    values = figures(found, options.seed, time.monotonic() - started, about)
    inputs = sum(count.inputs for count in found.values())
    errors = sum(len(count.errors) for count in found.values())
    print(f"{inputs} inputs, {errors} errors, {values['seconds']} s; {folder}")
    if not options.only:
        print(store("readers", values, CPU, options.out))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
