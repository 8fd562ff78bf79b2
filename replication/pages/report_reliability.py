"""The report's section on reliability: what ``bench.faults`` killed, and what differed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from replication.evidence.seeds import Machine
from replication.settings.strict import Natural, Positive

from .page import Grid
from .speed import MEASURED, OfMachine, measured

ABOUT = (
    "Commands of a small copy of this suite are killed (SIGKILL) at random moments and started "
    "again, up to eight times, then left to end. What they leave is held against that of a "
    "command that was never killed: no file may be missing or too many, and every bit has to be "
    "the same of weights, arrays, tables, figures, pages and records (but for the provenance of "
    "records, which tells times). A training that has ended must not begin again."
)
HOW = {
    "at a file operation": "just before or after a file is opened, flushed, renamed or removed",
    "within a write": "by the kernel, with a part of a file written",
    "at a moment": "from outside, a random time after a file operation",
    "of the process group": "a command as people start it, with all its processes",
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


@dataclass(frozen=True)
class Killed:
    """What is shown of one machine."""

    machine: Machine
    sentence: str
    grids: tuple[Grid, Grid]


def reliability(folder: Path = MEASURED) -> list[Killed]:
    """The section, made of the files in ``folder``; a UserError names one that is damaged."""
    return [killed(found) for found in measured("faults", Faults, folder).values()]


def killed(found: Faults) -> Killed:
    kills = sum(found.kills.values())
    lives = f"{kills:,} kills in {found.lives:,} lives, {found.minutes:g} minutes, {found.date}"
    differ = "no bit differs" if not found.differing else "; ".join(found.differing)
    kinds = [[kind, f"{count:,}", HOW.get(kind, "")] for kind, count in found.kills.items()]
    commands = [[name, f"{count:,}"] for name, count in found.of.items()]
    grids = (
        Grid("Kills by kind", ["killed", "times", "how"], kinds),
        Grid("Kills by command", ["command", "kills"], commands),
    )
    return Killed(found.machine, f"{lives}: {differ}.", grids)
