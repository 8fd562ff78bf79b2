"""What ``draw_table`` and ``draw_figure`` are given: the records, and where the drawing goes.

Nothing here trains, needs a GPU, a network or torch.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.evidence.published import Verdict, published, verdict
from replication.evidence.records import Record
from replication.settings.experiments import Item, experiments, parse, read_yaml
from replication.settings.schema import Settings
from replication.settings.strict import Strict as StrictModel

from .style import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = Path("figures")
LINEAGE = Path(__file__).parent.parent / "lineage.yaml"


class Lineage(StrictModel):
    """By item, the hashes of training codes that were shown to give the same results."""

    items: dict[str, list[str]]


@cache
def lineage(path: Path = LINEAGE) -> Lineage:
    return parse(Lineage, read_yaml(path), path.name)


@cache
def current_code(item: str) -> frozenset[str]:
    """Today's training code of ``item``, and those before it with the same results."""
    today = code_hash(import_module(f"replication.{item}"))
    known = lineage().items.get(item, [])
    return frozenset([today, *known] if today in known else [today])


@dataclass
class Drawing:
    """One item at one preset."""

    preset: str
    item: str
    results: Path = records.RESULTS
    figures: Path = FIGURES
    _read: dict[str, Record | None] = field(default_factory=dict)

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

    def arrays(self, variant: str) -> dict[str, np.ndarray]:
        path = records.path_of(self.preset, self.source, variant, self.results)
        return records.read_arrays(path)

    def stale(self, variant: str) -> bool:
        """The record's settings or training code are not today's."""
        record = self.record(variant)
        if record is None:
            return False
        today = self.settings(variant)
        return record.settings != today or record.code_hash not in current_code(self.source)

    def verdicts(self) -> list[Verdict]:
        """One for each published value of the item, in the order of published.yaml."""
        targets = published().items[self.item].targets if self.item in published().items else {}
        return [
            verdict(self.item, name, self.preset, self.record(variant), self.stale(variant))
            for name, target in targets.items()
            for variant in [target.variant or name]
        ]

    def title(self, text: str) -> str:
        """``text``; what is of the smoke preset says so."""
        return f"SMOKE (small, not comparable): {text}" if self.preset == "smoke" else text

    def caption(self, text: str) -> str:
        """``title``; what is drawn of runs with other settings or code than today's says so."""
        text = self.title(text)
        run = [v for v in experiments().items[self.source].variants if self.record(v)]
        stale = [v for v in run if self.stale(v)]
        if not stale:
            return text
        which = "every run" if len(stale) == len(run) > 1 else ", ".join(stale)
        return f"{text}\nSTALE ({which}): settings or code have changed since"

    def save(self, figure: "Figure") -> None:
        """Write ``figure`` as .png and .pdf beside the item's other drawings."""
        save_figure(figure, self.stem)


def seeds_of(record: Record | None) -> int:
    """How many seeds the numbers of a record are of."""
    return 0 if record is None else sum(s.status == "ok" for s in record.seeds)
