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
