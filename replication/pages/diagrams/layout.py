"""Where the boxes and arrows of an architecture diagram are, in the paper's arrangement.

The autoencoder from left to right, below it the adversarial network of the style code, above it
that of the label code. Lengths are in inches.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replication.settings.models import StylePrior

    from .trace import Architecture, Flow


WIDTH = 7.0
MARGIN = 0.12
SYMBOL, NETWORK, CODE = 0.64, 1.12, 0.62  # widths of boxes
ADVERSARY_HEIGHT, GAP, LINE = 1.0, 0.34, 0.19
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
    hidden_sizes: tuple[int, ...] = ()
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


def box_of(name: str) -> str:
    """The box of a source or target: of a part's trunk and last layer, the part's."""
    part, _, unit = name.partition(".")
    return part if unit in ("trunk", "output", "logit") else name


class Layout:
    """Columns: images, encoder, codes, cluster heads (if any), decoder, outputs."""

    def __init__(self, architecture: "Architecture", prior: "StylePrior"):
        self.units, self.flows = architecture.units, architecture.flows
        self.prior = prior
        self.boxes: dict[str, Box] = {}
        self.heads = [u for u in self.units if u.endswith(".cluster_heads")]
        self.adversaries = [u.split(".")[0] for u in self.units if u.endswith(".logit")]
        self.codes = [u for u in self.units if ".heads." in u]
        self.codes += self.sources_into("decoder", {*self.codes, *self.heads})
        self.columns = self._columns()
        self.legend = LINE * (len(architecture.losses) + 2) + 0.2

    def _columns(self) -> list[float]:
        """The centres of the columns; the gaps between them are equal."""
        widths = [SYMBOL, NETWORK, CODE, *([CODE] if self.heads else []), NETWORK, SYMBOL]
        gap = (WIDTH - 2 * MARGIN - sum(widths)) / (len(widths) - 1)
        lefts = [MARGIN + sum(widths[:i]) + gap * i for i in range(len(widths))]
        return [left + width / 2 for left, width in zip(lefts, widths, strict=True)]

    def sources_into(self, target: str, known: set[str]) -> list[str]:
        """What flows into the box ``target``, except the ``known``."""
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
        return Diagram(self.boxes, list(self._arrows()), top + 0.3)

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
        hidden_sizes = tuple(width for unit in units for width in self.units[unit].hidden_sizes)
        kind = "adversary" if part in self.adversaries else "network"
        title = part.replace("_", " ")
        self.boxes[part] = Box(x, y, NETWORK, height, kind, title, "", hidden_sizes, units)

    def _symbol(self, name: str, x: float, y: float, width: float, height: float = 0.46) -> None:
        title, note = SYMBOLS.get(name, (name.rpartition(".")[2].replace("_", " "), ""))
        through = {t for flow in self.flows if flow.source == name for t in flow.through}
        if ".heads." in name:
            note = "softmax" if "softmax" in through else "linear"
        elif name.startswith("prior of "):
            note = self._prior_note(name)
        elif name == "given" and self._without_label():
            note = "or none"
        answer = name.endswith((".output", ".logit"))
        units = (name,) if name in self.units and not answer else ()
        kind = "code" if units else "symbol"
        height = CODE if units else height
        self.boxes[name] = Box(x, y, width, height, kind, title, note, (), units)

    def _without_label(self) -> bool:
        """The label that is given to a discriminator has one class more, for images without one."""
        targets = {box_of(flow.target) for flow in self.flows if flow.source == "given"}
        return bool(targets & {*self.adversaries})

    def _prior_note(self, name: str) -> str:
        if name != "prior of style":
            return "categorical"
        if self.prior.kind == "gaussian":
            return f"Gaussian, s.d. {self.prior.std:g}"
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
