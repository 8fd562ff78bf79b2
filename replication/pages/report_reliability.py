"""The report's section on reliability: what ``bench.faults`` and ``bench.readers`` found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from replication.evidence.seeds import Machine
from replication.settings.strict import Natural, Positive, Strict

from .page import Grid
from .speed import MEASURED, OfMachine, measured

KILLS = (
    "Commands of a small copy of this suite are killed (SIGKILL) at random moments and started "
    "again, up to twelve times, then left to end. What they leave is held against that of a "
    "command that was never killed: no file may be missing or too many, and every bit has to be "
    "the same of weights, arrays, tables, figures, pages and records (but for the provenance of "
    "records, which tells times). A training that has ended must not begin again. Most of what is "
    "killed is a fork of a process that has imported the suite already."
)
DAMAGE = (
    "Every reader is given files that belong in a place and were changed: bits, cuts, values, "
    "names, types, shapes. It has to end in a value or in one line that says what is wrong "
    "(refused); anything else is an error."
)
HOW = {
    "at a file operation": "just before or after a file is opened, flushed, renamed or removed",
    "within a write": "by the kernel, with a part of a file written",
    "at a moment": "from outside, a random time after a file operation",
    "of the process group": "no fork, but a command as people start it, with all its processes",
}


class Faults(OfMachine):
    """How many kills of each kind and of each command; what differed, a line for each life."""

    date: str
    seed: Natural
    minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    kills: dict[str, Positive]
    of: dict[str, Natural]
    lives: Natural
    differing: list[str]


class Inputs(Strict):
    """What became of the inputs of one reader."""

    inputs: Positive
    refused: Natural
    errors: Natural


class Readers(OfMachine):
    """The damaged inputs of each reader."""

    date: str
    seed: int
    seconds: Natural
    readers: Annotated[dict[str, Inputs], Field(min_length=1)]


@dataclass(frozen=True)
class Found:
    """What is shown of one bench on one machine."""

    machine: Machine
    sentence: str
    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class Tried:
    """What was tried, what was found, and the command to try it again."""

    heading: str
    about: str
    found: list[Found]
    command: str


def reliability(folder: Path = MEASURED) -> list[Tried]:
    """The section, made of the files in ``folder``; a UserError names one that is damaged."""
    kills = [killed(found) for found in measured("faults", Faults, folder).values()]
    damage = [damaged(found) for found in measured("readers", Readers, folder).values()]
    return [
        Tried("Killed and started again", KILLS, kills, "python -m bench.faults"),
        Tried("Damaged files", DAMAGE, damage, "python -m bench.readers --inputs 100000"),
    ]


def killed(found: Faults) -> Found:
    kills = sum(found.kills.values())
    lives = f"{kills:,} kills in {found.lives:,} lives, {found.minutes:g} minutes, {found.date}"
    differ = "no bit differs" if not found.differing else "; ".join(found.differing)
    kinds = [[kind, f"{count:,}", HOW.get(kind, "")] for kind, count in found.kills.items()]
    commands = [[name, f"{count:,}"] for name, count in found.of.items()]
    grids = (
        Grid("Kills by kind", ["killed", "times", "how"], kinds),
        Grid("Kills by command", ["command", "kills"], commands),
    )
    return Found(found.machine, f"{lives}: {differ}.", grids)


def damaged(found: Readers) -> Found:
    inputs = sum(reader.inputs for reader in found.readers.values())
    refused = sum(reader.refused for reader in found.readers.values())
    errors = sum(reader.errors for reader in found.readers.values())
    sentence = (
        f"{inputs:,} inputs for {len(found.readers)} readers, {found.seconds / 60:.0f} minutes, "
        f"{found.date}, seed {found.seed}: {refused:,} refused, {errors:,} errors."
    )
    columns = ["reader", "inputs", "refused", "errors"]
    rows = [
        [name, f"{reader.inputs:,}", f"{reader.refused:,}", f"{reader.errors:,}"]
        for name, reader in found.readers.items()
    ]
    return Found(found.machine, sentence, (Grid("Damaged inputs by reader", columns, rows),))
