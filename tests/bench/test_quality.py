"""The bench of time to quality: minutes to a level, what is drawn, and its baselines."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import baselines, quality
from bench.quality import TASKS, Baseline, Quality, main, minutes_to, read, table
from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.records import Record
from replication.evidence.seeds import Machine
from tests.tools.builders import make_record, make_seed
from tests.tools.workflow import ROOT

MACHINE = {
    **{"commit": "0" * 40, "dirty": False, "python": "3.11.7", "torch": "2.6.0"},
    **{"numpy": "2.0.0", "device": "CPU", "threads": 1},
}


def record_of(errors: list[float], seconds: float = 600.0) -> Record:
    """One seed whose test error falls so, evaluated at even distances."""
    rows = [
        {"epoch": n + 1, "updates": 10 * (n + 1), quality.ERROR: value}
        for n, value in enumerate(errors)
    ]
    seed = make_seed(0, metrics={quality.ERROR: errors[-1]}, history=rows)
    provenance = seed.provenance.model_copy(update={"seconds": seconds})
    names = {"preset": "quick", "item": "ours_semi_supervised", "variant": "mnist_100"}
    return make_record(seeds=[seed.model_copy(update={"provenance": provenance})], **names)


def found_of(error: float = 1.0) -> Quality:
    own = Baseline(task="labels_100", method="a method", core_minutes=0.5, errors=[error])
    return Quality(machine=Machine(**MACHINE), seeds=1, baselines=[own])


def test_minutes_are_those_of_the_first_evaluation_below_the_level() -> None:
    record = record_of([6.0, 4.0, 5.5, 2.0])
    assert minutes_to(record, 5.0) == pytest.approx(5)
    assert minutes_to(record, 2.0) == pytest.approx(10)
    assert minutes_to(record, 1.9) is None


def test_the_table_has_every_method_and_what_was_not_run(tmp_path: Path) -> None:
    record = record_of([6.0, 2.0])
    path = records.path_of("quick", "ours_semi_supervised", "mnist_100", tmp_path)
    records.write(record, {}, path)
    text = table(found_of(error=3.0), tmp_path)
    ours = next(line for line in text.splitlines() if line.strip().startswith("ours "))
    assert ours.split()[1:] == ["2.00", "10.0", "10.0", "—"]
    measured = next(line for line in text.splitlines() if "a method" in line)
    assert measured.split()[2:] == ["3.00", "0.5", "—", "—"]
    assert text.count("not run") == sum(len(task.records) for task in TASKS.values()) - 1


def test_the_picture_is_drawn_from_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "FIGURES", tmp_path)
    stored = tmp_path / "quality.json"
    stored.write_text(found_of().model_dump_json())
    path = records.path_of("quick", "ours_semi_supervised", "mnist_100", tmp_path)
    records.write(record_of([6.0, 2.0]), {}, path)
    assert main(["--draw", str(stored), "--results", str(tmp_path)]) == 0
    assert (tmp_path / "bench" / "quality.png").stat().st_size > 10_000
    labelled, _ = quality.figure(read(stored), tmp_path).axes
    names = [text.get_text() for text in labelled.get_legend().get_texts()]
    assert names[0] == "ours (n=1; float32, by the clock)"
    assert "Table 2's recipe: not run" in names
    assert names[-1] == "a method (n=1)"


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"python -m bench\.quality"):
        read(tmp_path / "none.json")
    values = json.loads(found_of().model_dump_json())
    values["baselines"][0]["core_minutes"] = -1
    (tmp_path / "bad.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="core_minutes"):
        read(tmp_path / "bad.json")
    assert main(["--draw", str(tmp_path / "none.json")]) == 2


def test_the_command_stores_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as a command it is another module than the one that is imported."""
    found = [Baseline(task="labels_100", method="a method", core_minutes=2.5, errors=[7.0])]
    monkeypatch.setattr(baselines, "measured", lambda seeds: found)
    out = tmp_path / "quality.json"
    monkeypatch.setattr(sys, "argv", ["quality", "--out", str(out), "--results", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "bench.quality")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("bench.quality", run_name="__main__")
    assert ended.value.code == 0
    assert read(out).baselines == found


@pytest.mark.parametrize("method", baselines.METHODS)
def test_each_method_learns_two_heaps(method: str) -> None:
    """Of 200 points in two heaps, one of each labelled."""
    random = np.random.default_rng(0)
    classes = np.arange(200) % 2
    points = (random.standard_normal((200, 4)) * 0.3 + 3 * classes[:, None]).astype(np.float32)
    labels = np.full(200, -1)
    labels[:2] = classes[:2]
    predicted = baselines.METHODS[method](points, labels, points, 0)
    assert (predicted == classes).mean() > 0.95


def test_the_manual_says_what_is_stored() -> None:
    """The numbers of docs/ours.md, "Time to an error", are those of the records and the bench."""
    text = " ".join((ROOT / "docs" / "ours.md").read_text(encoding="utf-8").split())
    text = text[text.index("## Time to an error") :]
    (stored,) = (ROOT / "bench" / "results").glob("quality_*.json")
    lines = table(read(stored), ROOT / "results").splitlines()
    cells = {line[:34].strip(): line[34:].split() for line in lines}
    words = {1: "one", 3: "three", 5: "five"}
    ours = [words[round(float(minutes))] for minutes in cells["ours"][1:]]
    below = "below 5 % after {} core-minute, below 2.2 % after {} and below 1.9 % after {};"
    assert below.format(*ours) in text
    warped, never = words[round(float(cells["ours, with warps"][2]))], cells["ours, with warps"][3]
    assert f"16 clusters with warps are below 9.55 % after {warped}, and never below 4.1 %" in text
    assert never == "—"
    literal = float(cells["Table 2's recipe"][1])
    assert f"Table 2's recipe is below 5 % after {literal:.0f} minutes" in text
    spread, pseudo = (
        cells[m][0] for m in ("label spreading, 7 neighbours", "pseudo-labels, 300 units")
    )
    assert f"Label spreading errs {float(spread):.1f} %" in text
    assert f"(pseudo-labels) {float(pseudo):.1f} %" in text
    assert f"k-means {float(cells['k-means, best of 10 starts'][0]):.1f} %" in text
