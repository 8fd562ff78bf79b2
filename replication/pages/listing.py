"""What there is: items, variants, what of them was run at which cost; what was made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from replication.evidence import records
from replication.evidence.published import published
from replication.settings.experiments import ENDINGS, PRESETS, Experiments, experiments

from .drawing import Drawing
from .minutes import minutes_of


def listed(results: Path, items: Sequence[str] | None = None) -> Iterator[str]:
    """A block for each item, a line for each variant, a column for each preset; then sums."""
    content = experiments()
    for item in items or [*content.items]:
        described = content.items[item]
        yield f"{item}: {described.title}"
        if described.borrows:
            yield f"  drawn from {described.borrows}"
            continue
        rows = [["variant", "place", *PRESETS]]
        for name, variant in described.variants.items():
            ran = [_ran(content, preset, item, name, results) for preset in PRESETS]
            origin = content.origins.get(f"{item}/{name}")
            reasons = [variant.not_run, origin and f"from {origin.file}"]
            rows.append([name, variant.place, *ran, *(f"({why})" for why in reasons if why)])
        columns = len(rows[0])
        widths = [max(len(row[n]) for row in rows) for n in range(columns)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield "  " + "  ".join([*cells, *row[columns:]]).rstrip()
    wanted = items or [*content.items]
    yield f"{', '.join(_state(content, wanted, preset, results) for preset in PRESETS)}"
    if not results.is_dir():
        yield f"There is no folder {results} in {Path.cwd()}: go to the repository's, or --results."


def _state(content: Experiments, items: Sequence[str], preset: str, results: Path) -> str:
    """Of what the workflow trains, how many have a record."""
    meant = [(item, v) for item in items for v in content.runnable(item, preset)]
    made = sum(records.path_of(preset, *place, results).exists() for place in meant)
    return f"{preset}: {made} of {len(meant)} records"


def summed_up(preset: str, results: Path, figures: Path, report: Path) -> Iterator[str]:
    """Three lines: what there is of ``preset``, where to look, how many verdicts."""
    content = experiments()
    drawn = [
        figures / preset / f"{item}.{ENDINGS[kind][0]}"
        for item, described in content.items.items()
        for kind in described.draws
    ]
    count = sum(path.exists() for path in drawn)
    state = _state(content, [*content.items], preset, results)
    yield f"made: {state}, {count} of {len(drawn)} tables and figures ({figures / preset}/)"
    yield f"look: {report}" if report.exists() else f"look: {report} is not made yet"
    judged = [v for item in published().items for v in Drawing(preset, item, results).verdicts()]
    tally = Counter(v.judgement for v in judged).most_common()
    told = ", ".join(f"{number} {judgement}" for judgement, number in tally)
    comparable = "; smoke runs are compared with nothing" if preset == "smoke" else ""
    yield f"verdicts of {preset}: {len(judged)} ({told}{comparable})"


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
