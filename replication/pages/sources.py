"""Where the published values were read, and which nobody has confirmed in the paper itself."""

from collections.abc import Iterator
from typing import NamedTuple

from replication.evidence.published import Published, PublishedItem, Value
from replication.settings.experiments import experiments

FILE = "replication/published.yaml"


class Entry(NamedTuple):
    """A published value with the place that it has in its paper."""

    place: str
    value: Value
    unit: str
    of_other_papers: bool = False

    def __str__(self) -> str:
        number = f"{self.value.described()} {self.unit}".rstrip()
        return f"{self.place}: {number} - {self.value.source}: {self.value.cite}"


def entries(item: str, content: PublishedItem) -> Iterator[Entry]:
    """All values of ``item``: those judged, other methods' beside them, remarks."""
    for target in content.targets.values():
        unit = content.unit if target.unit is None else target.unit
        yield Entry(target.place, target, unit, target.of_other_papers)
    variants = experiments().items[item].variants
    for method in content.others:
        for name, value in method.values.items():
            target_place = content.targets[name].place if name in content.targets else ""
            place = target_place or variants[name].place
            yield Entry(f"{method.method}, beside {place}", value, content.unit)
    for remark in content.remarks:
        yield Entry(remark.text, remark, content.unit)


def source_lines(values: Published, unconfirmed: bool) -> list[str]:
    """Each value with its source; with ``unconfirmed``, only those not read in the paper."""
    lines: list[str] = []
    counts = [0, 0]
    for item, content in values.items.items():
        every = list(entries(item, content))
        shown = [e for e in every if not (unconfirmed and e.value.confirmed)]
        counts = [counts[0] + len(shown), counts[1] + len(every)]
        if shown:
            lines += [item, *(f"  {entry}" for entry in shown)]
    return [*lines, *where_to_look(values, *counts)] if unconfirmed else lines


def where_to_look(values: Published, missing: int, count: int) -> list[str]:
    """What is unconfirmed, where the paper can be read, and what to do then."""
    lines = ["", f"{missing} of {count} values were not read in the paper itself."]
    if missing:
        lines += ["The text of the paper stands at any of these addresses:"]
        lines += [f"  {address}" for address in values.paper_text]
        lines += [
            "Numbers of other papers: in the paper that the source names.",
            f"Then write in {FILE}: source: paper, with the page in cite.",
        ]
    hopeless = [t.place for _, _, t in values.targets() if not t.margin_can_be_met]
    if hopeless:
        lines += [f"Margins that no number of seeds can meet: {'; '.join(hopeless)}."]
    return lines
