"""The report: right numbers, links that lead to their evidence, nothing from the network."""

import re
import subprocess
import sys
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from replication.__main__ import main
from replication.base.errors import UserError
from replication.evidence.published import published
from replication.pages import report_items
from replication.pages.page import SOURCES
from replication.pages.report_items import PRESETS, contents, grouped, short
from replication.pages.tables import Cell, Table
from replication.settings.experiments import experiments
from tests.tools.site import ATTACK, FIGURE, PNG, TABLE, Page, Site, seed_result, store

RECORD = f"quick-{TABLE}-mnist_100"


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
    ours = Cell(mean=1.9, n=3, record=f"quick/{TABLE}/mnist_100", verdict="undecided (stale)")
    cells = [["AAE (ours)", ours], ["a | b", ATTACK]]
    Table(f"A caption {ATTACK}", ["method", "MNIST"], cells, ["A note."]).write(
        empty.figures / "quick" / TABLE
    )
    (empty.figures / "quick" / f"{FIGURE}.png").write_bytes(PNG)
    return empty


def row_of(page: Page, variant: str) -> str:
    """The text of a published number's row in the table of all numbers."""
    place = published().items[TABLE].targets[variant].place
    numbers = page.section("numbers")
    return numbers.split(f">{place}</a>", 1)[1].split("</tr>", 1)[0]


def test_numbers_interval_and_verdict(site: Site) -> None:
    row = row_of(site.page(), "mnist_100")
    target = published().items[TABLE].targets["mnist_100"]
    assert f"{target} %" in row
    assert f"{target.source}: {target.cite}" in row
    assert "1.90 ± 0.10 (n = 3)" in row
    assert "1.65 to 2.15" in row  # 1.90 ± 4.303 x 0.1 / sqrt(3)
    assert "already reached" in row
    assert "epochs 54 of 5000" in row


def test_three_sentences_and_a_forest_come_first(site: Site) -> None:
    page = site.page()
    top = unescape(page.section("top"))
    assert top.count('class="lead"') == 3
    assert "1 of the 1 numbers that can be compared" in top
    assert "No training of the paper's whole length (preset paper) has been run." in top
    first = re.search(r"<li>.*?</li>", top, re.S)
    assert first is not None
    assert f'href="#{RECORD}"' in first[0]
    # 1.90 is the published value, and the interval ±0.25 of a margin of ±0.40: 4 / 12 of the axis.
    assert 'x="33.83%"' in first[0]
    assert re.findall(r'x1="([\d.]+)%" x2="([\d.]+)%" y1="50%"', first[0]) == [("28.81", "38.85")]
    assert top.index('class="forest"') < top.index("What the verdicts mean")
    assert (site.figures / "forest.png").read_bytes().startswith(b"\x89PNG")


def test_recipes_of_ours_are_counted_beside_the_numbers_they_are_for(site: Site) -> None:
    """Better than the published 1.90, then worse; never mixed with what is judged."""
    for error, count in ((1.5, 1), (2.5, 0)):
        store(
            site.results, "quick", "mnist_100", [seed_result(0, error)], item="ours_semi_supervised"
        )
        top = unescape(site.page().section("top"))
        told = f"Recipes of ours, which are no replication, have a better mean in {count} of 1 num"
        assert told in top
        assert "1 of the 1 numbers that can be compared" in top


def test_a_recipe_on_a_part_of_the_data_is_placed_beside_no_number(site: Site) -> None:
    seeds = [seed_result(0, 1.5)]
    store(site.results, "quick", "mnist_100", seeds, item="ours_semi_supervised", subset=True)
    assert "Recipes of ours, which" not in unescape(site.page().section("top"))


def test_recipes_with_warps_are_said_to_have_them(site: Site) -> None:
    store(site.results, "quick", "clusters_16", [seed_result(0, 5.0)], item="ours_clustering")
    top = unescape(site.page().section("top"))
    assert "better mean in 1 of 1 numbers of whole data sets; 1 of these use random warps" in top
    store(site.results, "quick", "invariant_16", [seed_result(0, 17.0)], item="ours_clustering")
    top = unescape(site.page().section("top"))
    assert "as the paper does not (without warps 0 of 1 are better)." in top


def test_a_recipe_that_repeats_the_errors_of_another_is_no_second_one(site: Site) -> None:
    """A plane is laid out by a second stage, which leaves the classifier as it is."""
    for item in ("ours_semi_supervised", "ours_dimensionality_reduction"):
        variant = {"ours_semi_supervised": "mnist_100"}.get(item, "labels_100")
        store(site.results, "quick", variant, [seed_result(0, 1.5)], item=item)
    top = unescape(site.page().section("top"))
    assert "of 2 numbers of whole data sets; 1 of the 2 repeats the errors of another." in top


