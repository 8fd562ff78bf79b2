"""The one style of all figures: sizes, colours, and how a figure is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from replication.evidence.records import Record

# Of the ten digits, told apart with deuteranopia and protanopia, too (a test measures it).
DIGITS = (
    "#9f209f",
    "#4080ff",
    "#20c070",
    "#df6020",
    "#604060",
    "#20bfff",
    "#408060",
    "#604000",
    "#ff9fbf",
    "#dfbf20",
)
# Of lines: Okabe and Ito's, without the yellow that white swallows.
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f")
OURS, LITERAL, REFERENCE = LINES[1], LINES[0], "#999999"
SCREEN_DPI, PRINT_DPI = 150, 300
SMALL, TINY = 8, 7  # font sizes beside the 9 of titles and axes
STRETCHED = 1.2  # how much farther a frame may reach for the last thousandth of the codes


def new_figure(width: float, height: float, **layout: Any) -> "Figure":
    """An empty figure of that size in inches."""
    import matplotlib
    from cycler import cycler
    from matplotlib.figure import Figure

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=LINES),
            "legend.frameon": False,
            "legend.fontsize": SMALL,
            "figure.dpi": SCREEN_DPI,
            "figure.titlesize": 10,
            "pdf.fonttype": 42,
        }
    )
    return Figure(figsize=(width, height), layout="constrained", **layout)


def save_figure(figure: "Figure", stem: Path) -> None:
    """Write ``figure`` as ``stem``.png and .pdf; equal content gives equal bytes.

    What is a bitmap in the .pdf has the resolution that journals ask for.
    """
    import io

    from replication.base.files import write_atomically

    endings = {
        "png": (SCREEN_DPI, {"Software": None}),
        "pdf": (PRINT_DPI, {"CreationDate": None}),
    }
    for ending, (dpi, metadata) in endings.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, dpi=dpi, metadata=metadata)
        write_atomically(stem.with_suffix(f".{ending}"), buffer.getvalue())


def scatter_by_class(
    axes: "Axes", codes: np.ndarray, labels: np.ndarray, kept: np.ndarray | None = None
) -> None:
    """2-D ``codes`` [N, 2] as points, a colour for each of ten classes [N], its digit upon it.

    No digit stands upon a place of ``kept`` [m, 2].
    """
    codes = codes.astype(float)
    size = 200 / len(codes) ** 0.5  # 10,000 points stay apart, 400 stay visible
    for digit, colour in enumerate(DIGITS):
        style = {"ms": size**0.5, "mew": 0, "color": colour, "rasterized": True}
        axes.plot(*codes[labels == digit].T, ".", label=digit, **style)
    for digit, (x, y) in label_places(codes, labels, kept).items():
        outlined(axes, x, y, str(digit), DIGITS[digit])


def outlined(axes: "Axes", x: float, y: float, text: str, colour: str) -> None:
    """Black ``text`` on a white disc with a rim of ``colour``: readable upon anything."""
    disc = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": colour, "lw": 1.5, "alpha": 0.9}
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold"}
    axes.text(x, y, text, bbox=disc, fontsize=SMALL, clip_on=True, zorder=5, **place)


def label_places(
    codes: np.ndarray, labels: np.ndarray, kept: np.ndarray | None = None
) -> dict[int, np.ndarray]:
    """For each class one of its ``codes`` [N, 2], where it is most by itself and dense.

    Apart from the places of the classes before it and from ``kept`` [m, 2], as far as can be had.
    """
    some = slice(None, None, len(codes) // 2000 + 1)
    points, classes = codes[some], labels[some]
    near = max(5, len(points) // 50)
    span = np.quantile(points, 0.98, axis=0) - np.quantile(points, 0.02, axis=0)
    unit = np.where(span > 0, span, 1)
    points = points / unit
    places: dict[int, np.ndarray] = {}
    taken = np.empty((0, 2))
    marked = taken if kept is None else kept / unit
    for digit in np.unique(classes):
        own = np.flatnonzero(classes == digit)
        distances = np.square(points[own, None] - points).sum(-1)
        nearest = np.argpartition(distances, near, axis=1)[:, :near]
        purity = (classes[nearest] == digit).mean(1)
        radius = np.sqrt(np.take_along_axis(distances, nearest, 1).max(1))
        # A disc is 0.12 wide: none may hide another. Half of that beside a mark hides neither.
        crowded = 5 * closeness(points[own], taken, 0.12) + closeness(points[own], marked, 0.06)
        best = (purity - 5 * radius - crowded).argmax()
        places[int(digit)] = codes[some][own[best]]
        taken = np.vstack([taken, points[own[best]]])
    return places


def closeness(points: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """Of each of ``points`` [N, 2] to ``others`` [m, 2], [N]: 1 for one upon it, near 0 beyond."""
    apart = np.square(points[:, None] - others).sum(-1)
    return np.exp(-apart / reach**2).sum(1)


def in_decades(axis: "Axis") -> None:
    """Few labels on an axis that is logarithmic: 1, 2, 3 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def square_frame(axes: "Axes", codes: np.ndarray, least: float) -> None:
    """Equal axes about zero, to ``least`` or farther, that hold all ``codes`` [N, 2].

    Without the farthest thousandth where that would shrink the rest: the panel says how many.
    """
    reaches = np.abs(codes.astype(float))
    far, farthest = np.quantile(reaches, 0.999, axis=0).max(), reaches.max()
    reach = max(least, 1.03 * float(farthest if farthest < STRETCHED * far else far))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    if outside := int((reaches > reach).any(1).sum()):
        text = f"{outside} of {len(codes):,} outside"
        place: dict[str, Any] = {"ha": "right", "va": "top", "transform": axes.transAxes}
        axes.text(1, 1, text, fontsize=TINY, **place)


def not_run(axes: "Axes", record: "Record | None" = None, text: str = "") -> None:
    """An empty panel that says why: ``text``, or that no seed of the ``record`` came to an end."""
    text = text or ("not run" if record is None else "diverged")
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    # Hidden, not removed: panels beside it may share the axes.
    axes.tick_params(which="both", bottom=False, left=False, labelbottom=False, labelleft=False)
