"""What ``draw_table`` and ``draw_figure`` are given: the records, and where the drawing goes.

Nothing here trains, needs a GPU, a network or torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.evidence.published import Verdict, published, verdict
from replication.evidence.records import Record
from replication.settings.experiments import Item, experiments, parse, read_yaml
from replication.settings.schema import Settings
from replication.settings.strict import Strict as StrictModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES = Path("figures")
# What readers call the data sets.
LINEAGE = Path(__file__).parent.parent / "lineage.yaml"


class Lineage(StrictModel):
    """By item, the hashes of training codes that were shown to give the same results."""

    items: dict[str, list[str]]


@cache
def lineage(path: Path = LINEAGE) -> Lineage:
    return parse(Lineage, read_yaml(path), path.name)


@cache
def current_code(item: str) -> frozenset[str]:
    """Today's training code of ``item``, and those before it with the same results."""
    today = code_hash(import_module(f"replication.{item}"))
    known = lineage().items.get(item, [])
    return frozenset([today, *known] if today in known else [today])


@dataclass
class Drawing:
    """One item at one preset."""

    preset: str
    item: str
    results: Path = records.RESULTS
    figures: Path = FIGURES
    _read: dict[str, Record | None] = field(default_factory=dict)

    @property
    def description(self) -> Item:
        return experiments().items[self.item]

    @property
    def stem(self) -> Path:
        return self.figures / self.preset / self.item

    @property
    def source(self) -> str:
        """The item whose runs are drawn."""
        return self.description.borrows or self.item

    def settings(self, variant: str) -> Settings:
        return experiments().settings_of(self.preset, self.source, variant)

    def record(self, variant: str) -> Record | None:
        """The variant's record, read once, or None where it was not run."""
        if variant not in self._read:
            path = records.path_of(self.preset, self.source, variant, self.results)
            self._read[variant] = records.read(path) if path.exists() else None
        return self._read[variant]

    def arrays(self, variant: str) -> dict[str, np.ndarray]:
        path = records.path_of(self.preset, self.source, variant, self.results)
        return records.read_arrays(path)

    def stale(self, variant: str) -> bool:
        """The record's settings or training code are not today's."""
        record = self.record(variant)
        if record is None:
            return False
        today = self.settings(variant)
        return record.settings != today or record.code_hash not in current_code(self.source)

    def verdicts(self) -> list[Verdict]:
        """One for each published value of the item, in the order of published.yaml."""
        targets = published().items[self.item].targets if self.item in published().items else {}
        return [
            verdict(self.item, name, self.preset, self.record(variant), self.stale(variant))
            for name, target in targets.items()
            for variant in [target.variant or name]
        ]

    def title(self, text: str) -> str:
        """``text``; what is of the smoke preset says so."""
        return f"SMOKE (small, not comparable): {text}" if self.preset == "smoke" else text

    def caption(self, text: str) -> str:
        """``title``; what is drawn of runs with other settings or code than today's says so."""
        text = self.title(text)
        stale = ", ".join(v for v in experiments().items[self.source].variants if self.stale(v))
        return f"{text}\nSTALE ({stale}): settings or code have changed" if stale else text

    def save(self, figure: "Figure") -> None:
        """Write ``figure`` as .png and .pdf beside the item's other drawings."""
        save_figure(figure, self.stem)


def save_figure(figure: "Figure", stem: Path) -> None:
    """Write ``figure`` as ``stem``.png and .pdf; equal content gives equal bytes."""
    import io

    from replication.base.files import write_atomically

    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, metadata=metadata)
        write_atomically(stem.with_suffix(f".{ending}"), buffer.getvalue())


def percent(values: Sequence[float]) -> str:
    """Mean ± sample deviation with two decimals; what is the same for all seeds has no ±."""
    mean = float(np.mean(values))
    if len(set(values)) < 2:
        return f"{mean:.2f}"
    return f"{mean:.2f} ± {float(np.std(values, ddof=1)):.2f}"


def measured(record: Record | None, metric: str, counted: bool = False) -> str:
    """``percent`` of a metric of the seeds that did not diverge, or why there is none: never blank.

    What is per pixel is given in thousandths. ``counted`` adds the number of seeds.
    """
    if record is None:
        return "not run"
    values = record.values(metric)
    if not values:
        return "diverged"
    scale = 1000 if metric.endswith("per_pixel") else 1
    count = f" (n={len(values)})" if counted else ""
    return percent([scale * value for value in values]) + count


def seeds_of(record: Record | None) -> int:
    """How many seeds the numbers of a record are of."""
    return 0 if record is None else sum(s.status == "ok" for s in record.seeds)


def each_seed(record: Record, metric: str) -> Iterator[tuple[int, float]]:
    """(seed, value) of the seeds that did not diverge."""
    for seed in record.seeds:
        if seed.status == "ok":
            yield seed.seed, seed.metrics[metric]


def new_figure(width: float, height: float, **layout: Any) -> "Figure":
    """An empty figure of that size in inches, in the suite's one style."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(
        {
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 150,
            "savefig.dpi": 150,
            "pdf.fonttype": 42,
        }
    )
    return Figure(figsize=(width, height), layout="constrained", **layout)


def scatter_by_class(axes: "Axes", codes: np.ndarray, labels: np.ndarray) -> None:
    """2-D ``codes`` [N, 2] as points, a colour for each of ten classes [N]."""
    size = 200 / len(codes) ** 0.5  # 10,000 points stay apart, 400 stay visible
    for digit in range(10):
        x, y = codes[labels == digit].astype(float).T
        axes.plot(x, y, ".", ms=size**0.5, mew=0, color=f"C{digit}", label=digit, rasterized=True)


def not_run(axes: "Axes", text: str = "not run") -> None:
    """An empty panel that says so."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
