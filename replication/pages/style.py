"""The one style of all figures: sizes, colours, and how a figure is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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


def scatter_by_class(axes: "Axes", codes: np.ndarray, labels: np.ndarray) -> None:
    """2-D ``codes`` [N, 2] as points, a colour for each of ten classes [N], its digit upon it."""
    size = 200 / len(codes) ** 0.5  # 10,000 points stay apart, 400 stay visible
    for digit, colour in enumerate(DIGITS):
        own = codes[labels == digit].astype(float)
        style = {"ms": size**0.5, "mew": 0, "color": colour, "rasterized": True}
        axes.plot(*own.T, ".", label=digit, **style)
    for digit in range(len(DIGITS)):
        if (labels == digit).any():
            x, y = densest(codes[labels == digit].astype(float))
            outlined(axes, x, y, str(digit))


def outlined(axes: "Axes", x: float, y: float, text: str) -> None:
    """Black ``text`` that stays readable upon anything."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground="white")]
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold"}
    axes.text(x, y, text, path_effects=halo, clip_on=True, **place)


def densest(points: np.ndarray) -> np.ndarray:
    """The one of ``points`` [N, 2] around which most others lie: a place within the cloud."""
    some = points[:: len(points) // 400 + 1]
    distances = np.sort(np.square(some[:, None] - some).sum(-1), axis=1)
    return some[distances[:, len(some) // 4].argmin()]


def not_run(axes: "Axes", text: str = "not run") -> None:
    """An empty panel that says so."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
