"""The report: right numbers, links that lead somewhere, nothing from the network, and it opens."""

import base64
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication import cli
from replication.__main__ import main
from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.published import published
from replication.evidence.records import DataSummary, Provenance, Record, SeedResult
from replication.pages import report
from replication.pages.curves import Axis
from replication.pages.drawing import current_code
from replication.pages.html import element
from replication.pages.report import write_report
from replication.pages.tables import Table
from replication.settings.experiments import experiments

TABLE, FIGURE = "table2_semi_supervised", "figure2_prior_matching"
ATTACK = "<script>alert(1)</script>"
# 4 x 4 grey pixels.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAAAAACMmsGiAAAADklEQVR42mNoAAIGVAIAUBQIAW1N4EkAAAAASUVORK5C"
    "YII="
)


def seed_result(number: int, error: float, status: str = "ok", warning: str = "") -> SeedResult:
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
    """A record as ``train`` would have left it."""
    settings = experiments().settings_of(preset, item, variant)
    record = Record(
        schema_version=2,
        preset=preset,
        item=item,
        variant=variant,
        settings=settings,
        training_hash=settings.training_hash(),
        code_hash=code or sorted(current_code(item))[0],
        dataset=DataSummary(name="mnist", sha256="ab" * 32, train=60000, test=10000, subset=subset),
        seeds=seeds,
    )
    path = records.path_of(preset, item, variant, results)
    records.write(record, {}, path)
    return path


def compare(results: Path, preset: str) -> None:
    cli.run(TABLE, ["compare", "--preset", preset, "--results", str(results)])


class Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    def values(self, name: str) -> list[str]:
        return [str(a[name]) for _, a in self.elements if name in a]


class Site:
    """A folder of results and figures, and the page made from it."""

    def __init__(self, root: Path):
        self.results, self.figures = root / "results", root / "figures"
        self.measured = root / "bench"
        self.path = root / "results" / "report.html"

    def page(self) -> Page:
        write_report(self.path, self.results, self.figures, self.measured)
        return Page(self.path.read_text(encoding="utf-8"))


