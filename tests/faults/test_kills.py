"""Killed at any moment and started again, every command leaves the bits of one never killed."""

import random
import secrets

import pytest

from bench.faults.kills import Commands, Tally, Victim
from bench.faults.miniature import PAGES, SEVERAL, TRAININGS, USES, WORKERS, Case

pytestmark = pytest.mark.faults

# CI has time for these; `pytest -m faults` has all.
SHORT = ("plain", "several seeds", "joint, clusters", "measure", "draw a table")
CASES = [
    pytest.param(case, id=case.name, marks=() if case.name in SHORT else pytest.mark.long)
    for case in (*TRAININGS, *USES, *PAGES)
]


@pytest.mark.parametrize("case", CASES)
def test_no_bit_differs(victim: Victim, case: Case) -> None:
    seed, tally = secrets.randbelow(10**6), Tally()
    print(f"seed {seed}")
    while tally.kills.total() < 5:
        victim.live(case, random.Random(f"{seed} {tally.lives}"), tally)
    assert tally.differing == []


@pytest.mark.long
def test_nor_with_a_process_for_each_seed(victim: Victim) -> None:
    seed, tally = secrets.randbelow(10**6), Tally()
    print(f"seed {seed}")
    wanted, _ = victim.whole(SEVERAL)
    Commands(victim).live(WORKERS, wanted, random.Random(seed), tally, most=1)
    assert tally.kills.total() == 1, "it ended before it was killed"
    assert tally.differing == []
