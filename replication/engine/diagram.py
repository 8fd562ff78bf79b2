"""Architecture diagrams (Figures 1, 3, 6, 8 and 10), drawn from the trace of one real update.

In the paper's arrangement: the autoencoder from left to right, below it the adversarial network of
the style code, above it that of the label code. Lengths are in inches.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .drawing import Drawing, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .config import StylePrior
    from .trace import Architecture, Flow, Loss

Style = dict[str, Any]
CENTRED: Style = {"ha": "center", "va": "center"}
WIDTH = 7.0
MARGIN = 0.12
SYMBOL, NETWORK, CODE = 0.64, 1.12, 0.62  # widths of boxes
ADVERSARY_HEIGHT, GAP, LINE = 1.0, 0.34, 0.19
# One for each loss, dark enough for white text.
COLOURS = ("#0b5fa5", "#b5420c", "#7d3c98", "#0a6b4f", "#7a5c00", "#8c1d40")
INK, FAINT = "#222222", "#666666"
FILLS = {"network": "#eaf0f8", "adversary": "#f8eee6", "code": "#fdf8df", "symbol": "#ffffff"}
# What the sources are called in the paper, and what stands below; else their own name.
SYMBOLS = {
    "images": ("$x$", "image"),
    "labelled_images": ("$x$", "labelled"),
    "given": ("$y$", "label"),
    "labels": ("label", ""),
    "encoder.heads.style": ("$z$", ""),
    "encoder.heads.label": ("$y$", ""),
    "decoder.cluster_heads": ("$W_C$", "heads"),
    "decoder.output": (r"$\hat{x}$", "image"),
    "prior of style": ("$p(z)$", ""),
    "prior of label": ("$p(y)$", ""),
    "style_discriminator.logit": ("$D(z)$", "from $p(z)$?"),
    "label_discriminator.logit": ("$D(y)$", "from $p(y)$?"),
}


@dataclass(frozen=True)
class Box:
    """A rectangle about its centre, what is written in it, and the modules that it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    note: str = ""
    hidden: tuple[int, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y - self.height / 2

    @property
    def top(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Arrow:
    """A line through ``points`` from one box to another, its size, and what is added on the way."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    size: int | None
    note: str = ""
    sign: str = ""


@dataclass
class Diagram:
    """Boxes and arrows by name; ``height`` is that of the whole."""

    boxes: dict[str, Box]
    arrows: list[Arrow]
    height: float


def draw_diagram(drawing: Drawing, variant: str, title: str) -> None:
    """Trace one update of ``variant`` as today's settings have it, and draw its architecture."""
    from .trace import trace

    settings = drawing.settings(variant)
    architecture = trace(settings)
    drawing.save(figure_of(architecture, settings.style_prior, drawing.title(title)))


def figure_of(architecture: "Architecture", prior: "StylePrior", title: str) -> "Figure":
    """The diagram, 7 inches wide."""
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
    axes.text(WIDTH / 2, diagram.height - 0.2, title, fontsize=9, **CENTRED)
    return figure


# Arrangement


def box_of(name: str) -> str:
    """The box of a source or target: of a part's trunk and last layer, the part's."""
    part, _, unit = name.partition(".")
    return part if unit in ("trunk", "output", "logit") else name


class Layout:
    """Columns: images, encoder, codes, cluster heads (if any), decoder, answers."""

    def __init__(self, architecture: "Architecture", prior: "StylePrior"):
        self.units, self.flows = architecture.units, architecture.flows
        self.prior = prior
        self.boxes: dict[str, Box] = {}
        self.heads = [u for u in self.units if u.endswith(".cluster_heads")]
        self.adversaries = [u.split(".")[0] for u in self.units if u.endswith(".logit")]
        self.codes = [u for u in self.units if ".heads." in u]
        self.codes += self.sources_into("decoder", {*self.codes, *self.heads})
        self.columns = self._columns()
        self.legend = LINE * (len(architecture.losses) + 1) + 0.2

    def _columns(self) -> list[float]:
        """The centres of the columns; the gaps between them are equal."""
        widths = [SYMBOL, NETWORK, CODE, *([CODE] if self.heads else []), NETWORK, SYMBOL]
        gap = (WIDTH - 2 * MARGIN - sum(widths)) / (len(widths) - 1)
        lefts = [MARGIN + sum(widths[:i]) + gap * i for i in range(len(widths))]
        return [left + width / 2 for left, width in zip(lefts, widths, strict=True)]

    def sources_into(self, target: str, known: set[str]) -> list[str]:
        """What flows into the box ``target``, but for the ``known``."""
        found = [f.source for f in self.flows if box_of(f.target) == target]
        return [s for s in dict.fromkeys(found) if s not in known and box_of(s) != target]

    def diagram(self) -> Diagram:
        """Place the boxes by what flows into what, then the arrows."""
        rows = max(len(self.codes), len(self.sources_into("encoder", set())))
        height = 1.2 if rows == 1 else 0.9 * rows
        below, above = self.adversaries[:1], self.adversaries[1:]
        centre = self.legend + len(below) * (ADVERSARY_HEIGHT + GAP) + height / 2
        self._autoencoder(centre, height)
        for part in below:
            self._adversary(part, centre - height / 2 - GAP - ADVERSARY_HEIGHT / 2, -1)
        for part in above:
            self._adversary(part, centre + height / 2 + GAP + ADVERSARY_HEIGHT / 2, 1)
        top = centre + height / 2 + len(above) * (ADVERSARY_HEIGHT + GAP)
        return Diagram(self.boxes, list(self._arrows()), top + 0.42)

    def _autoencoder(self, y: float, height: float) -> None:
        self._network("encoder", self.columns[1], y, height)
        for name, level in self._levels(self.sources_into("encoder", set())[::-1], y):
            self._symbol(name, self.columns[0], level, SYMBOL)
        for name, level in self._levels(self.codes, y):
            self._symbol(name, self.columns[2], level, CODE)
        for name in self.heads:
            label, style = self.codes[-1], self.codes[0]
            self._symbol(name, self.columns[3], self.boxes[label].y, CODE)
            where = (self.columns[3], self.boxes[style].y, 0.22, 0.22)
            self.boxes["sum"] = Box(*where, "sum", "+")
        if "decoder.output" in self.units:  # the supervised baseline is an encoder alone
            self._network("decoder", self.columns[-2], y, height)
            self._symbol("decoder.output", self.columns[-1], y, SYMBOL)

    @staticmethod
    def _levels(names: list[str], y: float) -> Iterator[tuple[str, float]]:
        """Each name with its height; the first is the lowest."""
        for i, name in enumerate(names):
            yield name, y + 0.9 * (i - (len(names) - 1) / 2)

    def _adversary(self, part: str, y: float, side: int) -> None:
        """A discriminator ``side`` of the autoencoder, its prior, and the labels given to it."""
        self._network(part, self.columns[-2], y, ADVERSARY_HEIGHT)
        self._symbol(f"{part}.logit", self.columns[-1], y + 0.22, SYMBOL)
        sources = self.sources_into(part, set(self.codes))
        level = y + side * (0.2 if len(sources) == 1 else -0.02)
        for name in sources:
            if name.startswith("prior of "):
                self._symbol(name, self.columns[1], level, NETWORK)
            else:  # high enough for two arrows: one to the prior, one past it
                self._symbol(name, self.columns[0], y + side * 0.15, SYMBOL, 0.6)

    def _network(self, part: str, x: float, y: float, height: float) -> None:
        units = tuple(u for u in self.units if box_of(u) == part)
        hidden = tuple(width for unit in units for width in self.units[unit].hidden)
        kind = "adversary" if part in self.adversaries else "network"
        title = part.replace("_", " ")
        self.boxes[part] = Box(x, y, NETWORK, height, kind, title, "", hidden, units)

    def _symbol(self, name: str, x: float, y: float, width: float, height: float = 0.46) -> None:
        title, note = SYMBOLS.get(name, (name.rpartition(".")[2].replace("_", " "), ""))
        through = {t for flow in self.flows if flow.source == name for t in flow.through}
        if ".heads." in name:
            note = "softmax" if "softmax" in through else "linear"
        elif name.startswith("prior of "):
            note = self._prior_note(name)
        answer = name.endswith((".output", ".logit"))
        units = (name,) if name in self.units and not answer else ()
        kind = "code" if units else "symbol"
        height = CODE if units else height
        self.boxes[name] = Box(x, y, width, height, kind, title, note, (), units)

    def _prior_note(self, name: str) -> str:
        if name != "prior of style":
            return "categorical"
        if self.prior.kind == "gaussian":
            return f"Gaussian, deviation {self.prior.deviation:g}"
        return {"mixture": "mixture of ten"}.get(self.prior.kind, self.prior.kind).replace("_", " ")

    # Arrows

    def _arrows(self) -> Iterator[Arrow]:
        ends = {(box_of(f.source), box_of(f.target)): f for f in self.flows}
        for (source, target), flow in ends.items():
            if source == target:
                continue
            if self.heads and target == "decoder":
                yield self._into_sum(source, flow)
            elif target in self.adversaries and source in self.codes:
                yield self._elbow(source, target, flow)
            else:
                yield self._straight(source, target, flow)
        if self.heads:
            size = self.units[self.heads[0]].size
            yield self._level("sum", "decoder", self.boxes["sum"].y, size)
        for unit in self.units:
            if unit.endswith((".output", ".logit")):
                y, size = self.boxes[unit].y, self.units[unit].size
                yield self._level(box_of(unit), unit, y, size)

    def _level(
        self, source: str, target: str, y: float, size: int | None, note: str = "", sign: str = ""
    ) -> Arrow:
        points = ((self.boxes[source].right, y), (self.boxes[target].left, y))
        return Arrow(source, target, points, size, note, sign)

    def _straight(self, source: str, target: str, flow: "Flow") -> Arrow:
        """Level with the one of the two boxes that is less high."""
        pair = (self.boxes[source], self.boxes[target])
        y = min(pair, key=lambda box: box.height).y
        # The width of a trunk's last layer is shown in its box.
        size = None if flow.source.endswith(".trunk") else flow.size
        note = ", ".join(sorted(flow.through & {"noise", "dropout", "posterior"}))
        sign = "+" if source.startswith("prior of ") else ""
        if target in self.adversaries and not sign:
            y = pair[1].y + (0.35 if pair[0].y > pair[1].y else -0.35)
        return self._level(source, target, y, size, note, sign)

    def _into_sum(self, source: str, flow: "Flow") -> Arrow:
        if source not in self.heads:
            return self._level(source, "sum", self.boxes[source].y, flow.size)
        x = self.boxes[source].x
        points = ((x, self.boxes[source].bottom), (x, self.boxes["sum"].top))
        return Arrow(source, "sum", points, flow.size)

    def _elbow(self, source: str, target: str, flow: "Flow") -> Arrow:
        """Up or down from a code, then to the right into its discriminator."""
        code, adversary = self.boxes[source], self.boxes[target]
        side = 1 if adversary.y > code.y else -1
        y = adversary.y - side * 0.3
        start = code.top if side > 0 else code.bottom
        points = ((code.x, start), (code.x, y), (adversary.left, y))
        return Arrow(source, target, points, flow.size, "", "−")


# Drawing


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
    if box.hidden:
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

    width, pitch = 0.19, min(0.3, (box.width - 0.2) / len(box.hidden))
    bottom, top = box.bottom + 0.26, box.top - 0.25
    for i, units in enumerate(box.hidden):
        x = box.x + pitch * (i - (len(box.hidden) - 1) / 2)
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
    """The losses' names where they arise: below the answers, above the codes."""
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
    top = LINE * (len(marks) + 0.5) + 0.06
    head = ("loss", "phase", "computed from", "trains (numbers in the boxes)")
    axes.plot([MARGIN, WIDTH - MARGIN], [top - LINE / 2] * 2, color=FAINT, lw=0.5)
    for x, text in zip(columns, head, strict=True):
        axes.text(x, top, text, fontsize=7, va="center", color=FAINT)
    for i, mark in enumerate(marks):
        y = top - LINE * (i + 1.05)
        draw_marks(axes, [mark], MARGIN + 0.08, y)
        sources = " and ".join(spoken(name) for name in sorted(mark.loss.sources))
        phase = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mark.loss.phase).lower()
        cells = (mark.loss.name.replace("_", " "), phase, sources, trained(mark, architecture))
        for x, text in zip(columns, cells, strict=True):
            axes.text(x, y - 0.035, text, fontsize=7)  # on one baseline, formulae too


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
