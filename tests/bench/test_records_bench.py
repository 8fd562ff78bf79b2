"""The bench of many records: what it makes, what it times, and what it says of that."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import records as bench
from replication.base.errors import UserError
from replication.pages.drawing import Drawing
from replication.settings.outside import VARIABLE

MACHINE = {
    **{"commit": "", "dirty": False, "python": "3", "torch": "2", "numpy": "2"},
    **{"device": "a machine", "threads": 1},
}


# How docs/scale.md calls the commands, in their order.
NAMED = (
    *("`aae list`", "`snakemake --dry-run`", "a table"),
    *("a figure with a panel for each", "`aae report`"),
)


def test_the_records_are_whole_and_of_todays_settings(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = bench.make_records(workdir, 2)
    assert size == sum(path.stat().st_size for path in workdir.rglob("v*.json"))
    monkeypatch.setenv(VARIABLE, bench.OVERLAY)
    drawing = Drawing(bench.PRESET, bench.ITEM, workdir / "results")
    for number, name in enumerate(("v0", "v1")):
        record = drawing.record(name)
        assert record is not None
        assert len(record.seeds) == bench.SEEDS
        assert record.training_hash == drawing.settings(name).training_hash()
        assert record.settings.input_noise_std == bench.changed(number)["input_noise_std"]


def test_a_command_is_timed_with_the_code_of_the_checkout(workdir: Path) -> None:
    words = [sys.executable, "-c", "import replication; print(replication.__file__)"]
    found = bench.cost(words, workdir, bench.ROOT)
    assert found is not None
    assert found.core_seconds > 0
    told = Path((workdir / "told.txt").read_text().strip())
    assert told.resolve() == bench.ROOT / "replication/__init__.py"
    assert (workdir / "Snakefile").resolve() == bench.ROOT / "Snakefile"


def test_a_command_that_takes_too_long_is_stopped(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "LIMIT", 1)
    assert bench.cost([sys.executable, "-c", "while True: pass"], workdir, bench.ROOT) is None


def test_a_command_that_fails_is_named_with_its_last_line(workdir: Path) -> None:
    with pytest.raises(UserError, match="failed: out of ink"):
        bench.cost([sys.executable, "-c", "raise SystemExit('out of ink')"], workdir, bench.ROOT)


def result(**beside: Any) -> bench.Records:
    """Every command is linear; the other checkout takes twice as long, or was stopped."""

    def costs(each: float) -> list[dict[str, Any]]:
        return [{"seconds": n, "core_seconds": each * n, "bytes": 10**8} for n in (10, 100)]

    names = list(bench.COMMANDS)
    slow = {name: costs(2) for name in names} | {names[-1]: [costs(2)[0], None]}
    values = {"machine": MACHINE, "variants": [10, 100], "seeds": 3, "bytes": 1e4, "load": 1.0}
    values |= {"costs": {name: costs(1) for name in names}, "beside": slow, **beside}
    return bench.Records.model_validate(values)


def test_the_table_has_exponents_and_ratios() -> None:
    lines = {line.split("  ")[0]: line.split() for line in bench.table(result()).splitlines()}
    assert lines["list"][-5:] == ["1.00", "100", "200.0", "(100.0)", "2.00x"]
    assert lines["report"][-4:] == ["100", "over", str(bench.LIMIT), "—"]
    alone = bench.table(result(beside=None)).splitlines()[-1].split()
    assert alone[-4:] == ["1.00", "100", "—", "—"]


@pytest.mark.parametrize("text", ["100", "100,100", "300,100", "0,10"])
def test_numbers_of_variants_ascend(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        bench.sizes(text)


def test_the_manual_says_what_is_stored() -> None:
    """The table of docs/scale.md and the exponents below it are those of the stored bench."""
    text = (bench.ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (path,) = (bench.ROOT / "bench" / "results").glob("records_*.json")
    stored = bench.Records.model_validate_json(path.read_text())
    assert stored.beside is not None
    exponents = []
    for told, name in zip(NAMED, stored.costs, strict=True):
        costs, (*_, other) = [cost for cost in stored.costs[name] if cost], stored.beside[name]
        seconds = [cost.core_seconds for cost in costs]
        each = (seconds[-1] - seconds[-2]) / (stored.variants[-1] - stored.variants[-2])
        ratio = f"{other.core_seconds / seconds[-1]:.2f}" if other else "stopped after 60 s"
        cells = [*(f"{s:.1f} s" for s in seconds), f"{1000 * each:.1f} ms"]
        cells += [f"{costs[-1].bytes / 1e6:.0f} MB", ratio]
        assert f"| {told} | {' | '.join(cells)} |" in text
        exponents.append(bench.exponent_of(stored.variants, costs))
    assert f"are {min(exponents):.2f} to {max(exponents):.2f}:" in text
    assert f"({stored.seeds} seeds a variant, {stored.bytes / 1000:.0f} kB a record)" in text
