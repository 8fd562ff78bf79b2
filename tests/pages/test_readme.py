"""README.md shows what the records say."""

from pathlib import Path

import pytest

from replication.base.errors import UserError
from replication.pages.readme import END, START, results_section, with_results

ROOT = Path(__file__).parents[2]


def test_the_results_table_is_that_of_the_records() -> None:
    """If this fails: ``python -m replication readme``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_results(text, ROOT / "results") == text


def test_without_records_every_number_is_not_run(tmp_path: Path) -> None:
    rows = [line for line in results_section(tmp_path).splitlines() if line.startswith("| ")][1:]
    assert rows
    assert all(row.endswith("| not run |") for row in rows)


def test_what_stands_around_the_table_stays(tmp_path: Path) -> None:
    text = with_results(f"above\n{START}old\n{END}below\n", tmp_path)
    assert text.startswith(f"above\n{START}**Of ")
    assert text.endswith(f"{END}below\n")
    assert "old" not in text


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
    assert "about 1 % of the paper's training" in above
    assert "**Score**, weighted by claim" in above
    assert "were not read in the paper itself: `python -m replication published --check`" in above
    assert "With the false discovery rate held at 5 %" in above
    assert "Margins that more than 100 seeds" in above


def test_a_row_says_what_was_run_when_and_what_the_plus_minus_is() -> None:
    rows = results_section(ROOT / "results").splitlines()
    table1 = next(row for row in rows if row.startswith("| Table 1, AAE, MNIST (10K)"))
    assert "340.00 ± 2.00 (over test images)" in table1
    assert "epochs 30 of 5000" in table1
    assert "Adam for SGD" in table1
    assert "| 2026-" in table1