def test_tally_counts_every_published_number(site: Site) -> None:
    top = site.page().section("top")
    targets = [t for content in published().items.values() for t in content.targets.values()]
    for others, whose in ((False, "the paper"), (True, "other papers")):
        count = sum(target.of_other_papers == others for target in targets)
        line = top.split(f"Of {count} numbers of {whose}:", 1)[1].split("</li>", 1)[0]
        numbers = [int(n) for n in re.findall(r">(\d+) [a-z ,]+</span>", line)]
        assert sum(numbers) == count
    assert "1 already reached" in top


def test_every_link_resolves(site: Site) -> None:
    page = site.page()
    identifiers = page.values("id")
    assert len(identifiers) == len(set(identifiers))
    links = [str(a["href"]) for a in page.all("a")]
    assert f"#{RECORD}" in links
    inside = {link.removeprefix("#") for link in links if link.startswith("#")}
    assert inside <= set(identifiers)
    outside = {link for link in links if not link.startswith("#")}
    assert outside <= set(SOURCES.values())
    assert "https://arxiv.org/abs/1611.02648" in outside
    assert all(address.startswith("https://") for address in SOURCES.values())


def test_a_cell_of_a_table_leads_to_its_record(site: Site) -> None:
    section = site.page().section(TABLE)
    assert re.search(rf'<a href="#{RECORD}">1.90</a>.*?>undecided</span>', section)


def test_nothing_comes_from_the_network(site: Site) -> None:
    page = site.page()
    for name in ("src", "srcset", "action", "data", "poster"):
        assert all(value.startswith("data:image/webp;") for value in page.values(name))
    assert not page.all("link")
    assert "@import" not in page.text
    assert "url(" not in page.text
    (policy,) = [value for value in page.values("content") if "default-src" in value]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not page.values("style")


def test_hostile_texts_are_escaped(site: Site) -> None:
    page = site.page()
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3  # warning, cell, caption
    assert ATTACK not in page.text
    assert len(page.all("script")) == 1


def test_same_input_same_bytes(site: Site) -> None:
    first = site.page().text
    assert site.page().text == first


def test_nothing_stored_is_said_to_be_not_run(empty: Site) -> None:
    page = empty.page()
    assert "None of the paper's" in unescape(page.section("top"))
    assert page.section("numbers").count("Preset paper: not run.") == 1
    assert ">Not run.<" in page.section(TABLE)
    assert not page.all("img")


def test_a_preset_that_ran_nowhere_is_one_line(site: Site) -> None:
    assert site.page().text.count("Preset paper: not run.") == 1


