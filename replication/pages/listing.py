"""What there is: items, variants, and what of them was run at which cost."""

from collections.abc import Iterator
from pathlib import Path

from replication.evidence import records
from replication.settings.experiments import PRESETS, Experiments, experiments

from .minutes import minutes_of


def listed(results: Path) -> Iterator[str]:
    """A block for each item, a line for each variant, a column for each preset."""
    content = experiments()
    for item, described in content.items.items():
        yield f"{item}: {described.title}"
        if described.borrows:
            yield f"  drawn from {described.borrows}"
            continue
        rows = [["variant", "place", *PRESETS]]
        for name, variant in described.variants.items():
            ran = [_ran(content, preset, item, name, results) for preset in PRESETS]
            reason = [f"({variant.not_run})"] if variant.not_run else []
            rows.append([name, variant.place, *ran, *reason])
        columns = len(rows[0])
        widths = [max(len(row[n]) for row in rows) for n in range(columns)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield "  " + "  ".join([*cells, *row[columns:]]).rstrip()


def _ran(content: Experiments, preset: str, item: str, variant: str, results: Path) -> str:
    """How many seeds were run in how many core-hours; a dash where the preset does not mean to."""
    path = records.path_of(preset, item, variant, results)
    if not path.exists():
        return "not run" if preset in content.items[item].variants[variant].presets else "–"
    record = records.read(path)
    wanted = len(content.settings_of(preset, item, variant).runs)
    count = len(record.seeds)
    seeds = f"{count} of {wanted} seeds" if count < wanted else f"{count} seed{'s' * (count > 1)}"
    return f"{seeds}, {_time(sum(minutes_of(seed) for seed in record.seeds))}"


def _time(minutes: float) -> str:
    """Of one core: 6.9 h, 12 min, 40 s."""
    if minutes >= 60:
        return f"{minutes / 60:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1 else f"{60 * minutes:.0f} s"