@pytest.fixture
def empty(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def site(empty: Site) -> Site:
    """Three good seeds at the quick preset, a hostile smoke run, one picture and one table."""
    good = [seed_result(n, error) for n, error in enumerate((1.8, 1.9, 2.0))]
    store(empty.results, "quick", "mnist_100", good)
    hostile = [seed_result(0, 12.0, warning=ATTACK), seed_result(1, 0.0, "diverged")]
    store(empty.results, "smoke", "mnist_100", hostile)
    store(empty.results, "quick", "aae_gaussian", [seed_result(0, 3.0)], item=FIGURE)
    for preset in ("smoke", "quick"):
        compare(empty.results, preset)
    cells = [["AAE (ours)", ATTACK], ["a | b", "1.90"]]
    Table(f"A caption {ATTACK}", ["method", "MNIST"], cells, ["A note."]).write(
        empty.figures / "quick" / TABLE
    )
    (empty.figures / "quick" / f"{FIGURE}.png").write_bytes(PNG)
    return empty


def row_of(page: Page, variant: str) -> str:
    """The text of the summary's row of a published number."""
    place = published().items[TABLE].targets[variant].place
    return page.text.split(f">{place}</a>", 1)[1].split("</tr>", 1)[0]


def test_numbers_interval_and_verdict(site: Site) -> None:
    row = row_of(site.page(), "mnist_100")
    target = published().items[TABLE].targets["mnist_100"]
    stored = json.loads((site.results / "quick" / "verdicts" / f"{TABLE}.json").read_text())
    verdict = next(v for v in stored["verdicts"] if v["variant"] == "mnist_100")
    assert f"{target} %" in row
    assert f"{target.source}: {target.cite}" in row
    assert "1.90 ± 0.10 (n = 3)" in row
    assert "1.65 to 2.15" in row  # 1.90 ± 4.303 x 0.1 / sqrt(3)
    assert f">{verdict['verdict']}<" in row
    assert row.count(">not run<") == 1  # at the paper preset


def test_tally_counts_every_published_number(site: Site) -> None:
    page = site.page()
    items = published().items.values()
    paper, others = (
        sum(len(content.targets) for content in items if content.of_other_papers == other)
        for other in (False, True)
    )
    assert f"({paper} numbers of the paper)" in page.text
    assert f"({others} numbers of other papers)" in page.text
    for count in (paper - 1, paper, others):
        assert f">{count} not run<" in page.text


def test_every_link_resolves(site: Site) -> None:
    page = site.page()
    identifiers = page.values("id")
    assert len(identifiers) == len(set(identifiers))
    links = [str(a["href"]) for a in page.all("a")]
    assert f"#quick-{TABLE}-mnist_100" in links
    assert {link.removeprefix("#") for link in links} <= set(identifiers)


def test_nothing_comes_from_the_network(site: Site) -> None:
    page = site.page()
    for name in ("src", "href", "srcset", "action", "data", "poster"):
        assert all(value.startswith(("#", "data:image/png;")) for value in page.values(name))
    assert "link" not in dict(page.elements)
    assert "@import" not in page.text
    assert "url(" not in page.text
    assert any("default-src 'none'" in value for value in page.values("content"))


def test_hostile_texts_are_escaped(site: Site) -> None:
    page = site.page()
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3  # warning, cell, caption
    assert ATTACK not in page.text
    assert len(page.all("script")) == 1


HTML_TEXT = st.text("<>&\"'=/ ab\n")


@given(HTML_TEXT, HTML_TEXT)
def test_any_text_survives_an_element(content: str, attribute: str) -> None:
    page = Page(element("p", content, title=attribute))
    assert [tag for tag, _ in page.elements] == ["p"]
    assert page.values("title") == [attribute]


def test_same_input_same_bytes(site: Site) -> None:
    first = site.page().text
    assert site.page().text == first


def test_nothing_stored_is_said_to_be_not_run(empty: Site) -> None:
    page = empty.page()
    assert "no variant has a record at this preset" in page.text
    for variant in published().items[TABLE].targets:
        assert row_of(page, variant).count(">not run<") == 2
    assert not page.all("img")


def test_what_is_believed_of_a_result_stands_above_it(
    empty: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = experiments().items
    believed = items[TABLE].model_copy(update={"reading": f"Too short. {ATTACK}"})
    changed = experiments().model_copy(update={"items": {**items, TABLE: believed}})
    monkeypatch.setattr(report, "experiments", lambda: changed)
    text = empty.page().text
    assert "<strong>Our reading. </strong>Too short. &lt;script&gt;" in text


def test_missing_drawing_is_said_to_be_not_drawn(site: Site) -> None:
    (site.figures / "quick" / f"{FIGURE}.png").unlink()
    assert f"python -m replication.{FIGURE} draw --preset quick" in site.page().text


def test_record_shows_its_seeds(site: Site) -> None:
    text = site.page().text
    for shown in ("diverged", "run0", "0123456789ab (dirty)", "2026-01-02T03:04:05", "ab" * 32):
        assert shown in text
    assert text.count("<polyline") == 3 + 1 + 1  # a line for each seed that has a history
    assert "test error percent by epoch, 3 seeds, mnist_100" in text


def test_record_newer_than_its_verdict_is_not_compared(site: Site) -> None:
    store(site.results, "quick", "mnist_100", [seed_result(n, 5.0 + n) for n in range(3)])
    row = row_of(site.page(), "mnist_100")
    assert ">not compared<" in row
    assert "1.90 ± 0.10 (n = 3)" not in row
    compare(site.results, "quick")
    assert "6.00 ± 1.00 (n = 3)" in row_of(site.page(), "mnist_100")


def test_stale_subset_and_unstable_are_said(empty: Site) -> None:
    seeds = [seed_result(n, 2.0 + n / 10) for n in range(3)]
    store(empty.results, "quick", "mnist_100", seeds, code="0" * 16, subset=True)
    store(empty.results, "quick", "mnist_all", [*seeds[:2], seed_result(2, 0.0, "diverged")])
    compare(empty.results, "quick")
    page = empty.page()
    assert "subset (60,000), stale)" in row_of(page, "mnist_100")
    assert "subset (60,000)" in page.text
    assert ">unstable<" in row_of(page, "mnist_all")
    assert "1 of 3 seeds failed" in row_of(page, "mnist_all")


@pytest.mark.parametrize(
    "file",
    [f"quick/{TABLE}/mnist_100.json", f"quick/verdicts/{TABLE}.json"],
    ids=["record", "verdict"],
)
def test_damaged_file_is_one_line(
    site: Site, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.results / file).write_text("{")
    with pytest.raises(UserError, match=Path(file).name):
        site.page()
    paths = {"--results": site.results, "--figures": site.figures, "--output": site.path}
    assert main(["report", *(str(part) for pair in paths.items() for part in pair)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert not site.path.exists()


def test_page_is_accessible(site: Site) -> None:
    page = site.page()
    assert page.all("html") == [{"lang": "en"}]
    assert all(heading.get("scope") for heading in page.all("th"))
    assert all(image.get("alt") for image in page.all("img"))
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6))
def test_ticks_lie_on_their_axis(low: float, factor: float) -> None:
    for logarithmic in [False, True] if factor > 20 else [False]:
        axis = Axis(low, low * factor, 200, 10, logarithmic)
        ticks = axis.ticks()
        assert 1 <= len(ticks) <= 13
        assert ticks == sorted(set(ticks))
        assert all(9.9 <= axis.at(tick) <= 200.1 for tick in ticks)


def test_list_says_what_ran(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--results", str(site.results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    heading = next(line for line in lines if "variant" in line).split()
    assert heading == ["variant", "place", "smoke", "quick", "paper"]
    place = experiments().items[TABLE].variants["mnist_100"].place
    line = next(line for line in lines if line.split()[0] == "mnist_100")
    assert line.split(place)[1].split() == ["ran", "ran", "not", "run"]


def test_command_needs_no_torch(site: Site) -> None:
    code = (
        "import sys; from replication.__main__ import main; "
        "code = main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    arguments = ["report", "--results", site.results, "--figures", site.figures]
    command = [sys.executable, "-c", code, *arguments, "--output", site.path]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{site.path}\n"), done.stderr


@pytest.mark.browser
def test_page_opens_in_a_browser(site: Site, tmp_path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    assert browser, f"none of {', '.join(names)} is on the PATH: install Chromium"
    record = f"quick-{TABLE}-mnist_100"
    assert site.page().all("img")
    options = "headless no-sandbox disable-gpu disable-quic no-first-run dump-dom v=0"
    options += " disable-background-networking disable-component-update disable-sync"
    options += f" enable-logging=stderr user-data-dir={tmp_path / 'profile'}"
    command = [browser, *(f"--{option}" for option in options.split())]
    done = subprocess.run(
        [*command, f"{site.path.as_uri()}#{record}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    page = Page(done.stdout)
    assert page.all("html") == [{"lang": "en", "data-broken-images": "0", "data-ready": "true"}]
    opened = [a.get("id") for a in page.all("details") if "open" in a]
    assert opened == [record]
