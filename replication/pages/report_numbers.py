"""Every published number with its outcome at each preset, and the table of them all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from replication.evidence.published import published

from .drawing import Drawing
from .judged import Outcome, numbers_of, outcomes

# That of the most literal run comes first.
COMPARED = ("paper", "quick")
Stored = Mapping[str, Mapping[str, Drawing]]


@dataclass(frozen=True)
class OwnCell:
    """Our number at a preset, and the verdict."""

    ours: str
    interval: str
    anchor: str
    word: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class NumberRow:
    """A published number, with ours at each preset that was run."""

    item: str
    place: str
    published: str
    source: str
    cite: str
    cells: list[OwnCell]


@dataclass(frozen=True)
class NumberTable:
    """All published numbers; of a preset without a record there is a sentence alone."""

    presets: list[str]
    rows: list[NumberRow]
    not_run: list[str]


class Numbers:
    """Every published number with its outcome at each preset that compares."""

    def __init__(self, stored: Stored):
        self.stored = stored
        self.by_name = {
            (item, outcome.judged.target, preset): outcome
            for item in published().items
            for preset in COMPARED
            for outcome in outcomes(stored[item][preset])
        }
        self.presets = [p for p in COMPARED if any(self.at(p, False)) or any(self.at(p, True))]

    def at(self, preset: str, other_papers: bool) -> Iterator[Outcome]:
        """The numbers that have one of ours at ``preset``."""
        for item, name in numbers_of(other_papers):
            outcome = self.by_name[item, name, preset]
            if outcome.ours is not None:
                yield outcome

    def best(self, item: str, name: str) -> Outcome:
        """That of the most literal run, or what says that there is none."""
        found = [self.by_name[item, name, preset] for preset in COMPARED]
        return next((o for o in found if o.ours is not None), found[-1])

    def every(self, other_papers: bool) -> list[Outcome]:
        return [self.best(*number) for number in numbers_of(other_papers)]


def number_table(stored: Stored) -> NumberTable:
    numbers = Numbers(stored)
    presets = [p for p in reversed(COMPARED) if p in numbers.presets]
    rows = [
        number_row(numbers, presets, *number)
        for other_papers in (False, True)
        for number in numbers_of(other_papers)
    ]
    absent = [f"Preset {p}: not run." for p in COMPARED if p not in presets]
    return NumberTable(presets, rows, absent)


def number_row(numbers: Numbers, presets: Sequence[str], item: str, name: str) -> NumberRow:
    best = numbers.best(item, name)
    cells = []
    for preset in presets:
        own = numbers.by_name[item, name, preset]
        differences = f"Differs in: {own.differences}" if own.differences else ""
        reason = ". ".join(text for text in (own.reason, differences) if text)
        cells.append(
            OwnCell(own.spread(), own.interval(), own.anchor, own.word, own.verdict, reason)
        )
    target = best.target
    return NumberRow(item, best.place, best.published, target.source, target.cite, cells)
