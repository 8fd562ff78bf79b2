"""The report's section on speed: ratios made from the files of the benches, beside the goals."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel

from replication.base.errors import UserError
from replication.evidence.records import Record
from replication.pages.page import environment
from replication.pages.report import write_report
from replication.pages.report_speed import speed
from replication.pages.speed import Precision, Quality, Rivals, Step, goals, measured, reached
from tests.tools.site import PNG, seed_result, store

TABLE = "table2_semi_supervised"
MACHINE = {
    "commit": "0123456789abcdef",
    "dirty": False,
    "python": "3.11",
    "torch": "2.6",
    "numpy": "2.0",
    "device": "CPU <A & B>",
    "threads": 1,
}
# 2 GFLOP an update: the loop does 50 GFLOP/s, ours 80 and 120.
STEP: dict[str, Any] = {
    "machine": MACHINE,
    "seeds": 1,
    "floor_flop_per_update": 2e9,
    "executed_flop_per_update": 2e9,
    "ceiling_gflops": {"float32": 100.0, "bf16-products": 240.0},
    "updates_per_second": {
        "ours, float32": 40.0,
        "ours, bf16-products": 60.0,
        "DataLoader loop": 25.0,
    },
}
RIVALS: dict[str, Any] = {
    "machine": MACHINE,
    "table1_model": {
        "updates": 100,
        "flop_per_update": {"ours, float32": 3e9, "Pythae": 2e9},
        "updates_per_second": {"ours, float32": 45.0, "Pythae": 10.0},
    },
    "start_to_end": {
        "epochs": 3,
        "images": 60000,
        "seconds": {"ours, float32": 40.0, "DataLoader loop": 100.0},
    },
}


STACKED: dict[str, Any] = {
    "machine": MACHINE,
    "seeds": 10,
    "updates": 10,
    "load": 1.5,
    "updates_per_second": {"ours, one seed after the other": 10.0, "JAX, 10 at once": 7.5},
}


class Bench:
    """A folder of what the benches left, and the section made of it."""

    def __init__(self, root: Path):
        self.root = root
        self.folder = root / "bench"
        self.folder.mkdir()

    def put(self, name: str, content: Any) -> Path:
        path = self.folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def section(self) -> str:
        content = speed(self.folder, self.root / "results", self.root / "figures")
        return environment().get_template("speed.html").render(speed=content)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def cells(section: str, label: str, first: str) -> list[str]:
    """The text of a row's cells, of the table of that label."""
    table = section.split(f'aria-label="{label}"', 1)[1].split("</table>", 1)[0]
    row = next(r for r in table.split("<tr>") if f">{first}</th>" in r or f">{first}</a>" in r)
    return [" ".join(re.sub("<[^>]*>", " ", c).split()) for c in row.split("<td>")[1:]]


def test_ratios_of_an_update(bench: Bench) -> None:
    bench.put("step_cpu_a", STEP)
    section = bench.section()
    label = "Speed of an update"
    assert cells(section, label, "ours, float32") == ["80% met", "1.60x missed"]
    assert cells(section, label, "ours, bf16-products") == ["50% missed", "2.40x missed"]
    assert cells(section, label, "DataLoader loop") == ["50%", "1.00x"]
    assert "CPU &lt;A &amp; B&gt;" in section
    assert "commit 0123456789ab" in section


def test_the_greatest_ratio_is_computed(bench: Bench) -> None:
    """100 and 240 GFLOP/s over the loop's 50: 2 and 4.8 times."""
    bench.put("step_cpu_a", STEP)
    section = bench.section()
    assert re.search(r"float32: at most 2\.00 times.*?4x is out of reach", section)
    assert re.search(r"bf16-products: at most 4\.80 times.*?4x is within reach", section)


def test_ratios_to_rivals(bench: Bench) -> None:
    bench.put("rivals_cpu_a", RIVALS)
    section = bench.section()
    assert cells(section, "Beside Pythae", "ours, float32") == ["3.00", "4.50x met", "6.75x"]
    assert cells(section, "Beside Pythae", "Pythae") == ["2.00", "1.00x", "1.00x"]
    assert cells(section, "From start to end", "ours, float32") == ["2.50x missed"]
    assert "3 epoch(s) of 60,000 images" in section