def test_what_is_believed_of_a_result_stands_between_drawing_and_evidence(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = experiments().items
    believed = items[TABLE].model_copy(update={"reading": f"Too short. {ATTACK}"})
    changed = experiments().model_copy(update={"items": {**items, TABLE: believed}})
    monkeypatch.setattr(report_items, "experiments", lambda: changed)
    section = site.page().section(TABLE)
    assert "<strong>Our reading.</strong> Too short. &lt;script&gt;" in section
    order = [section.index(t) for t in ("Claim.", "A note.", "Our reading.", "Evidence:")]
    assert order == sorted(order)


def test_missing_drawing_is_said_to_be_not_drawn(site: Site) -> None:
    (site.figures / "quick" / f"{FIGURE}.png").unlink()
    assert f"aae draw {FIGURE} --preset quick" in site.page().text


def test_one_architecture_of_two_presets_is_shown_once(site: Site) -> None:
    item = "figure8_semi_supervised"
    for preset in ("quick", "paper", "smoke"):
        path = site.figures / preset / f"{item}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    section = site.page().section(item)
    assert section.count("<img") == 1
    assert "With the settings of quick and paper and smoke" in section


def test_what_is_borrowed_from_runs_that_are_not_there_is_one_line(site: Site) -> None:
    page = site.page()
    (site.figures / "quick" / "figure9_clusters.png").write_bytes(PNG)
    section = page.section("figure9_clusters")
    assert "<img" not in section
    assert ">Not run.<" in section


def test_the_heading_says_what_kind_of_run_it_was(site: Site) -> None:
    section = site.page().section(TABLE)
    assert "Preset quick: reduced runs" in section
    assert "epochs 54 of 5000" in section
    store(site.results, "paper", "mnist_100", [seed_result(n, 1.9 + n / 100) for n in range(3)])
    section = site.page().section(TABLE)
    assert "Preset paper: full runs" in section
    assert section.index("Preset quick") < section.index("Preset paper") < section.index("smoke:")


def test_evidence_has_all_targets_seeds_and_commands(site: Site) -> None:
    history = [{"epoch": e, "updates": e, "test_error_percent": 100 - e} for e in (1, 50, 54)]
    seeds = [seed_result(n, 2.0).model_copy(update={"history": history}) for n in range(3)]
    path = store(site.results, "quick", "mnist_100", seeds)
    evidence = site.page().section(RECORD).split("</details>", 1)[0]
    targets = published().items[TABLE].targets
    for name in ("mnist_100", "mnist_100_epoch_50"):
        assert targets[name].place in evidence
        assert f"±{targets[name].margin:g} %" in evidence
    rows = re.findall(r'<th scope="row">(after [a-z0-9 ]+)</th>((?:<td>[\d.]+</td>)+)', evidence)
    assert rows == [
        ("after training", "<td>2.00</td>" * 3),
        ("after epoch 50", "<td>50.00</td>" * 3),
    ]
    own = f"{TABLE}/mnist_100 --preset quick --precision float32 --results mine<"
    assert f"aae train {own}" in evidence
    assert f"aae measure {own}" in evidence
    assert "About 38 s in all, 12 s a seed" in evidence
    assert path.as_posix() in evidence
    for shown in ("run0", "0123456789ab (dirty)", "2026-01-02 03:04:05", "ab" * 32):
        assert shown in evidence


def test_a_record_of_other_seeds_than_usual_is_run_again_with_as_many(empty: Site) -> None:
    store(empty.results, "quick", "mnist_100", [seed_result(n, 2.0) for n in range(2)])
    evidence = empty.page().section(RECORD).split("</details>", 1)[0]
    assert re.search(r"aae train \S+ --preset quick .* --results mine --seeds 2<", evidence)
    assert re.search(r"aae measure \S+ --preset quick .* --results mine --seeds 2<", evidence)


def test_seeds_stand_across_and_metrics_down(site: Site) -> None:
    evidence = site.page().section(RECORD)
    table = evidence.split(f'aria-label="Seeds of {TABLE}/mnist_100 (quick)"', 1)[1].split(
        "</table>", 1
    )[0]
    heads = re.findall(r'<th scope="col">([^<]*)</th>', table)
    assert heads == ["metric", "seed 0", "seed 1", "seed 2", "mean ± s.d."]
    row = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", table.split("</thead>", 1)[1])
    assert row == ["test error, %", "1.80", "1.90", "2.00", "1.90 ± 0.10"]


def test_stale_subset_and_unstable_are_said(empty: Site) -> None:
    seeds = [seed_result(n, 2.0 + n / 10) for n in range(3)]
    store(empty.results, "quick", "mnist_100", seeds, code="0" * 16, subset=True)
    store(empty.results, "quick", "mnist_all", [*seeds[:2], seed_result(2, 0.0, "diverged")])
    page = empty.page()
    assert "not comparable (subset (60,000); stale)" in row_of(page, "mnist_100")
    assert ">unstable" in row_of(page, "mnist_all")
    assert "1 of 3 seeds diverged" in row_of(page, "mnist_all")


def test_damaged_record_is_one_line(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    (site.results / "quick" / TABLE / "mnist_100.json").write_text("{")
    with pytest.raises(UserError, match=r"mnist_100\.json"):
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
    assert all(svg.get("aria-label") for svg in page.all("svg") if svg.get("role") == "img")
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_what_differs_is_said_once_for_all_that_share_it() -> None:
    alike = {f"Ablation: {k}": "epochs 8 of 5000" for k in "abcd"}
    assert grouped(alike) == [("All", "epochs 8 of 5000")]
    other = {**alike, "Ablation: e": "epochs 9 of 5000", "Ablation: f": ""}
    assert grouped(other) == [("e", "epochs 9 of 5000"), ("The others", "epochs 8 of 5000")]
    assert grouped({"a": "epochs 1 of 2"}) == [("a", "epochs 1 of 2")]
    assert grouped({}) == []


def test_every_item_has_a_claim_and_a_sentence_for_who_cannot_see_it() -> None:
    for item, content in experiments().items.items():
        assert content.claim, item
        assert content.alt, item
        assert content.alt.endswith("."), item


def test_the_side_bar_has_every_item_in_its_group() -> None:
    groups = dict(contents([*experiments().items]))
    assert list(groups) == ["Tables", "Figures", "Beyond the paper", "The suite"]
    assert sum(len(links) for links in groups.values()) == len(experiments().items) + 2
    assert groups["Tables"][0].text.startswith("Table 1: ")
    assert short("Ablations: what (not in the paper)") == "Ablations: what"
    assert PRESETS == ("quick", "paper", "smoke")


def test_command_needs_no_torch(site: Site) -> None:
    code = (
        "import sys; from replication.__main__ import main; "
        "code = main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    arguments = ["report", "--results", site.results, "--figures", site.figures]
    command = [sys.executable, "-c", code, *arguments, "--output", site.path]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{site.path}\n"), done.stderr


def test_what_many_seeds_share_is_told_once(empty: Site) -> None:
    """Two machines of four seeds are two groups; four starts are a row of a table."""
    seeds = [seed_result(n, 2.0) for n in range(4)]
    for n, seed in enumerate(seeds):
        made = {"device": "CPU" if n < 3 else "GPU", "started": f"2026-01-0{n + 1}T00:00:00"}
        seeds[n] = seed.model_copy(update={"provenance": seed.provenance.model_copy(update=made)})
    store(empty.results, "quick", "mnist_100", seeds)
    text = empty.page().section(f"quick-{TABLE}-mnist_100")
    assert "torch 2.6 (seed 0, seed 1, seed 2); GPU, " in text
    assert "<td>2026-01-04 00:00:00</td>" in text
    assert "<dt>started</dt>" not in text
