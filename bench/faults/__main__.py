"""``python -m bench.faults``: kills by the hundred, and whether a bit of any result differed.

python -m bench.faults                    1,000 kills, stored in bench/results/
python -m bench.faults --kills 200 --seed 7 --out faults.json
"""

import argparse
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
from .miniature import PAGES, TRAININGS, WORKERS, miniature

CPU = torch.device("cpu")


def main(arguments: list[str] | None = None) -> int:
    """0 if no bit differed."""
    options = parser().parse_args(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"--seed {seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    result = measured(root, options.kills, options.commands, seed)
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
    top.add_argument("--kills", type=int, default=1000, help="of forks (1000)")
    top.add_argument("--commands", type=int, default=10, help="lives of whole commands (10)")
    top.add_argument("--seed", type=int, help="of the randomness (drawn, and printed)")
    top.add_argument("--out", type=Path, help="where to store the figures (bench/results/)")
    return top


def measured(root: Path, kills: int, commands: int, seed: int) -> dict[str, Any]:
    """So many kills, each case in turn; the figures that are stored."""
    began = time.monotonic()
    chance, tallies = random.Random(seed), dict[str, Tally]()
    suite, work = miniature(root / "suite"), root / "work"
    work.mkdir()
    with Victim(suite, work) as victim:
        cases = [*TRAININGS, *PAGES]
        for case in cases:
            tally = tallies[case.name] = Tally()
            while tally.kills.total() < kills / len(cases) and not tally.differing:
                victim.live(case, chance, tally)
            tell(case.name, tally)
        wanted, _ = victim.whole(TRAININGS[2])
    tally = tallies[WORKERS.name] = Tally()
    for _ in range(commands):
        Commands(suite, work).live(WORKERS, wanted, chance, tally)
    tell(WORKERS.name, tally)
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