def test_seeds_at_once_beside_jax(bench: Bench) -> None:
    bench.put("stacked_cpu_a", STACKED)
    section, label = bench.section(), "Beside JAX"
    assert cells(section, label, "ours, one seed after the other") == ["1.00x"]
    assert cells(section, label, "JAX, 10 at once") == ["0.75x"]


def test_every_machine_is_one_block(bench: Bench) -> None:
    bench.put("step_cpu_a", STEP)
    bench.put("rivals_cpu_a", RIVALS)
    bench.put("rivals_cuda_b", RIVALS)
    section = bench.section()
    assert re.findall(r"<h3>CPU.*?<small>(\w+)</small>", section) == ["cpu_a", "cuda_b"]
    assert section.count("python -m bench.step") == 1
    assert section.count("python -m bench.rivals") == 0


def test_what_is_missing_is_said_with_its_command(bench: Bench) -> None:
    section = bench.section()
    for command in ("bench.step", "bench.rivals", "bench.stacked", "bench.growth", "bench.quality"):
        assert f"<code>python -m {command}</code>" in section
    assert cells(section, "Time to quality", "Table 2, MNIST (100)") == ["not run"] * 8
    assert "<img" not in section


def test_without_pythae_it_is_said(bench: Bench) -> None:
    alone = json.loads(json.dumps(RIVALS))
    for values in ("flop_per_update", "updates_per_second"):
        del alone["table1_model"][values]["Pythae"]
    bench.put("rivals_cpu_a", alone)
    section = bench.section()
    assert "Pythae was not installed" in section
    assert cells(section, "From start to end", "ours, float32") == ["2.50x missed"]


def test_the_figure_of_growth_is_shown(bench: Bench) -> None:
    picture = bench.root / "figures" / "bench" / "growth.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PNG)
    section = bench.section()
    assert 'src="data:image/webp;base64,' in section
    assert "bench.growth" not in section


def without(content: dict[str, Any], *keys: str) -> dict[str, Any]:
    copy = json.loads(json.dumps(content))
    below = copy
    for key in keys[:-1]:
        below = below[key]
    del below[keys[-1]]
    return copy


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("step_a", "{"),
        ("step_a", ""),
        ("step_a", "[]"),
        ("step_a", b"\xff".decode("latin-1")),
        ("step_a", without(STEP, "seeds")),
        ("step_a", without(STEP, "updates_per_second", "DataLoader loop")),
        ("step_a", without(STEP, "ceiling_gflops", "bf16-products")),
        ("step_a", {**STEP, "floor_flop_per_update": 0}),
        ("step_a", json.dumps(STEP).replace("25.0", "NaN")),
        ("rivals_a", without(RIVALS, "start_to_end", "seconds", "DataLoader loop")),
        ("rivals_a", without(RIVALS, "table1_model", "flop_per_update", "Pythae")),
    ],
)
def test_a_damaged_file_is_one_line_and_no_page(bench: Bench, name: str, content: Any) -> None:
    path = bench.put(name, content)
    page = bench.root / "report.html"
    with pytest.raises(UserError, match="is damaged") as raised:
        write_report(page, bench.root / "results", bench.root / "figures", bench.folder)
    assert str(path) in raised.value.problem
    assert f"python -m bench.{name.split('_')[0]}" in raised.value.remedy
    assert "\n" not in str(raised.value)
    assert not page.exists()


def test_other_files_are_left_alone(bench: Bench) -> None:
    bench.put("growth_cpu_a", "{")
    assert measured("step", Step, bench.folder) == {}
    assert measured("rivals", Rivals, bench.folder) == {}


def record(results: Path, **changes: Any) -> Record:
    """Errors 90, 45 and 10 % after epochs 1, 2 and 9, of two seeds and one that diverged."""
    seeds = [seed_result(0, 10.0), seed_result(1, 10.0), seed_result(2, 0.0, "diverged")]
    path = store(results, "quick", "mnist_100", seeds)
    return Record.model_validate_json(path.read_bytes()).model_copy(update=changes)


