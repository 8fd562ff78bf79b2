"""Architecture diagrams (Figures 1, 3, 6, 8 and 10), drawn from the trace of one real update."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replication.pages.drawing import Drawing
from replication.pages.style import new_figure, save_figure

from .layout import LINE, MARGIN, SYMBOLS, WIDTH, Arrow, Box, Diagram, Layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from replication.settings.models import StylePrior

    from .trace import Architecture, Loss


Style = dict[str, Any]
CENTRED: Style = {"ha": "center", "va": "center"}
# One for each loss, dark enough for white text.
COLOURS = ("#0b5fa5", "#b5420c", "#7d3c98", "#0a6b4f", "#7a5c00", "#8c1d40")
INK, FAINT = "#222222", "#666666"
FILLS = {"network": "#eaf0f8", "adversary": "#f8eee6", "code": "#fdf8df", "symbol": "#ffffff"}


def draw_diagram(drawing: Drawing, variant: str) -> None:
    """Trace one update of ``variant`` as today's settings have it, and draw its architecture."""
    from .trace import trace

    settings = drawing.settings(variant)
    architecture = trace(settings)
    # Of settings, not of records: nothing here can be stale.
    save_figure(figure_of(architecture, settings.style_prior, drawing.title("")), drawing.stem)


def figure_of(architecture: "Architecture", prior: "StylePrior", title: str) -> "Figure":
    """The diagram, 7 inches wide; ``title`` says what limits it, if anything does."""
    diagram = Layout(architecture, prior).diagram()
    figure = new_figure(WIDTH, diagram.height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, diagram.height))
    axes.axis("off")
    marks = marks_of(architecture.losses)
    for arrow in diagram.arrows:
        draw_arrow(axes, arrow)
    for box in diagram.boxes.values():
        draw_box(axes, box)
        trained = [m for m in marks if box.units and set(box.units) <= m.loss.trains]
        draw_marks(axes, trained, box.x, box.bottom + 0.13)
    draw_losses(axes, diagram, marks)
    draw_legend(axes, architecture, marks)
    axes.text(WIDTH / 2, diagram.height - 0.15, title, fontsize=8, color="#b00020", **CENTRED)
    return figure


@dataclass(frozen=True)
class Mark:
    """A loss with its number, such as 2a: the first loss of the second phase."""

    text: str
    colour: str
    loss: "Loss"


def marks_of(losses: "list[Loss]") -> list[Mark]:
    phases = list(dict.fromkeys(loss.phase for loss in losses))
    marks = []
    for number, loss in enumerate(losses):
        siblings = [other.name for other in losses if other.phase == loss.phase]
        letter = "abcdef"[siblings.index(loss.name)] if len(siblings) > 1 else ""
        marks.append(
            Mark(f"{phases.index(loss.phase) + 1}{letter}", COLOURS[number % len(COLOURS)], loss)
        )
    return marks


def draw_box(axes: "Axes", box: Box) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    if box.kind == "sum":
        axes.add_patch(Circle((box.x, box.y), box.width / 2, fc="white", ec=INK, lw=0.8))
        axes.text(box.x, box.y - 0.005, box.title, fontsize=9, **CENTRED)
        return
    style: Style = {"boxstyle": "round,pad=0,rounding_size=0.06", "ec": INK, "lw": 0.8}
    corner, fill = (box.left, box.bottom), FILLS[box.kind]
    axes.add_patch(FancyBboxPatch(corner, box.width, box.height, fc=fill, **style))
    if box.hidden_sizes:
        axes.text(box.x, box.top - 0.13, box.title, fontsize=7.5, **CENTRED)
        draw_layers(axes, box)
        return
    top = {"code": box.top - 0.15, "symbol": box.y + (0.08 if box.note else 0)}[box.kind]
    size = 10 if box.title.startswith("$") else 7
    axes.text(box.x, top, box.title, fontsize=size, **CENTRED)
    low = box.y - 0.02 if box.kind == "code" else box.y - 0.13
    axes.text(box.x, low, box.note, fontsize=6.5, color=FAINT, **CENTRED)


def draw_layers(axes: "Axes", box: Box) -> None:
    """The hidden layers as upright bars, with their widths."""
    from matplotlib.patches import Rectangle

    width, pitch = 0.19, min(0.3, (box.width - 0.2) / len(box.hidden_sizes))
    bottom, top = box.bottom + 0.26, box.top - 0.25
    for i, units in enumerate(box.hidden_sizes):
        x = box.x + pitch * (i - (len(box.hidden_sizes) - 1) / 2)
        bar = Rectangle((x - width / 2, bottom), width, top - bottom, fc="white", ec=FAINT, lw=0.6)
        axes.add_patch(bar)
        axes.text(x, (bottom + top) / 2, str(units), rotation=90, fontsize=6.5, **CENTRED)


