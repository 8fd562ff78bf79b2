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
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from bench.machine import machine, store
from replication.base.options import amount, positive, whole

from .kills import ANEW, Commands, Tally, Victim
from .miniature import PAGES, SEVERAL, TRAININGS, USES, WORKERS, Case, miniature

CPU = torch.device("cpu")


def main(arguments: list[str] | None = None) -> int:
    """0 if no bit differed."""
    options = parser().parse_args(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"--seed {seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    result = measured(root, options, seed)
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
    top.add_argument("--kills", type=positive, default=1000, help="at least (1000)")
    anew = "share of kills of commands that are processes started anew, no forks (0.1)"
    top.add_argument("--anew", type=amount("share", most=1), default=0.1, help=anew)
    forks = "processes whose forks are killed (1)"
    top.add_argument("--at-once", type=positive, default=1, help=forks)
    minutes = amount("number of minutes")
    top.add_argument("--minutes", type=minutes, default=60, help="at most (60)")
    top.add_argument("--seed", type=whole(0), help="of the randomness (drawn, and printed)")
    top.add_argument("--out", type=Path, help="where to store the figures (bench/results/)")
    return top


def measured(root: Path, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """So many kills as the ``options`` say, or until time is over; the figures to store."""
    began, about = time.monotonic(), machine(CPU)  # now: a commit may come meanwhile
    cases = [*TRAININGS, *USES, *PAGES]
    tallies = {case.name: Tally() for case in [*cases, WORKERS]}
    suite = miniature(root / "suite")

    def is_over() -> bool:
        enough = count(tallies.values()).total() >= options.kills
        return enough or time.monotonic() - began > 60 * options.minutes

    threads = []
    with ThreadPoolExecutor(options.at_once) as pool:
        for number in range(options.at_once):
            # Each its own cases, so that nothing is counted by two at the same time.
            own = [*cases[number :: options.at_once], *([] if number else [WORKERS])]
            work, chance = root / f"work {number}", random.Random(f"{seed} {number}")
            work.mkdir()
            task = (Victim(suite, work), own, chance, tallies, options.anew, is_over)
            threads.append(pool.submit(kill, *task))
    for thread in threads:
        thread.result()
    for name, tally in tallies.items():
        tell(name, tally)
    return {
        "machine": about,
        "date": time.strftime("%Y-%m-%d"),
        "seed": seed,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "kills": dict(count(tallies.values())),
        "of": {name: tally.kills.total() for name, tally in tallies.items()},
        "lives": sum(tally.lives for tally in tallies.values()),
        "differing": [line for tally in tallies.values() for line in tally.differing],
    }


def kill(
    victim: Victim,
    cases: Sequence[Case],
    chance: random.Random,
    tallies: dict[str, Tally],
    anew: float,
    is_over: Callable[[], bool],
) -> None:
    """A life of each of ``cases`` in turn, and of processes started anew their share of kills."""
    people, others = Commands(victim), itertools.cycle(cases[::-1])
    own = [tallies[case.name] for case in cases]
    with victim:
        for case in itertools.cycle(case for case in cases if case != WORKERS):
            if is_over():
                break
            victim.live(case, chance, tallies[case.name])
            kills = count(own)
            if kills[ANEW] < anew * kills.total():
                other = next(others)
                wanted, _ = victim.whole(SEVERAL if other == WORKERS else other)
                people.live(other, wanted, chance, tallies[other.name])


def count(tallies: Iterable[Tally]) -> Counter[str]:
    """The kills by kind."""
    return sum((tally.kills for tally in tallies), Counter())


def tell(name: str, tally: Tally) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(tally.kills.items()))
    print(f"{name}: {tally.lives} lives; {kinds}; {len(tally.differing)} differ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
