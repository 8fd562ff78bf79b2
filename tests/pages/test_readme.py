"""README.md shows what the records say."""

import re
from pathlib import Path

import pytest

from replication.base.errors import UserError
from replication.pages.in_minutes import minutes_section
from replication.pages.readme import marks, results_section, sentences_section, with_results
from tests.tools.site import seed_result, store

ROOT = Path(__file__).parents[2]


def test_the_results_table_is_that_of_the_records() -> None:
    """If this fails: ``python -m replication readme``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_results(text, ROOT / "results") == text


def test_without_records_every_number_is_not_run(tmp_path: Path) -> None:
    rows = [line for line in results_section(tmp_path).splitlines() if line.startswith("| ")][1:]
    assert rows
    assert all(row.endswith("| not run |") for row in rows)


def test_what_stands_around_the_blocks_stays(tmp_path: Path) -> None:
    names = ("sentences", "minutes", "results")
    old = "".join(f"above {name}\n{marks(name)[0]}old\n{marks(name)[1]}" for name in names)
    text = with_results(f"{old}below\n", tmp_path)
    assert text.startswith(f"above sentences\n{marks('sentences')[0]}- None of the paper's 24 ")
    assert f"above minutes\n{marks('minutes')[0]}## What you get in minutes\n" in text
    assert text.endswith(f"{marks('results')[1]}below\n")
    assert "old" not in text


def test_it_is_short_and_its_pictures_and_links_are_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    places = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert {"figures/forest.png", "figures/explorer.png"} <= {*places}
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_three_sentences_say_what_came_out() -> None:
    sentences = sentences_section(ROOT / "results").splitlines()
    assert len(sentences) == 3
    assert re.match(r"- With .* of the \d+ numbers that can be compared", sentences[0])


def test_minutes_and_spread_are_those_of_the_record(tmp_path: Path) -> None:
    """Three seeds of 12.5 seconds each: rounded up to a minute; the paper's value beside it."""
    seeds = [seed_result(n, error) for n, error in enumerate((4.0, 5.0, 6.0))]
    store(tmp_path, "quick", "clusters_16", seeds, item="ours_clustering")
    text = minutes_section(tmp_path)
    assert text.startswith("## What you get in 1 minute\n")
    time = "0.2 (0.2 to 0.2), by the clock, beside other work"
    assert f"| 5.00 ± 1.00 (n=3); 4.00 to 6.00 | 9.55 ± 2.05 | {time} | CPU, 1 " in text
    assert "aae train ours_clustering/clusters_16 --preset quick --seeds 1 --results mine" in text


def test_lost_marks_are_an_error() -> None:
    with pytest.raises(UserError, match="marks"):
        with_results("no marks\n")


def test_full_and_reduced_runs_are_counted_apart() -> None:
    """A reduced run is never worse; numbers of other papers are counted apart."""
    first, others, *_ = results_section(ROOT / "results").splitlines()
    assert first.startswith("**Of 24 numbers of the paper:** ")
    reduced = next(part for part in first.split("; ") if " reduced run" in part)
    assert "worse" not in reduced
    assert others.startswith("**Of 16 numbers of other papers:** ")


def test_what_the_numbers_mean_is_said_above_them() -> None:
    above = results_section(ROOT / "results").partition("| published number |")[0]
    assert "*Reduced* runs (preset `quick`, on a CPU) differ" in above
    assert "**Score**, weighted by claim" in above
    assert "were not read in the paper itself: `python -m replication published --check`" in above
    assert "With the false discovery rate held at 5 %" in above
    assert "Margins that more than 100 seeds" in above


def test_a_row_says_what_was_run_when_and_what_the_plus_minus_is() -> None:
    rows = results_section(ROOT / "results").splitlines()
    table1 = next(row for row in rows if row.startswith("| Table 1, AAE, MNIST (10K)"))
    assert "340 ± 2 (over test images)" in table1
    assert "epochs 30 of 5000" in table1
    assert "Adam for SGD" in table1
    assert "| 2026-" in table1
