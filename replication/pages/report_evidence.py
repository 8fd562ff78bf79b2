"""The evidence for a number: what was run, what each seed gave, and how to run it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from replication.base.durations import duration
from replication.base.places import OWN
from replication.evidence import records
from replication.evidence.records import Record
from replication.evidence.seeds import SeedResult

from .curves import Chart, chart_of, seed_name
from .drawing import Drawing
from .judged import Outcome, kind_of, outcomes_of
from .names import name_of
from .page import Grid, Told, anchor
from .tables import number
from .titles import title_of

GROUPS = 3  # of seeds that share what is told of them


@dataclass(frozen=True)
class Evidence:
    """All of a record, folded."""

    anchor: str
    title: str
    summary: str
    kind: str
    outcomes: list[Outcome]
    facts: list[tuple[str, str]]
    chart: Chart | None
    seeds: Grid
    shared: list[tuple[str, str]]
    provenance: Grid | None
    commands: list[tuple[str, str]]
    settings: str


def evidence(stored: Drawing, variant: str, record: Record) -> Evidence:
    """The record of a variant, with every published number that it is compared with."""
    outcomes = outcomes_of(stored, variant)
    values = record.settings.model_dump(exclude_none=True, exclude_defaults=True)
    place = stored.description.variants[variant].place
    shared, apart = provenance(record)
    return Evidence(
        anchor=anchor(stored.preset, stored.item, variant),
        title=place,
        summary=summary(record, outcomes),
        kind=kind_text(stored, variant, record),
        outcomes=outcomes,
        facts=facts(stored, variant, record),
        chart=chart_of(record),
        seeds=seed_table(record),
        shared=shared,
        provenance=apart,
        commands=commands(record, len(stored.settings(variant).runs)),
        settings=dumped(values),
    )


def dumped(values: dict[str, Any]) -> str:
    """As YAML; in C, where PyYAML has that: a third of the time that evidence takes."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(values, None, dumper, sort_keys=False, default_flow_style=None, width=90)


def kind_text(stored: Drawing, variant: str, record: Record) -> str:
    """What kind of run it is, and in what it differs from the paper's settings."""
    if stored.preset == "smoke":
        return "A smoke run: small digits and short training, never compared with the paper."
    kind = kind_of(stored, variant, record)
    differences = "; ".join(kind.differences)
    beside = f"Beside the settings of the preset paper: {differences}."
    if not differences:
        beside = "It has the settings of the preset paper."
    if not is_of_paper(record.item):
        return f"Not in the paper. {beside}"
    words = {
        "reduced": "A reduced run.",
        "full": "A full run.",
        "not comparable": "Not comparable.",
    }
    return f"{words[kind.word]} {beside}"


def is_of_paper(item: str) -> bool:
    """A table or figure of the paper."""
    return item.startswith(("table", "figure"))


def summary(record: Record, outcomes: Sequence[Outcome]) -> str:
    """Our mean of what the record is there for, with its unit."""
    metric = outcomes[0].metric if outcomes else main_metric(record)
    if metric is None:
        return ""
    name = name_of(metric)
    found = [name.scale * s.metrics[metric] for s in record.seeds if metric in s.metrics]
    return f"{name.full}: {number(found, name.digits)} (n = {len(found)})" if found else name.full


def main_metric(record: Record) -> str | None:
    """The test error, or what comes first."""
    metrics = [name for seed in record.seeds for name in seed.metrics]
    return "test_error_percent" if "test_error_percent" in metrics else next(iter(metrics), None)


def facts(stored: Drawing, variant: str, record: Record) -> list[tuple[str, str]]:
    """Where the record is, what it was trained on, and what identifies it."""
    data = record.dataset
    size = f"{data.train:,} training images" + (f", {data.limit}" if data.limit else "")
    stale = "yes: settings or training code have changed since"
    path = records.path_of(record.preset, record.item, variant, stored.results)
    return [
        ("data", f"{title_of(data.name)}: {size}, {data.test:,} test images"),
        ("stale", stale if stored.stale(variant) else "no"),
        ("record", path.as_posix()),
        ("sha256 of the data", data.sha256),
        ("hash of the training settings", record.training_hash),
        ("hash of the training code", record.code_hash),
    ]


