"""What the report shows of each table and figure: claim, drawing, reading, evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from replication.evidence.records import Record, path_of
from replication.settings.experiments import Item, experiments

from .drawing import Drawing
from .judged import Kind, kind_of
from .page import Picture, anchor, read_bytes, read_picture
from .report_evidence import Evidence, evidence, is_of_paper
from .stored_tables import StoredTable, read_tables

# In the order of what readers want first.
PRESETS = ("quick", "paper", "smoke")
SMOKE = "smoke: small digits and short training, never compared with the paper"
SHRUNK = 2  # pictures of smoke, in each direction: few look at them
GROUPS = {"table": "Tables", "figure": "Figures"}
BEYOND = "Beyond the paper"


class Link(NamedTuple):
    """A place of the page, and what is read of it."""

    anchor: str
    text: str


class TableCell(NamedTuple):
    """A cell of a drawn table, with the record behind it and the verdict on it."""

    text: str
    href: str
    verdict: str

    @property
    def word(self) -> str:
        """The verdict without what limits it."""
        return self.verdict.partition(" (")[0]


class TableView(NamedTuple):
    """A drawn table as the page has it."""

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[TableCell]]]
    notes: list[str]


@dataclass
class Part:
    """An item at a preset, or at several that are alike."""

    preset: str
    heading: str
    folded: bool
    differences: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    tables: list[TableView] = field(default_factory=list)
    picture: Picture | None = None
    caption: str = ""
    reading: str = ""
    sources: list[Link] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    not_run: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class ItemView:
    """A section of the page."""

    anchor: str
    title: str
    label: str
    claim: str
    alt: str
    parts: list[Part]
    not_run: list[str]


class Shown:
    """An item with what is stored of it at every preset."""

    def __init__(self, item: str, stored: Mapping[str, Drawing], ran: Sequence[str]):
        """``ran``: the presets at which anything ran, whatever the item."""
        self.item, self.stored, self.ran = item, stored, ran

    @property
    def content(self) -> Item:
        return experiments().items[self.item]

    @cached_property
    def records(self) -> dict[str, dict[str, Record]]:
        """By preset, the records that the item is drawn from."""
        variants = experiments().items[self.content.borrows or self.item].variants
        return {
            preset: {v: r for v in variants if (r := drawing.record(v)) is not None}
            for preset, drawing in self.stored.items()
        }

    def view(self) -> ItemView:
        content = self.content
        parts = self.diagrams() if content.from_settings else self.parts()
        # What is believed was seen at the first preset that ran.
        if (first := next((p for p in parts if not p.folded), None)) is not None:
            first.reading = content.reading or ""
        shown = {part.preset for part in parts}
        absent = [p for p in self.ran if p not in shown and not content.from_settings]
        return ItemView(
            anchor=self.item,
            title=content.title,
            label="Claim." if is_of_paper(self.item) else "Not in the paper.",
            claim=content.claim or "",
            alt=content.alt or content.title,
            parts=parts,
            not_run=[f"Preset {preset}: not run." for preset in absent] if parts else ["Not run."],
        )

    def parts(self) -> list[Part]:
        """One for each preset that has a record."""
        return [self.part(preset, found) for preset, found in self.records.items() if found]

    def part(self, preset: str, found: Mapping[str, Record]) -> Part:
        stored, folded = self.stored[preset], preset == "smoke"
        kinds = {v: kind_of(stored, v, r) for v, r in found.items()}
        words = heading(preset, kinds) if is_of_paper(self.item) else f"Preset {preset}"
        part = Part(preset, SMOKE if folded else words, folded)
        if not folded:
            part.differences = grouped(
                {self.place(v): "; ".join(kind.differences) for v, kind in kinds.items()}
            )
        self.draw(part, stored)
        part.caption = caption(self.content, preset, found)
        if self.content.borrows:
            source = self.content.borrows
            part.sources = [Link(anchor(preset, source, v), self.place(v)) for v in found]
            return part
        part.evidence = [evidence(stored, v, record) for v, record in found.items()]
        for variant, described in self.content.variants.items():
            if variant not in found and preset in described.presets:
                part.not_run.append((described.place, described.not_run or ""))
        return part

    def place(self, variant: str) -> str:
        return experiments().items[self.content.borrows or self.item].variants[variant].place

    def draw(self, part: Part, stored: Drawing) -> None:
        """What was drawn of the item, or the commands that draw it."""
        for kind in self.content.draws:
            path = stored.stem.with_suffix(".png" if kind == "figure" else ".csv")
            if not path.exists():
                part.missing = [f"aae draw {self.item} --preset {stored.preset}"]
            elif kind == "figure":
                part.picture = read_picture(path, SHRUNK if part.folded else 1)
            else:
                part.tables += [self.table(table, stored) for table in read_tables(stored.stem)]

    def table(self, table: StoredTable, stored: Drawing) -> TableView:
        def shown(cell: Mapping[str, str]) -> TableCell:
            preset, _, rest = cell["record"].partition("/")
            item, _, variant = rest.partition("/")
            known = preset in self.stored and has_record(stored, item, variant)
            href = anchor(preset, item, variant) if known else ""
            return TableCell(cell["text"], href, cell["verdict"])

        rows = [(name, [shown(cell) for cell in cells]) for name, cells in table.rows]
        return TableView(table.caption, table.columns, rows, table.notes)

    def diagrams(self) -> list[Part]:
        """The pictures that settings alone make; those of presets that are alike stand once."""
        by_picture: dict[bytes, tuple[Path, list[str]]] = {}
        for preset, stored in self.stored.items():
            path = stored.stem.with_suffix(".png")
            if path.exists():
                by_picture.setdefault(read_bytes(path), (path, []))[1].append(preset)
        parts = []
        for path, presets in by_picture.values():
            folded = presets == ["smoke"]
            part = Part(presets[0], f"With the settings of {' and '.join(presets)}", folded)
            part.picture = read_picture(path, SHRUNK if folded else 1)
            part.caption = self.content.alt or ""
            parts.append(part)
        if not parts:
            first = next(iter(self.stored))
            command = f"aae draw {self.item} --preset {first}"
            parts.append(Part(first, "Not drawn", False, missing=[command]))
        return parts


def has_record(stored: Drawing, item: str, variant: str) -> bool:
    if item not in experiments().items or variant not in experiments().items[item].variants:
        return False
    return path_of(stored.preset, item, variant, stored.results).exists()


def heading(preset: str, kinds: Mapping[str, Kind]) -> str:
    """What kind of runs there are at a preset."""
    words = list(dict.fromkeys(kind.word for kind in kinds.values()))
    return f"Preset {preset}: {' and '.join(words)} runs"


def grouped(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """The places that share their differences from the settings of ``paper``, with these.

    The largest of several groups is called the others.
    """
    by_text: dict[str, list[str]] = {}
    for place, text in texts.items():
        by_text.setdefault(text, []).append(place.removeprefix("Ablation: "))
    if len(by_text) == 1 and len(texts) > 1:
        found = [("All", text) for text in by_text]
    else:
        most = max(map(len, by_text.values()), default=0)
        found = [
            ("The others" if len(places) == most > 3 else "; ".join(places), text)
            for text, places in sorted(by_text.items(), key=lambda pair: len(pair[1]))
        ]
    return [(places, text) for places, text in found if text]


def caption(content: Item, preset: str, found: Mapping[str, Record]) -> str:
    """What is seen, seeds and preset; the claim stands above the figure."""
    counts = {len(record.seeds) for record in found.values()}
    seeds = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    plural = "s" if max(counts) > 1 else ""
    pictured = max(counts) > 1 and "figure" in content.draws
    shown = "; codes and images are of the first" if pictured else ""
    texts = (content.alt, f"{seeds} seed{plural}{shown}; preset {preset}.")
    return " ".join(text for text in texts if text)


def contents(items: Sequence[str]) -> list[tuple[str, list[Link]]]:
    """The side bar: tables, figures, what goes beyond the paper."""
    groups: dict[str, list[Link]] = {name: [] for name in (*GROUPS.values(), BEYOND)}
    for item in items:
        kind = next((GROUPS[k] for k in GROUPS if item.startswith(k)), BEYOND)
        groups[kind].append(Link(item, short(experiments().items[item].title)))
    groups["The suite"] = [Link("speed", "Speed"), Link("reliability", "Reliability")]
    return [(name, links) for name, links in groups.items() if links]


def short(title: str) -> str:
    """A title for a narrow bar: its number first."""
    text, _, place = title.removesuffix(")").rpartition(" (")
    if place.startswith(("Table ", "Figure ")):
        return f"{place}: {text}"
    return text if place == "not in the paper" else title
