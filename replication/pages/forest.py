"""The forest plot: each published number beside ours, on one axis, as a page's rows and a picture.

A place on the axis is our mean minus the published number, in units of its margin, signed so that
what is to the right is worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .style import LINES, SMALL, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Shape = Literal["full", "reduced", "not comparable", "ours"]
FOREST = Path("figures/forest.png")
LEAST, MOST = -4.0, 8.0  # of the axis, in margins; what lies beyond is an arrow
SHAPES: dict[Shape, str] = {
    "full": "full run, with the paper's settings",
    "reduced": "reduced run (less training, smaller networks)",
    "not comparable": "other data or a part of them",
    "ours": "recipe of ours, never judged",
}
# Of a mark in the page (SVG) and in the picture (matplotlib).
PATHS: dict[Shape, str] = {
    "full": "M-5-5H5V5H-5Z",
    "reduced": "M0-6L6 0 0 6-6 0Z",
    "not comparable": "M-5-5L5 5M-5 5L5-5",
    "ours": "M0-6L6 5H-6Z",
}
CUT = {"left": "M0-3.5L-5 0 0 3.5Z", "right": "M0-3.5L5 0 0 3.5Z"}  # an interval goes on
MARKERS: dict[Shape, str] = {"full": "s", "reduced": "D", "not comparable": "x", "ours": "^"}
COLOURS: dict[Shape, str] = {
    "full": LINES[0],
    "reduced": LINES[0],
    "not comparable": LINES[7],
    "ours": LINES[1],
}


@dataclass(frozen=True)
class Mark:
    """One result of ours: where it lies, its 95 % interval if it has one, where it leads to."""

    shape: Shape
    value: float
    interval: tuple[float, float] | None
    text: str
    anchor: str

    @property
    def beyond(self) -> Literal["", "left", "right"]:
        if self.value > MOST:
            return "right"
        return "left" if self.value < LEAST else ""

    @property
    def x(self) -> str:
        return place(self.value)

    @property
    def ends(self) -> tuple[str, str] | None:
        if self.interval is None or self.beyond:
            return None
        low, high = self.interval
        return place(low), place(high)

    @property
    def cuts(self) -> list[tuple[str, str]]:
        """Where the interval goes on beyond the axis: the place, and the arrow there."""
        if self.interval is None or self.beyond:
            return []
        low, high = self.interval
        left = [(place(LEAST), CUT["left"])] if low < LEAST else []
        return [*left, *([(place(MOST), CUT["right"])] if high > MOST else [])]

    @property
    def path(self) -> str:
        return {"left": "M6-6L-6 0 6 6Z", "right": "M-6-6L6 0-6 6Z"}.get(
            self.beyond, PATHS[self.shape]
        )


@dataclass(frozen=True)
class Row:
    """A published number, ours beside it, and the word of the verdict."""

    place: str
    anchor: str
    marks: Sequence[Mark]
    word: str


def place(value: float) -> str:
    """Where a value in margins lies, as a share of the axis; beyond its ends, at them."""
    share = (min(max(value, LEAST), MOST) - LEAST) / (MOST - LEAST)
    return f"{100 * (0.015 + 0.97 * share):.2f}%"


def ticks() -> list[tuple[str, str]]:
    return [(place(value), f"{value:+d}" if value else "0") for value in range(-4, 9, 2)]


def margin() -> tuple[str, str]:
    """Where the band of the margin begins, and how wide it is."""
    low, high = (float(place(value).rstrip("%")) for value in (-1.0, 1.0))
    return f"{low:.2f}%", f"{high - low:.2f}%"


def draw_forest(rows: Sequence[Row], path: Path = FOREST) -> None:
    """The rows that have marks, as a picture."""
    from matplotlib.lines import Line2D

    shown = [row for row in rows if row.marks]
    figure = new_figure(8, 0.8 + 0.24 * max(1, len(shown)))
    axes = figure.subplots()
    axes.axvspan(-1, 1, color="#d9f2de", lw=0)
    axes.axvline(0, color="0.5", lw=0.8)
    for height, row in enumerate(shown):
        for mark in row.marks:
            draw_mark(axes, height, mark)
    axes.set_yticks(range(len(shown)), [row.place for row in shown], fontsize=SMALL)
    axes.set(xlim=(LEAST - 0.2, MOST + 0.2), ylim=(max(1, len(shown)) - 0.4, -0.6))
    axes.set_xlabel("ours minus published, in margins (green: within the margin; right: worse)")
    handles = []
    for shape in dict.fromkeys(mark.shape for row in shown for mark in row.marks):
        fill = COLOURS[shape] if shape == "full" else "white"
        line = Line2D([], [], color=COLOURS[shape], marker=MARKERS[shape], mfc=fill, ls="", mew=1.4)
        line.set_label(SHAPES[shape])
        handles.append(line)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    save_figure(figure, path.with_suffix(""))


def draw_mark(axes: "Axes", height: int, mark: Mark) -> None:
    """A marker with its interval; beyond the axis an arrow with its value."""
    colour = COLOURS[mark.shape]
    at = min(max(mark.value, LEAST), MOST)
    marker = {"left": "<", "right": ">"}.get(mark.beyond, MARKERS[mark.shape])
    if mark.interval and not mark.beyond:
        ends = [min(max(end, LEAST), MOST) for end in mark.interval]
        axes.plot(ends, [height, height], color=colour, lw=1.4)
        for end, limit, arrow in zip(mark.interval, (LEAST, MOST), "<>", strict=True):
            if (end - limit) * (1 if arrow == ">" else -1) > 0:
                axes.plot([limit], [height], arrow, color=colour, ms=4, clip_on=False)
    fill = colour if mark.shape == "full" else "white"
    axes.plot([at], [height], marker, color=colour, mfc=fill, ms=6, mew=1.4)
    if mark.beyond:
        side = -1 if mark.beyond == "right" else 1
        style: dict[str, Any] = {"ha": "right" if side < 0 else "left", "va": "center"}
        style["bbox"] = {"fc": "white", "ec": "none", "pad": 0.5}
        text = f"{mark.value:+.1f}"
        axes.annotate(
            text, (at, height), (8 * side, 0), textcoords="offset points", fontsize=SMALL, **style
        )
