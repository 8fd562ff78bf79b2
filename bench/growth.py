"""How time and memory grow with what a user may make larger.

    python -m bench.growth                  one thread of the CPU, under eight minutes
    python -m bench.growth --only seeds     one of: seeds, width, images, clusters, parzen
    python -m bench.growth --draw bench/results/growth_<machine>.json

Prints a table and writes bench/results/growth_<machine>.json, of which ``--draw`` makes
figures/bench/growth.png and .pdf. With ``--only``, nothing is written unless ``--out`` says where.

Each point is measured in a process of its own (``bench.points`` says how). An exponent is the slope
of the logarithms, by least squares over the upper half of the points, where constant costs matter
least: 1 is linear. Time is the median of a call. A network's parameters, and so the operations of
an update, are by nature quadratic in its width: time and memory are drawn against the parameters.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from replication.base.errors import UserError
from replication.base.options import amount
from replication.base.places import FIGURES
from replication.evidence.json_files import read_json
from replication.evidence.seeds import Machine
from replication.pages.speed import OfMachine
from replication.pages.style import new_figure, not_run, save_figure
from replication.settings.reading import known
from replication.settings.strict import Positive, PositiveNumber, Strict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What is above counts as worse. Two or three points know a slope to a tenth: an update that leaves
# the processor's caches takes up to a fifth longer, once.
LINEAR = 1.1


@dataclass(frozen=True)
class Series:
    """What grows: its ``values``, the quantity on the ``axis``, and what is ``timed``."""

    title: str
    axis: str
    timed: str
    values: tuple[int, ...]


SERIES = {
    "seeds": Series("Seeds (width 250)", "seeds stacked", "an update", (1, 2, 4, 8, 16, 32)),
    "width": Series(
        "Width 250 to 4000", "parameters of a model", "an update", (250, 500, 1000, 2000, 4000)
    ),
    "images": Series(
        "Images (width 250)",
        "images to train on",
        "an update",
        (6_000, 20_000, 60_000, 200_000, 600_000),
    ),
    "clusters": Series("Clusters (width 1000)", "clusters", "an update", (10, 30, 100, 300, 1000)),
    "parzen": Series("Parzen (100 images)", "samples", "a pass", (10**4, 10**5, 10**6, 10**7)),
}


class Point(Strict):
    """One measurement: at the series' ``value``, which is ``size`` of what the axis shows.

    ``seconds`` of what is timed, ``epoch_seconds`` of an epoch where images grow, and ``bytes`` of
    memory at the highest, beyond what torch and the data set take.
    """

    value: Positive
    size: Positive
    seconds: PositiveNumber
    epoch_seconds: PositiveNumber | None = None
    bytes: Positive


class Growth(OfMachine):
    """All that is stored: the machine, and the points of each series in ascending order."""

    series: dict[str, Annotated[list[Point], Field(min_length=2)]]


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 2 when something is wrong that the user can mend (one line says how)."""
    try:
        run(parser().parse_args(arguments))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing is written", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cpu", help="a torch device (cpu)")
    seconds = amount("number of seconds")
    parser.add_argument("--seconds", type=seconds, default=4.0, help="for each point, at least (4)")
    parser.add_argument("--only", choices=SERIES, help="measure this series alone")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    parser.add_argument("--draw", type=Path, help="draw this JSON file, measure nothing")
    parser.add_argument(
        "--point",
        nargs=2,
        metavar=("NAME", "VALUE"),
        help="measure one point in this process, and print its JSON",
    )
    return parser


def run(options: argparse.Namespace) -> None:
    if options.draw:
        stem = FIGURES / "bench" / "growth"
        save_figure(figure(read(options.draw)), stem)
        print(f"{stem}.png", f"{stem}.pdf", sep="\n")
        return
    if options.point:
        name, value = options.point
        known(name, SERIES, "series")
        if not value.isdecimal() or not int(value):
            raise UserError(f"{name} cannot be '{value}'", "give a positive whole number")
        from .points import measured

        print(measured(name, int(value), options.device, options.seconds).model_dump_json())
        return
    growth = measure([options.only] if options.only else list(SERIES), options)
    print(table(growth))
    if options.out or not options.only:
        import torch

        from bench.machine import store

        values = growth.model_dump(exclude_none=True)
        print(store("growth", values, torch.device(options.device), options.out))


def measure(names: Sequence[str], options: argparse.Namespace) -> Growth:
    """The series ``names``, each point in a process of its own."""
    import torch  # not needed to draw

    from bench.machine import machine

    series = {
        name: [in_own_process(name, value, options) for value in SERIES[name].values]
        for name in names
    }
    return Growth(machine=Machine(**machine(torch.device(options.device))), series=series)


