"""When the records' errors fell to each level: the last table of the report's section on speed."""

from pathlib import Path

from replication.evidence.records import Record

from .drawing import Drawing
from .page import Grid, Told, anchor
from .speed import goals, reached

QUALITY = (
    "Epochs, and seconds on the machine of the record, until the mean over the seeds first falls "
    "to an error. The seconds are those of one training, evaluation included, in proportion to "
    "its epochs: beside one another only where machine and load were the same."
)


def quality(results: Path) -> Grid:
    """When the records' error fell to each level."""
    aim = goals().quality
    columns = ["record", "seeds", "trained on"]
    for level in aim.levels:
        columns += [f"epochs to {level:g}\u00a0{aim.unit}", f"seconds to {level:g}\u00a0{aim.unit}"]
    rows = [
        quality_row(Drawing(aim.preset, item, results), variant)
        for item, variants in aim.records.items()
        for variant in variants
    ]
    return Grid("Time to quality", columns, rows)


def quality_row(stored: Drawing, variant: str) -> list[str | Told]:
    aim, record = goals().quality, stored.record(variant)
    place = stored.description.variants[variant].place
    if record is None:
        return [place, *["not run"] * (2 + 2 * len(aim.levels))]
    link = Told(place, href=anchor(stored.preset, stored.item, variant))
    cells: list[str | Told] = [link, str(len(record.seeds)), trained_on(record)]
    for level in aim.levels:
        found = reached(record, aim.metric, level)
        cells += [str(found.epoch), f"{found.seconds:,.0f}"] if found else ["not reached"] * 2
    return cells


def trained_on(record: Record) -> str:
    """Device, precision and threads of the seeds; what differs is all named."""
    made = [seed.provenance for seed in record.seeds]
    ways = [
        f"{m.place}, {m.precision}, {m.threads} thread(s)"
        + (f", {m.stacked} seeds stacked" if m.stacked > 1 else "")
        for m in made
    ]
    return "; ".join(dict.fromkeys(ways))
