"""A folder of records and drawings, the report made from it, and what tests ask of a page."""

import base64
from html.parser import HTMLParser
from pathlib import Path

from replication.evidence import records
from replication.evidence.lineage import current_code
from replication.evidence.records import Record
from replication.evidence.seeds import DataSummary, Provenance, SeedResult
from replication.pages.report import write_report
from replication.settings.experiments import experiments

TABLE, FIGURE = "table2_semi_supervised", "figure2_prior_matching"
ATTACK = "<script>alert(1)</script>"
# 4 x 4 grey pixels.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAAAAACMmsGiAAAADklEQVR42mNoAAIGVAIAUBQIAW1N4EkAAAAASUVORK5C"
    "YII="
)


def seed_result(number: int, error: float, status: str = "ok", warning: str = "") -> SeedResult:
    """A seed that was evaluated after epochs 1, 2 and 9."""
    history = [{"epoch": e, "updates": 9 * e, "test_error_percent": 90.0 / e} for e in (1, 2, 9)]
    return SeedResult(
        seed=number,
        label_seed=number,
        status=status,  # type: ignore[arg-type]
        warnings=[warning] if warning else [],
        metrics={"test_error_percent": error} if status == "ok" else {},
        history=history if status == "ok" else [],
        provenance=Provenance(
            started="2026-01-02T03:04:05+00:00",
            seconds=12.5,
            updates=81,
            stacked=1,
            commit="0123456789abcdef",
            dirty=True,
            python="3.11",
            torch="2.6",
            numpy="2.0",
            device="CPU",
            threads=1,
            precision="float32",
            wandb_id=f"run{number}",
        ),
    )


def store(
    results: Path,
    preset: str,
    variant: str,
    seeds: list[SeedResult],
    *,
    item: str = TABLE,
    code: str | None = None,
    subset: bool = False,
) -> Path:
    """A record as ``train`` would have left it, of so many seeds."""
    settings = experiments().settings_of(preset, item, variant)
    runs = {"seeds": [s.seed for s in seeds], "label_seeds": [s.label_seed for s in seeds]}
    settings = settings.model_copy(update=runs)
    record = Record(
        schema_version=2,
        preset=preset,
        item=item,
        variant=variant,
        settings=settings,
        training_hash=settings.training_hash(),
        measuring_hash=settings.measuring_hash(),
        code_hash=code or sorted(current_code(item))[0],
        dataset=DataSummary(name="mnist", sha256="ab" * 32, train=60000, test=10000, subset=subset),
        seeds=seeds,
    )
    path = records.path_of(preset, item, variant, results)
    records.write(record, {}, path)
    return path


class Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    def values(self, name: str) -> list[str]:
        return [str(a[name]) for _, a in self.elements if name in a]

    def section(self, anchor: str) -> str:
        """The text from the element of that id to the next section."""
        return self.text.split(f'id="{anchor}"', 1)[1].split("<section", 1)[0]


class Site:
    """A folder of results and figures, and the page made from it."""

    def __init__(self, root: Path):
        self.results, self.figures = root / "results", root / "figures"
        self.measured, self.weights = root / "bench", root / "weights"
        self.path = root / "results" / "report.html"

    def page(self) -> Page:
        write_report(self.path, self.results, self.figures, self.measured, self.weights)
        return Page(self.path.read_text(encoding="utf-8"))
