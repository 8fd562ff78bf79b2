"""How long until an error is reached: recipes of ours, the paper's, and what needs no network.

    python -m bench.quality                 measures what has no record: twelve core-minutes
    python -m bench.quality --draw bench/results/quality_<machine>.json

Prints how many core-minutes each method takes to each error, and writes
bench/results/quality_<machine>.json. ``--draw`` makes figures/bench/quality.png and .pdf.

What is trained by this suite is read from the records at the preset quick: the test error along
training, its minutes in proportion to the updates (the clock is read at the end alone). What no
record has is measured here, in one thread, from arrays to predictions: label spreading and
pseudo-labels with 100 labels of MNIST, k-means without. Test errors choose nothing here.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.baselines import Baseline, measured
from replication.base.errors import UserError
from replication.base.options import folder_to_read, positive
from replication.base.places import FIGURES
from replication.evidence.json_files import read_json
from replication.evidence.records import RESULTS, Record, path_of
from replication.evidence.records import read as read_record
from replication.evidence.seeds import Machine
from replication.pages.minutes import along_minutes, way
from replication.pages.speed import OfMachine
from replication.pages.style import LINES, SMALL, in_decades, new_figure, save_figure
from replication.settings.strict import Positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRESET, ERROR = "quick", "test_error_percent"


@dataclass(frozen=True)
class Task:
    """What is to be learned, the errors to reach, and the records of the methods: item, variant."""

    title: str
    levels: tuple[float, ...]
    records: dict[str, tuple[str, str]]


TASKS = {
    "labels_100": Task(
        "MNIST, 100 labels",
        (5.0, 2.2, 1.9),
        {
            "ours": ("ours_semi_supervised", "mnist_100"),
            "Table 2's recipe": ("table2_semi_supervised", "mnist_100"),
            "the labels alone": ("table2_semi_supervised", "nn_100"),
        },
    ),
    "clusters_16": Task(
        "MNIST, no labels, 16 clusters",
        (20.0, 9.55, 4.1),
        {
            "ours, with warps": ("ours_clustering", "clusters_16"),
            "ours, permutation-invariant": ("ours_clustering", "invariant_16"),
            "Table 3's recipe": ("table3_clustering", "clusters_16"),
        },
    ),
}


class Quality(OfMachine):
    """All that is stored."""

    seeds: Positive
    baselines: list[Baseline]


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 2 when something is wrong that the user can mend (one line says how)."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=positive, default=3, help="label draws of each method (3)")
    told = "folder of records"
    parser.add_argument("--results", type=folder_to_read, default=RESULTS, help=told)
    parser.add_argument("--out", type=Path, help="(bench/results/quality_<machine>.json)")
    parser.add_argument("--draw", type=Path, help="draw this JSON file, measure nothing")
    try:
        run(parser.parse_args(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    if options.draw:
        found = read(options.draw)
        stem = FIGURES / "bench" / "quality"
        save_figure(figure(found, options.results), stem)
        print(f"{stem}.png", f"{stem}.pdf", sep="\n")
        return
    import torch

    from bench.machine import machine, store

    device = torch.device("cpu")
    torch.set_num_threads(1)
    baselines = measured(options.seeds)
    found = Quality(machine=Machine(**machine(device)), seeds=options.seeds, baselines=baselines)
    print(table(found, options.results))
    print(store("quality", found.model_dump(), device, options.out))


def read(path: Path) -> Quality:
    """The stored measurements; a UserError if the file is missing or damaged."""
    return read_json(path, Quality, "make it with python -m bench.quality")


def records_of(task: Task, results: Path) -> Iterator[tuple[str, Record | None]]:
    for method, (item, variant) in task.records.items():
        path = path_of(PRESET, item, variant, results)
        yield method, read_record(path) if path.exists() else None


def minutes_to(record: Record, level: float) -> float | None:
    """Core-minutes until the mean error over the seeds first is ``level`` or less."""
    minutes, errors = along_minutes(record, ERROR)
    if not len(minutes):
        return None
    reached = np.flatnonzero(errors.mean(0) <= level)
    return float(minutes[reached[0]]) if len(reached) else None


def table(found: Quality, results: Path) -> str:
    """A line for each method: its last error, and the minutes to each level."""
    lines = [f"{found.machine.device}, one thread; core-minutes to a test error"]
    for name, task in TASKS.items():
        lines += ["", _row(task.title, ["error", *(f"{level:g} %" for level in task.levels)])]
        for method, record in records_of(task, results):
            if record is None or not (values := record.values(ERROR)):
                lines.append(_row(method, ["not run"]))
                continue
            times = [minutes_to(record, level) for level in task.levels]
            shown = ["—" if t is None else f"{t:.1f}" for t in times]
            lines.append(_row(method, [f"{np.mean(values):.2f}", *shown]))
        for own in found.baselines:
            if own.task == name:
                error, time = np.mean(own.errors), f"{own.core_minutes:.1f}"
                shown = [time if error <= level else "—" for level in task.levels]
                lines.append(_row(own.method, [f"{error:.2f}", *shown]))
    return "\n".join(lines)


def _row(first: str, cells: list[str]) -> str:
    return f"{first:>34}" + "".join(f"{cell:>10}" for cell in cells)


def figure(found: Quality, results: Path) -> "Figure":
    """A panel for each task: the test error along core-minutes, both logarithmic."""
    drawn = new_figure(9, 4.8)
    for axes, (name, task) in zip(drawn.subplots(1, 2), TASKS.items(), strict=True):
        panel(axes, task, results, [b for b in found.baselines if b.task == name])
    drawn.suptitle("Test error by the time that a core has worked (mean and range over seeds)")
    return drawn


def panel(axes: "Axes", task: Task, results: Path, baselines: list[Baseline]) -> None:
    """Lines of the records, points of what was measured here, and the levels."""
    axes.set(title=task.title, xscale="log", yscale="log")
    axes.set(xlabel="core-minutes", ylabel="test error, %")
    colours = iter(LINES)
    for method, record in records_of(task, results):
        colour = next(colours)
        if record is None or not record.healthy:
            axes.plot([], [], color=colour, label=f"{method}: not run")
            continue
        minutes, errors = along_minutes(record, ERROR)
        label = f"{method} (n={len(errors)}; {way(record)})"
        axes.plot(minutes, errors.mean(0), color=colour, label=label)
        axes.fill_between(minutes, errors.min(0), errors.max(0), color=colour, alpha=0.2, lw=0)
    for own in baselines:
        error, label = float(np.mean(own.errors)), f"{own.method} (n={len(own.errors)})"
        axes.plot([own.core_minutes], [error], "o", color=next(colours), label=label)
    for level in task.levels:
        axes.axhline(level, color="0.8", lw=0.6, zorder=0)
        axes.annotate(f"{level:g}", (1, level), xycoords=("axes fraction", "data"), fontsize=SMALL)
    in_decades(axes.xaxis)
    in_decades(axes.yaxis)
    axes.legend(fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.5, -0.16))


if __name__ == "__main__":
    sys.exit(main())