def test_when_an_error_is_first_reached(tmp_path: Path) -> None:
    """12.5 seconds for 54 epochs; the mean counts, and an epoch that was evaluated."""
    stored = record(tmp_path)
    for level, epoch in ((90.0, 1), (89.9, 2), (45.0, 2), (44.9, 9), (10.0, 9)):
        found = reached(stored, "test_error_percent", level)
        assert found is not None
        assert found.epoch == epoch
        assert found.seconds == pytest.approx(12.5 * epoch / stored.settings.epochs)
    assert reached(stored, "test_error_percent", 9.9) is None
    assert reached(stored, "test_error_percent", 0.1) is None


def test_the_mean_over_the_seeds_counts(tmp_path: Path) -> None:
    seeds = list(record(tmp_path).seeds[:2])
    low = [{**row, "test_error_percent": 4.0} for row in seeds[0].history]
    stored = record(tmp_path, seeds=[seeds[0].model_copy(update={"history": low}), seeds[1]])
    found = reached(stored, "test_error_percent", 24.5)
    assert found is not None
    assert found.epoch == 2, "(4 + 45) / 2"
    alone = seeds[1].model_copy(update={"history": seeds[1].history[:1]})
    cut = record(tmp_path, seeds=[seeds[0].model_copy(update={"history": low}), alone])
    assert reached(cut, "test_error_percent", 24.5) is None, "one seed was not evaluated then"


def test_where_all_diverged_nothing_is_reached(tmp_path: Path) -> None:
    stored = record(tmp_path, seeds=[seed_result(0, 0.0, "diverged")])
    assert reached(stored, "test_error_percent", 100.0) is None


def test_time_to_quality_leads_to_its_record(bench: Bench) -> None:
    record(bench.root / "results")
    section = bench.section()
    level = goals().quality.levels[0]
    assert level < 10, "the record does not reach it"
    row = cells(section, "Time to quality", "Table 2, MNIST (100)")
    assert row == [
        "3",
        "CPU, float32, 1 thread(s)",
        *["not reached"] * 2 * len(goals().quality.levels),
    ]
    assert f'href="#quick-{TABLE}-mnist_100"' in section


@pytest.mark.parametrize("records", [{"table7": ["mnist_100"]}, {TABLE: ["mnist_7"]}])
def test_an_unknown_record_is_named(records: dict[str, list[str]]) -> None:
    values = goals().quality.model_dump() | {"records": records}
    with pytest.raises(UserError, match=r"unknown .*(table7|mnist_7)"):
        Quality.model_validate(values)


PRECISION = {
    "machine": STEP["machine"],
    "epochs": 3,
    "error_percent": {"float32": [5.0, 6.0, 7.0], "bf16-products": [5.1, 6.3, 7.2]},
}


def test_what_a_precision_costs_is_the_paired_difference(bench: Bench) -> None:
    """By scipy: the mean of 0.1, 0.3, 0.2 and half its interval."""
    found = Precision.model_validate(PRECISION)
    difference, half = found.to_float32("bf16-products")
    interval = ttest_rel(*reversed(PRECISION["error_percent"].values())).confidence_interval()
    assert difference == pytest.approx(0.2)
    assert (difference - half, difference + half) == pytest.approx(tuple(interval))
    bench.put("precision_cpu_a", PRECISION)
    label = "Precision and error"
    row = cells(bench.section(), label, "bf16-products")
    assert row == ["6.20 (n = 3)", f"+0.20 ± {half:.2f}"]
    assert cells(bench.section(), label, "float32") == ["6.00 (n = 3)", ""]


@pytest.mark.parametrize(
    ("errors", "named"),
    [
        ({"bf16-products": [1.0, 2.0]}, "lacks float32"),
        ({"float32": [1.0, 2.0], "bf16-products": [1.0, 2.0, 3.0]}, "the same seeds"),
        ({"float32": [1.0]}, "error_percent.float32"),
    ],
)
def test_damaged_precisions_are_named(bench: Bench, errors: object, named: str) -> None:
    bench.put("precision_cpu_a", {**PRECISION, "error_percent": errors})
    with pytest.raises(UserError, match=f"precision_cpu_a.json is damaged: .*{named}"):
        bench.section()
