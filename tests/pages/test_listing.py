"""``python -m replication list``: what was run, of how many seeds, at which cost."""

import subprocess
import sys
from pathlib import Path

import pytest

from replication.__main__ import main
from replication.evidence import records
from replication.settings.experiments import experiments
from tests.tools.builders import make_record, make_seed

ITEM, VARIANT = "table2_semi_supervised", "mnist_100"


def store(results: Path, preset: str, seconds: list[float], **provenance: int) -> None:
    settings = experiments().settings_of(preset, ITEM, VARIANT)
    seeds = [make_seed(number) for number in settings.seeds[: len(seconds)]]
    made = [
        seed.provenance.model_copy(update={"seconds": own, **provenance})
        for seed, own in zip(seeds, seconds, strict=True)
    ]
    seeds = [s.model_copy(update={"provenance": p}) for s, p in zip(seeds, made, strict=True)]
    names = {"preset": preset, "item": ITEM, "variant": VARIANT, "settings": settings}
    path = records.path_of(preset, ITEM, VARIANT, results)
    records.write(make_record(**names, seeds=seeds), {}, path)


def row(results: Path, capsys: pytest.CaptureFixture[str], variant: str = VARIANT) -> str:
    assert main(["list", "--results", str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index(f"{ITEM}: {experiments().items[ITEM].title}")
    heading, *rows = lines[start + 1 :]
    assert heading.split() == ["variant", "place", "smoke", "quick", "paper"]
    return next(line for line in rows if line.split()[0] == variant)


def test_seeds_and_core_hours_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a stack, each seed took a share; of two threads, each counts."""
    count = len(experiments().settings_of("quick", ITEM, VARIANT).runs)
    store(tmp_path, "quick", [7200.0] * (count - 1), stacked=4, threads=2)
    store(tmp_path, "smoke", [10.0, 10.4])
    line = row(tmp_path, capsys)
    assert f"  2 seeds, 20 s  {count - 1} of {count} seeds, {count - 1}.0 h  not run" in line


def test_what_a_preset_does_not_mean_to_run_has_a_dash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    meant = {
        (name, preset)
        for item in experiments().items.values()
        for name, variant in item.variants.items()
        for preset in variant.presets
    }
    assert any("  –" in line for line in lines)
    assert sum(line.count("not run") for line in lines) >= len(meant)


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -m replication list | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["0"]
    assert done.stderr == ""