def draw_arrow(axes: "Axes", arrow: Arrow) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    path = Path(arrow.points)
    style: Style = {"arrowstyle": "-|>", "mutation_scale": 8, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(path=path, fc=INK, ec=INK, lw=0.8, joinstyle="miter", **style))
    (x, y), (end, level) = arrow.points[-2:]
    upright = x == end
    middle = (x + end - 0.06) / 2
    if end - x > 1:  # near the arrow's head, where it passes nothing
        middle = end - 0.45
    if arrow.sign:
        circle: Style = {"boxstyle": "circle,pad=0.1", "fc": "white", "ec": INK, "lw": 0.6}
        axes.text(end - 0.2, level, arrow.sign, bbox=circle, fontsize=8, **CENTRED)
    if arrow.size is not None and upright:
        axes.text(x + 0.05, (y + level) / 2, str(arrow.size), fontsize=7, va="center")
    elif arrow.size is not None:
        axes.text(middle, level + 0.03, str(arrow.size), fontsize=7, ha="center", va="bottom")
    if arrow.note:
        below: Style = {"fontsize": 6, "ha": "center", "va": "top", "color": FAINT}
        axes.text(middle, level - 0.03, arrow.note, **below)


def draw_marks(axes: "Axes", marks: list[Mark], x: float, y: float) -> None:
    """Numbered discs in a row about ``x``."""
    from matplotlib.patches import Circle

    for i, mark in enumerate(marks):
        at = x + 0.19 * (i - (len(marks) - 1) / 2)
        axes.add_patch(Circle((at, y), 0.08, fc=mark.colour, ec="none"))
        axes.text(at, y - 0.005, mark.text, color="white", fontsize=6, **CENTRED)


def draw_losses(axes: "Axes", diagram: Diagram, marks: list[Mark]) -> None:
    """The losses' names where they arise: below the outputs, above the codes."""
    for name, box in diagram.boxes.items():
        arising = [mark for mark in marks if name in mark.loss.sources]
        if box.kind == "symbol" and not name.endswith((".output", ".logit")):
            continue  # what only comes in is named in the legend
        for i, mark in enumerate(arising):
            style: Style = {"fontsize": 7, "va": "center", "color": mark.colour}
            text = mark.loss.name.replace("_", " ")
            if box.kind == "symbol":
                y = box.bottom - 0.13 - 0.18 * i
                draw_marks(axes, [mark], box.right - 0.88, y)
                axes.text(box.right - 0.76, y, text, **style)
            elif name.startswith("encoder"):
                y = box.top + 0.24 + 0.18 * i
                draw_marks(axes, [mark], box.x - 0.14, y)
                axes.text(box.x - 0.26, y, text, ha="right", **style)
            else:
                y = box.top + 0.24 + 0.18 * i
                draw_marks(axes, [mark], box.x - 0.2, y)
                axes.text(box.x - 0.08, y, text, **style)


def draw_legend(axes: "Axes", architecture: "Architecture", marks: list[Mark]) -> None:
    """A line for each loss: its phase, what it is computed from, what it trains."""
    columns = (MARGIN + 0.22, 1.3, 2.35, 4.0)
    top = LINE * (len(marks) + 1.5) + 0.06
    bars = "Upright bars: hidden layers with their number of units (ReLU)."
    signs = "  A discriminator is shown samples of the prior (+) and codes (−)."
    axes.text(MARGIN, 0.11, bars + (signs if draws_samples(architecture) else ""), fontsize=6.5)
    head = ("loss", "phase", "computed from", "trains: its number stands in these boxes")
    axes.plot([MARGIN, WIDTH - MARGIN], [top - LINE / 2] * 2, color=FAINT, lw=0.5)
    for x, text in zip(columns, head, strict=True):
        axes.text(x, top, text, fontsize=7, va="center", color=FAINT)
    for i, mark in enumerate(marks):
        y = top - LINE * (i + 1.05)
        draw_marks(axes, [mark], MARGIN + 0.08, y)
        sources = " and ".join(spoken(name) for name in sorted(mark.loss.sources))
        sources += shown_to(mark.loss)
        phase = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mark.loss.phase).lower()
        cells = (mark.loss.name.replace("_", " "), phase, sources, trained(mark, architecture))
        for x, text in zip(columns, cells, strict=True):
            axes.text(x, y - 0.035, text, fontsize=7)  # on one baseline, formulae too


def draws_samples(architecture: "Architecture") -> bool:
    """There is a discriminator."""
    return any(unit.endswith(".logit") for unit in architecture.units)


def shown_to(loss: "Loss") -> str:
    """What the discriminators see whose outputs make the loss: of both kinds, or codes alone."""
    if not any(name.endswith(".logit") for name in loss.sources):
        return ""
    learn = any(unit.endswith(".logit") for unit in loss.trains)
    return " of + and −" if learn else " of −"


def spoken(name: str) -> str:
    return SYMBOLS.get(name, (name.rpartition(".")[2].replace("_", " "), ""))[0]


def trained(mark: Mark, architecture: "Architecture") -> str:
    """The parts that a loss trains; of a part that it trains in part, the modules."""
    parts: dict[str, list[str]] = {}
    for unit in architecture.units:
        parts.setdefault(unit.split(".")[0], []).append(unit)
    texts = []
    for part, units in parts.items():
        chosen = [spoken_unit(unit) for unit in units if unit in mark.loss.trains]
        some = f" ({', '.join(chosen)})" if len(chosen) < len(units) else ""
        texts += [part.replace("_", " ") + some] if chosen else []
    return ", ".join(texts)


def spoken_unit(unit: str) -> str:
    name = unit.rpartition(".")[2].replace("_", " ")
    return f"{name} head" if ".heads." in unit else name
