"""The report's section on reliability: kills and damaged files, and what came of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from replication.base.errors import UserError
from replication.pages.report import write_report
from replication.pages.report_reliability import reliability
from tests.pages.test_report_speed import MACHINE

FAULTS: dict[str, Any] = {
    "machine": MACHINE,
    "date": "2026-01-02",
    "seed": 7,
    "minutes": 12.5,
    "kills": {"within a write": 900, "at a moment": 200},
    "of": {"joint": 1000, "<b>report</b>": 100},
    "lives": 300,
    "differing": [],
}
READERS: dict[str, Any] = {
    "machine": MACHINE,
    "date": "2026-01-03",
    "seed": 1,
    "seconds": 150,
    "readers": {
        "idx": {"inputs": 1100, "refused": 900, "errors": 0},
        "<i>record</i>": {"inputs": 40, "refused": 30, "errors": 2},
    },
}


def store(folder: Path, **changes: Any) -> Path:
    path = folder / "faults_cpu_x.json"
    path.write_text(json.dumps({**FAULTS, **changes}))
    return path


def store_readers(folder: Path, **changes: Any) -> Path:
    path = folder / "readers_cpu_x.json"
    path.write_text(json.dumps({**READERS, **changes}))
    return path


def test_kills_are_counted_and_it_is_said_that_nothing_differs(tmp_path: Path) -> None:
    store(tmp_path)
    (killed,) = reliability(tmp_path)[0].found
    assert killed.sentence == (
        "1,100 kills in 300 lives, 12.5 minutes, 2026-01-02: no bit differs."
    )
    kinds, commands = killed.grids
    assert kinds.rows[0][:2] == ["within a write", "900"]
    assert commands.rows[0] == ["joint", "1,000"]


def test_what_differs_is_shown(tmp_path: Path) -> None:
    store(tmp_path, differing=["life 3 of joint: trained twice"])
    (killed,) = reliability(tmp_path)[0].found
    assert killed.sentence.endswith("2026-01-02: life 3 of joint: trained twice.")


def test_damaged_inputs_are_added_up(tmp_path: Path) -> None:
    store_readers(tmp_path)
    (damaged,) = reliability(tmp_path)[1].found
    assert damaged.sentence == (
        "1,140 inputs for 2 readers, 2 minutes, 2026-01-03, seed 1: 930 refused, 2 errors."
    )
    assert damaged.grids[0].rows[0] == ["idx", "1,100", "900", "0"]


@pytest.mark.parametrize("changes", [{"lives": -1}, {"kills": {"x": 0}}, {"more": 1}])
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = store(tmp_path, **changes)
    with pytest.raises(UserError, match="is damaged") as caught:
        reliability(tmp_path)
    assert str(path) in caught.value.problem


@pytest.mark.parametrize(
    "readers", [{}, {"idx": {"inputs": 0, "refused": 0, "errors": 0}}, {"idx": {"inputs": 1}}]
)
def test_so_is_one_of_the_readers(tmp_path: Path, readers: dict[str, Any]) -> None:
    path = store_readers(tmp_path, readers=readers)
    with pytest.raises(UserError, match="is damaged") as caught:
        reliability(tmp_path)
    assert str(path) in caught.value.problem


def test_the_report_shows_them_or_the_command_that_counts(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    folders = (tmp_path / "results", tmp_path / "figures", tmp_path)
    write_report(page, *folders)
    assert "run <code>python -m bench.faults</code>" in page.read_text()
    assert "run <code>python -m bench.readers --inputs 100000</code>" in page.read_text()
    store(tmp_path)
    store_readers(tmp_path)
    write_report(page, *folders)
    html = page.read_text()
    assert 'href="#reliability"' in html
    assert "no bit differs" in html
    assert "&lt;b&gt;report&lt;/b&gt;" in html
    assert "930 refused, 2 errors" in html
    assert "&lt;i&gt;record&lt;/i&gt;" in html


def test_the_figures_of_this_repository_are_whole() -> None:
    kills, damage = reliability()
    assert kills.found
    assert damage.found
    assert all("no bit differs" in found.sentence for found in kills.found)
    assert all(found.sentence.endswith(" 0 errors.") for found in damage.found)
