"""What ``draw_table`` and ``draw_figure`` are given: the records, and where the drawing goes.

Nothing here trains, needs a GPU, a network or torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from replication.base.places import FIGURES
from replication.evidence import records
from replication.evidence.arrays import Arrays, read_arrays
from replication.evidence.lineage import current_code
from replication.evidence.published import published
from replication.evidence.records import Record
from replication.evidence.verdicts import Verdict, verdict
from replication.settings.experiments import Item, experiments
from replication.settings.schema import Settings

from .style import DIGITS, save_figure
from .tables import MOST_ROWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Drawing:
    """One item at one preset."""

    preset: str
    item: str
    results: Path = records.RESULTS
    figures: Path = FIGURES
    _read: dict[str, Record | None] = field(default_factory=dict)
    _verdicts: list[Verdict] | None = None
    _left_out: str = ""

    @property
    def description(self) -> Item:
        return experiments().items[self.item]

    @property
    def stem(self) -> Path:
        return self.figures / self.preset / self.item

    @property
    def source(self) -> str:
        """The item whose runs are drawn."""
        return self.description.borrows or self.item

    def settings(self, variant: str) -> Settings:
        return experiments().settings_of(self.preset, self.source, variant)

    def record(self, variant: str) -> Record | None:
        """The variant's record, read once, or None where it was not run."""
        if variant not in self._read:
            path = records.path_of(self.preset, self.source, variant, self.results)
            self._read[variant] = records.read(path) if path.exists() else None
        return self._read[variant]

    def any_record(self) -> Record | None:
        """The first record of the item, or None where nothing of it was run."""
        found = (self.record(variant) for variant in experiments().items[self.source].variants)
        return next((record for record in found if record is not None), None)

    def arrays(self, variant: str) -> Arrays:
        """What a figure draws of the variant; a UserError where a class has no colour."""
        found = self.stored_arrays(variant)
        if (highest := highest_label(found)) >= len(DIGITS):
            raise found.wrong(f"holds the label {highest}: figures have colours for 0 to 9")
        return found

    def stored_arrays(self, variant: str) -> Arrays:
        """The arrays beside the record of the variant, of any number of classes."""
        return read_arrays(records.path_of(self.preset, self.source, variant, self.results))

    def stale(self, variant: str) -> bool:
        """What the record was trained with, settings or code, is not today's.

        More seeds or other measures make no record stale: verdicts say them apart.
        """
        record = self.record(variant)
        if record is None:
            return False
        today = self.settings(variant).training_hash()
        return record.training_hash != today or record.code_hash not in current_code(self.source)

    def measured_otherwise(self, variant: str) -> bool:
        """The settings of the record's measures are not today's."""
        record = self.record(variant)
        today = self.settings(variant).measuring_hash()
        return record is not None and record.measuring_hash != today

    def verdicts(self) -> list[Verdict]:
        """One for each published value of the item, in the order of published.yaml."""
        if self._verdicts is None:
            targets = published().items[self.item].targets if self.item in published().items else {}
            self._verdicts = [
                verdict(self.item, name, self.preset, self.record(variant), self.stale(variant))
                for name, target in targets.items()
                for variant in [target.variant or name]
            ]
        return self._verdicts

    def first(self, variants: Sequence[str]) -> Sequence[str]:
        """Those that a figure has room for; on it ``save`` says how many there are."""
        if len(variants) > MOST_ROWS:
            count = f"{MOST_ROWS} of {len(variants):,} variants"
            self._left_out = f"The first {count}; the table's .csv file has all."
        return variants[:MOST_ROWS]

    def title(self, text: str) -> str:
        """``text``; what is of the smoke preset says so."""
        if self.preset != "smoke":
            return text
        return f"SMOKE (small, not comparable){': ' if text else ''}{text}"

    def caption(self, text: str) -> str:
        """``title``; what is drawn of runs with other settings or code than today's says so."""
        text = self.title(text)
        run = [v for v in experiments().items[self.source].variants if self.record(v)]
        stale = [v for v in run if self.stale(v)]
        otherwise = [v for v in run if v not in stale and self.measured_otherwise(v)]
        if stale:
            text += f"\nSTALE ({those(stale, run)}): settings or code have changed since"
        if otherwise:
            text += f"\nMeasured by other settings than today's: {those(otherwise, run)}"
        return text

    def provenance_notes(self) -> list[str]:
        """What a reader of the numbers should know of how they were made."""
        made: dict[str, list[str]] = {}
        dirty = []
        for variant in experiments().items[self.source].variants:
            seeds = record.seeds if (record := self.record(variant)) else []
            for precision in dict.fromkeys(seed.provenance.precision for seed in seeds):
                made.setdefault(precision, []).append(variant)
            if any(seed.provenance.dirty for seed in seeds):
                dirty.append(variant)
        notes = []
        if len(made) > 1:
            parts = "; ".join(f"{name}: {enumerated(own)}" for name, own in made.items())
            notes.append(f"Trained in several precisions. {parts}.")
        if dirty:
            notes.append(f"Made with uncommitted changes of the code: {enumerated(dirty)}.")
        return notes

    def save(self, figure: "Figure") -> None:
        """Write ``figure`` as .png and .pdf beside the item's other drawings.

        It has no title, which the page gives it; but what limits it is written on it.
        """
        if limits := f"{self.caption('')}\n{self._left_out}".strip():
            figure.suptitle(limits, color="#b00020")
        save_figure(figure, self.stem)


def seeds_of(record: Record | None) -> int:
    """How many seeds the numbers of a record are of."""
    return 0 if record is None else sum(s.status == "ok" for s in record.seeds)


def those(some: list[str], every: list[str]) -> str:
    """``some`` of the variants, by name unless they are all."""
    return "every run" if len(some) == len(every) > 1 else enumerated(some)


def enumerated(names: Sequence[str]) -> str:
    """``names`` in a sentence, as many as there is room for."""
    more = len(names) - MOST_ROWS
    return ", ".join([*names[:MOST_ROWS], *([f"{more:,} more"] if more > 0 else [])])


def highest_label(arrays: Arrays) -> int:
    """The highest class that the arrays name; -1 if they name none."""
    return int(arrays["labels"].max()) if "labels" in arrays else -1