def in_own_process(name: str, value: int, options: argparse.Namespace) -> Point:
    """A UserError says in one line what ended a point."""
    print(f"{name} {value} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "bench.growth", "--point", name, str(value)]
    command += ["--device", options.device, "--seconds", str(options.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.splitlines() or [f"ended with {done.returncode}"])[-1]
        problem, _, remedy = last.removeprefix("error: ").partition("; ")
        raise UserError(f"{name} at {value}: {problem}", remedy or "mend it and start again")
    return Point.model_validate_json(done.stdout.splitlines()[-1])


def read(path: Path) -> Growth:
    """The stored growth; a UserError if the file is missing, damaged or of another kind."""
    remedy = "make it with python -m bench.growth"
    growth = read_json(path, Growth, remedy)
    if unknown := growth.series.keys() - SERIES.keys():
        raise UserError(f"{path} has an unknown series '{min(unknown)}'", remedy)
    return growth


def upper_half(points: Sequence[Any]) -> Sequence[Any]:
    """The last half of them, the middle one included, and no fewer than two."""
    return points[-max(2, math.ceil(len(points) / 2)) :]


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """b of the power law values = a sizes^b that fits the upper half best, on logarithms.

    Both are positive, in ascending order of ``sizes``; a ValueError if there are fewer than two.
    """
    if len(sizes) < 2 or len(sizes) != len(values):
        raise ValueError(f"want two points or more, not {len(sizes)} and {len(values)}")
    slope, _ = np.polyfit(np.log(upper_half(sizes)), np.log(upper_half(values)), 1)
    return float(slope)


def columns(name: str, points: Sequence[Point]) -> dict[str, list[float]]:
    """What was measured: each quantity, with its unit, and its value at every point."""
    found = {f"{SERIES[name].timed}, s": [p.seconds for p in points]}
    epochs = [p.epoch_seconds for p in points if p.epoch_seconds is not None]
    if len(epochs) == len(points):
        found["an epoch, s"] = epochs
    return {**found, "memory, MB": [p.bytes / 1e6 for p in points]}


def table(growth: Growth) -> str:
    """Every series, its exponents below, and in the last line what is worse than linear."""
    lines = [f"{growth.machine.device}, one thread"]
    worse = []
    for name, points in growth.series.items():
        measured = columns(name, points)
        lines += ["", SERIES[name].title, _row(SERIES[name].axis, measured)]
        for n, point in enumerate(points):
            lines.append(_row(f"{point.size:,}", [f"{v[n]:.4g}" for v in measured.values()]))
        slopes = exponents(name, points)
        lines.append(_row("exponent", [f"{slope:.2f}" for slope in slopes.values()]))
        worse += [f"{name} ({what})" for what, slope in slopes.items() if slope > LINEAR]
    return "\n".join([*lines, "", f"worse than linear: {', '.join(worse) or 'nothing'}"])


def _row(first: str, cells: Any) -> str:
    return f"{first:>24}" + "".join(f"{cell:>16}" for cell in cells)


def exponents(name: str, points: Sequence[Point]) -> dict[str, float]:
    sizes = [p.size for p in points]
    return {what: exponent(sizes, values) for what, values in columns(name, points).items()}


def figure(growth: Growth) -> "Figure":
    """A column for each series: time above, memory below, all axes logarithmic."""
    drawn = new_figure(10, 5)
    axes = drawn.subplots(2, len(SERIES), sharex="col", sharey="row", squeeze=False)
    values: tuple[list[float], list[float]] = ([], [])
    for (above, below), (name, series) in zip(axes.T, SERIES.items(), strict=True):
        above.set_title(series.title)
        below.set_xlabel(series.axis)
        if name not in growth.series:
            not_run(above)
            not_run(below)
            continue
        points = growth.series[name]
        measured = columns(name, points)
        memory = {"memory, MB": measured.pop("memory, MB")}
        sizes = [p.size for p in points]
        for row, own, lines in zip(values, (above, below), (measured, memory), strict=True):
            panel(own, sizes, lines)
            row += [value for line in lines.values() for value in line]
    axes[0, 0].set_ylabel("time, s")
    axes[1, 0].set_ylabel("memory, MB")
    for own, row in zip(axes[:, 0], values, strict=True):
        if row:  # room above for the legends; where little grows, the linear law leaves the panel
            own.set_ylim(min(row) / 3, max(row) * 100)
    explained = "dashed: the power law that fits the upper half, in the legend"
    drawn.suptitle(f"{growth.machine.device}, one thread; {explained}")
    return drawn


def panel(axes: "Axes", sizes: Sequence[float], lines: dict[str, list[float]]) -> None:
    """Each of ``lines`` with its fitted power law, and from where that begins, a linear one."""
    for number, (what, values) in enumerate(lines.items()):
        slope = exponent(sizes, values)
        ends = np.array(upper_half(sizes), dtype=float)
        scale = np.exp(np.mean(np.log(upper_half(values)) - slope * np.log(ends)))
        fitted = scale * ends**slope
        colour, name = f"C{number}", what.rpartition(", ")[0]
        axes.plot(sizes, values, "o", color=colour, ms=4, label=f"{name}: $n^{{{slope:.2f}}}$")
        axes.plot(ends, fitted, "--", color=colour, lw=1.2)
        linear = None if number else "linear: $n$"
        axes.plot(ends, fitted[0] * ends / ends[0], color="0.7", lw=1, zorder=0, label=linear)
    axes.set(xscale="log", yscale="log")
    axes.minorticks_off()
    axes.legend(loc="upper left", frameon=False, handletextpad=0.1, borderpad=0, fontsize=8)


if __name__ == "__main__":
    sys.exit(main())
