"""docs/adding.md does what it says: its files are written and its commands run, in their order."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from replication.evidence import records

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
# A file is the block below the line that ends in its name; commands are blocks of sh.
STEP = re.compile(r"(?:`([\w./]+)`[^`\n]*:\n\n)?```(\w+)\n(.*?)```\n", re.DOTALL)
TABLE = Path("figures/smoke/table2_semi_supervised.csv")


# One process sets the fixture up.
pytestmark = pytest.mark.xdist_group("adding")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one who works with the suite, after all that the page says."""
    folder = tmp_path_factory.mktemp("mine")
    for part in ("Snakefile", "replication", "profiles", "environment.yml", "pyproject.toml"):
        (folder / part).symlink_to(ROOT / part)
    command = folder / "bin" / "aae"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m replication "$@"\n')
    command.chmod(0o755)
    for name, kind, text in STEP.findall(PAGE):
        if name:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        elif kind == "sh":
            run(folder, text)
    return folder


def run(folder: Path, text: str) -> str:
    """What ``text`` prints in a shell of its own that stops at the first command that fails."""
    path = os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    own = {"PATH": path, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled", "REPLICATION_DATA": ""}
    done = subprocess.run(
        ["bash", "-euc", text],
        cwd=folder,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def rows(path: Path) -> dict[str, dict[str, str]]:
    """The lines of a table's .csv with a number of ours, by row."""
    with path.open(newline="") as file:
        return {line["row"]: line for line in csv.DictReader(file) if line["record"]}


def test_the_page_has_a_variant_a_data_set_and_an_item() -> None:
    names = [name for name, _, _ in STEP.findall(PAGE) if name]
    assert names == ["mine.yaml", "make_shapes.py", "shapes.yaml", "my_items/labels_that_help.py"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_variant_is_trained_and_stands_below_the_table(folder: Path) -> None:
    record = records.read(folder / "results/smoke/table2_semi_supervised/mnist_3000.json")
    assert record.settings.labels == 300
    assert record.settings.epochs == 5
    assert record.origin is not None
    assert record.origin.file == "mine.yaml"
    # Drawn again with shapes.yaml alone: what no file describes any more is in no table.
    assert "Mine, MNIST (3000) (mnist_3000)" not in rows(folder / TABLE)
    both = "--experiments mine.yaml --experiments shapes.yaml"
    run(folder, f"aae draw table2 {both} --figures again")
    drawn = rows(folder / "again/smoke/table2_semi_supervised.csv")
    own = drawn["Mine, MNIST (3000) (mnist_3000)"]
    assert float(own["mean"]) == pytest.approx(
        sum(record.values("test_error_percent")) / len(record.seeds)
    )
    assert own["n"] == "2"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_data_set_is_learned(folder: Path) -> None:
    record = records.read(folder / "results/smoke/table2_semi_supervised/shapes_20.json")
    assert (record.dataset.train, record.dataset.test) == (1000, 200)
    assert max(record.values("test_error_percent")) < 25
    assert "Mine, rings and squares (20) (shapes_20)" in rows(folder / TABLE)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_item_is_drawn_listed_reported_and_planned(folder: Path) -> None:
    record = records.read(folder / "results/smoke/labels_that_help/few.json")
    assert record.origin is not None
    assert record.origin.file == "my_items/labels_that_help.py"
    drawn = rows(folder / "figures/smoke/labels_that_help.csv")
    assert float(drawn["Mine, 1000 labels"]["mean"]) < float(drawn["Mine, 100 labels"]["mean"])
    assert "few" in run(folder, "aae list labels_that_help")
    page = (folder / "results/report.html").read_text(encoding="utf-8")
    assert "The error by the number of labels" in page
    assert "Mine, 1000 labels" in page
    other = (folder / "my_items/labels_that_help.py").read_text().replace("few:", "fewer:")
    (folder / "my_items/labels_that_help.py").write_text(other)
    planned = run(folder, "snakemake --cores 1 --dry-run results/smoke/labels_that_help/fewer.json")
    assert "results/smoke/labels_that_help/fewer.json" in planned
