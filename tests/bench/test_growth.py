"""The bench of growth: its exponents, what it stores and draws, and single points."""

import json
import mmap
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import growth, points
from bench.growth import SERIES, Growth, exponent, main, read, table
from replication.base.errors import UserError
from replication.settings.experiments import experiments

ON_LINUX = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the kernel tells no peak memory"
)


def stored(**changes: Any) -> dict[str, Any]:
    """Every series: time grows linearly, memory as the square root."""
    series = {
        name: [
            {"value": v, "size": v, "seconds": v / 1e3, "bytes": round(1e6 * v**0.5)}
            for v in described.values
        ]
        for name, described in SERIES.items()
    }
    for point in series["images"]:
        point["epoch_seconds"] = point["seconds"] * 60
    versions = {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"}
    machine = {"commit": "0" * 40, "dirty": False, "device": "a machine", "threads": 1, **versions}
    return {"machine": machine, "series": series, **changes}


def written(folder: Path, content: Any) -> Path:
    path = folder / "growth.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_exponent_of_a_power_law() -> None:
    sizes = [1, 2, 4, 8, 16]
    assert exponent(sizes, [3 * x**1.7 for x in sizes]) == pytest.approx(1.7)
    assert exponent(sizes, [5.0] * 5) == pytest.approx(0)
    assert exponent(sizes[:2], [1, 4]) == pytest.approx(2)


def test_the_lower_half_does_not_count() -> None:
    """A constant cost hides the growth of what is small."""
    assert exponent([1, 2, 4, 8, 16], [9, 9, 10, 20, 40]) == pytest.approx(1)
    assert exponent([1, 10, 100, 1000], [7, 7, 7, 70]) == pytest.approx(1)


def test_the_exponent_is_the_least_squares_slope() -> None:
    """By hand: logs 0, 1, 2 against 0, 3, 3 have slope 3/2."""
    assert exponent([1, 10, 100], [5, 1, 10]) == pytest.approx(1)  # of two points, the upper half
    assert exponent([1e-2, 1e-1, 1, 10, 100], [1, 1, 1, 1e3, 1e3]) == pytest.approx(1.5)


@pytest.mark.parametrize("sizes", [[], [1.0], [1.0, 2.0, 3.0]])
def test_an_exponent_needs_two_points_that_match(sizes: list[float]) -> None:
    with pytest.raises(ValueError, match="two points or more"):
        exponent(sizes, [1.0])


def test_the_table_says_what_is_worse_than_linear() -> None:
    assert table(Growth.model_validate(stored())).endswith("worse than linear: nothing")
    content = stored()
    for point in content["series"]["clusters"]:
        point["bytes"] = point["size"] ** 2
    text = table(Growth.model_validate(content))
    assert text.endswith("worse than linear: clusters (memory, MB)")
    exponents = [line.split()[1:] for line in text.splitlines() if line.strip()[:8] == "exponent"]
    assert exponents[2:4] == [["1.00", "1.00", "0.50"], ["1.00", "2.00"]]


def test_a_drawing_is_made_of_the_stored_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "FIGURES", tmp_path)
    path = written(tmp_path, stored())
    assert main(["--draw", str(path)]) == 0
    first = [(tmp_path / f"bench/growth.{ending}").read_bytes() for ending in ("png", "pdf")]
    assert main(["--draw", str(path)]) == 0
    assert first == [(tmp_path / f"bench/growth.{e}").read_bytes() for e in ("png", "pdf")]


def test_the_legends_tell_the_exponents_and_a_missing_series_says_so() -> None:
    content = stored()
    del content["series"]["parzen"]
    axes = growth.figure(Growth.model_validate(content)).axes
    legends = [a.get_legend() for a in axes]
    told = [[t.get_text() for t in legend.get_texts()] if legend else [] for legend in legends]
    assert told[:5] == [
        ["an update: $n^{1.00}$", "linear: $n$"],
        ["an update: $n^{1.00}$", "linear: $n$"],
        ["an update: $n^{1.00}$", "linear: $n$", "an epoch: $n^{1.00}$"],
        ["an update: $n^{1.00}$", "linear: $n$"],
        [],
    ]
    assert told[5] == ["memory: $n^{0.50}$", "linear: $n$"]
    assert axes[4].texts[0].get_text() == "not run"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        (stored(machine={}), "machine.commit"),
        (stored(series={"seeds": []}), "series.seeds"),
        (stored(series={"depth": stored()["series"]["seeds"]}), "unknown series 'depth'"),
        (json.dumps(stored()).replace("0.001", "NaN"), "seconds"),
        (json.dumps(stored()).replace("0.001", "0"), "seconds"),
    ],
)
def test_a_damaged_file_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, reason: str
) -> None:
    path = written(tmp_path, content)
    assert main(["--draw", str(path)]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"error: {path}")
    assert reason in line
    assert line.count("\n") == 1


def test_a_missing_file_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No such file.*python -m bench\.growth"):
        read(tmp_path / "growth.json")


def test_drawing_does_without_torch() -> None:
    code = "import bench.growth, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_point_that_fails_ends_all_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 2, "", "error: device 'x' cannot be used; name another")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: done)
    out = tmp_path / "growth.json"
    assert main(["--only", "seeds", "--out", str(out)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "error: seeds at 1: device 'x' cannot be used; name another"
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [("depth", "1", "unknown series 'depth'"), ("seeds", "0", "'0'"), ("seeds", "x", "'x'")],
)
def test_a_point_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], name: str, value: str, reason: str
) -> None:
    assert main(["--point", name, value]) == 2
    assert reason in capsys.readouterr().err


@ON_LINUX
def test_points_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the 8x8 digits: what grows is the whole of what is asked for."""

    def small(name: str, value: int) -> Any:
        item, variant = ("table2_semi_supervised", "mnist_100")
        if name == "parzen":
            item, variant = ("table1_log_likelihood", "mnist")
        return experiments().settings_of("smoke", item, variant)

    monkeypatch.setattr(points, "settings_of", small)
    point = points.measured("images", 5000, "cpu", 0.0)
    assert point.epoch_seconds is not None
    assert point.epoch_seconds >= 100 * point.seconds > 0  # batches of 50
    assert point.bytes >= points.PAGE
    assert points.measured("seeds", 2, "cpu", 0.0).size == 2
    assert points.measured("parzen", 6000, "cpu", 0.0).seconds > 0


def test_each_series_makes_valid_settings() -> None:
    """``model_copy`` checks nothing."""
    for name, series in SERIES.items():
        for value in series.values:
            settings = points.settings_of(name, value)
            assert settings == type(settings).model_validate(settings.model_dump())
    assert points.settings_of("clusters", 300).label_dim == 300
    assert points.settings_of("width", 500).hidden_sizes == [500, 500]


@ON_LINUX
def test_the_peak_is_that_of_the_measurement() -> None:
    cpu = torch.device("cpu")
    hold(50_000_000)
    before = points.forget_peak(cpu)
    assert points.peak(cpu) - before < 10e6
    hold(60_000_000)
    assert 55e6 < points.peak(cpu) - before < 75e6


def hold(size: int) -> None:
    """Take ``size`` bytes from the kernel and give them back; a heap may have so many to spare."""
    with mmap.mmap(-1, size) as memory:
        for page in range(0, size, mmap.PAGESIZE):
            memory[page] = 1