def seed_table(record: Record) -> Grid:
    """Metrics down, seeds across, the mean last."""
    metrics = list(dict.fromkeys(name for seed in record.seeds for name in seed.metrics))
    names = [seed_name(seed.seed, seed.label_seed) for seed in record.seeds]
    columns = ["metric", *names, "mean ± s.d."]
    return Grid(
        f"Seeds of {name_in_full(record)}",
        columns,
        [metric_row(record, metric) for metric in metrics],
    )


def name_in_full(record: Record) -> str:
    """Unlike that of any other record of the page."""
    return f"{record.item}/{record.variant} ({record.preset})"


def metric_row(record: Record, metric: str) -> list[str | Told]:
    name = name_of(metric)
    found = [name.scale * s.metrics[metric] for s in record.seeds if metric in s.metrics]
    cells = [
        name.value(seed.metrics[metric]) if metric in seed.metrics else "—" for seed in record.seeds
    ]
    return [name.full, *cells, str(number(found, name.digits))]


def provenance(record: Record) -> tuple[list[tuple[str, str]], Grid | None]:
    """With what and how fast it was trained: what many seeds share, and a table of the rest."""
    rows: dict[str, list[str]] = {
        "state": [seed.status for seed in record.seeds],
        "warnings": ["; ".join(seed.warnings) or "none" for seed in record.seeds],
        "machine": [machine(seed) for seed in record.seeds],
        "commit": [commit(seed) for seed in record.seeds],
        "updates": [f"{seed.provenance.updates:,}" for seed in record.seeds],
        "seconds": [f"{seed.provenance.seconds:,.0f}" for seed in record.seeds],
        "started": [seed.provenance.started[:19].replace("T", " ") for seed in record.seeds],
        "W&B run": [seed.provenance.wandb_id or "—" for seed in record.seeds],
    }
    names = [seed_name(s.seed, s.label_seed) for s in record.seeds]
    few = {name for name, cells in rows.items() if len(set(cells)) <= min(GROUPS, len(names) / 2)}
    few |= {name for name, cells in rows.items() if len(set(cells)) == 1}
    shared = [(name, of_groups(names, cells)) for name, cells in rows.items() if name in few]
    apart = {name: cells for name, cells in rows.items() if name not in few}
    # A row for each seed: ten identifiers beside one another would leave the page.
    lines = list(map(list, zip(names, *apart.values(), strict=True)))
    grid = Grid(f"Provenance of {name_in_full(record)}", ["how it was run", *apart], lines)
    return shared, grid if apart else None


def of_groups(seeds: Sequence[str], cells: Sequence[str]) -> str:
    """What all ``seeds`` share; where they differ, each text with its seeds."""
    by_text: dict[str, list[str]] = {}
    for seed, text in zip(seeds, cells, strict=True):
        by_text.setdefault(text, []).append(seed)
    if len(by_text) == 1:
        return cells[0]
    return "; ".join(f"{text} ({', '.join(own)})" for text, own in by_text.items())


def machine(seed: SeedResult) -> str:
    made = seed.provenance
    return f"{made.place}, {made.threads} thread(s), {made.precision}, torch {made.torch}"


def commit(seed: SeedResult) -> str:
    made = seed.provenance
    return (made.commit[:12] or "—") + (" (dirty)" if made.dirty else "")


def commands(record: Record, usual: int) -> list[tuple[str, str]]:
    """How to train the record again, with the time that it took; how to measure it again.

    Into a folder of its own: beside the stored record nothing would be left to train. ``usual`` is
    how many seeds are trained where none are asked for.
    """
    what = f"{record.item}/{record.variant} --preset {record.preset}"
    what += f" --precision {record.seeds[0].provenance.precision} --results {OWN}"
    if len(record.seeds) != usual:
        what += f" --seeds {len(record.seeds)}"
    seconds = [seed.provenance.seconds for seed in record.seeds]
    each = f", {duration(sum(seconds) / len(seconds))} a seed" if len(seconds) > 1 else ""
    took = f"About {duration(sum(seconds))} in all{each}, on {machine(record.seeds[0])}."
    kept = "Measures the weights that are kept after training, without training again."
    return [(f"aae train {what}", took), (f"aae measure {what}", kept)]
