"""``python -m bench.faults``: kills by the hundred, and whether a bit of any result differed.

python -m bench.faults                    1,000 kills, stored in bench/results/
python -m bench.faults --kills 200 --seed 7 --out faults.json
"""

import argparse
import itertools
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from bench.machine import machine, store

from .kills import Commands, Tally, Victim
from .miniature import PAGES, SEVERAL, TRAININGS, WORKERS, miniature

CPU = torch.device("cpu")


def main(arguments: list[str] | None = None) -> int:
    """0 if no bit differed."""
    options = parser().parse_args(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"--seed {seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    result = measured(root, options.kills, options.commands, options.minutes, seed)
    print(store("faults", result, CPU, options.out))
    for line in result["differing"]:
        print(line)
    if result["differing"]:
        print(f"left to be looked at: {root}")
        return 1
    shutil.rmtree(root)
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    top.add_argument("--kills", type=int, default=1000, help="at least (1000)")
    top.add_argument("--commands", type=int, default=10, help="lives of whole commands (10)")
    top.add_argument("--minutes", type=float, default=60, help="at most (60)")
    top.add_argument("--seed", type=int, help="of the randomness (drawn, and printed)")
    top.add_argument("--out", type=Path, help="where to store the figures (bench/results/)")
    return top


def measured(root: Path, kills: int, commands: int, minutes: float, seed: int) -> dict[str, Any]:
    """So many kills, a life of each case in turn, until time is over; the figures to store."""
    began = time.monotonic()
    chance = random.Random(seed)
    cases = [*TRAININGS, *PAGES]
    tallies = {case.name: Tally() for case in [*cases, WORKERS]}
    suite, work = miniature(root / "suite"), root / "work"
    work.mkdir()

    def is_over() -> bool:
        done = sum(tally.kills.total() for tally in tallies.values())
        return done >= kills or time.monotonic() - began > 60 * minutes

    with Victim(suite, work) as victim:
        for case in cases:
            victim.whole(case)
        wanted, _ = victim.whole(SEVERAL)
        people = Commands(suite, work)
        for number in itertools.count():
            if is_over():
                break
            if number < commands:
                people.live(WORKERS, wanted, chance, tallies[WORKERS.name])
            for case in TRAININGS if number % 4 else cases:
                victim.live(case, chance, tallies[case.name])
    for name, tally in tallies.items():
        tell(name, tally)
    by_kind = sum((tally.kills for tally in tallies.values()), Counter())
    return {
        "machine": machine(CPU),
        "date": time.strftime("%Y-%m-%d"),
        "seed": seed,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "kills": dict(by_kind),
        "of": {name: tally.kills.total() for name, tally in tallies.items()},
        "lives": sum(tally.lives for tally in tallies.values()),
        "differing": [line for tally in tallies.values() for line in tally.differing],
    }


def tell(name: str, tally: Tally) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(tally.kills.items()))
    print(f"{name}: {tally.lives} lives; {kinds}; {len(tally.differing)} differ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
