"""The workflow: what it plans, when it plans nothing, and how it refuses bad settings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PARTS = ["Snakefile", "replication", "profiles", "environment.yml", "pyproject.toml"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The sources alone, as in a fresh checkout without any record."""
    ignore = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=ignore)
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(binaries / "snakemake"), "--cores", "2", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder), "WANDB_MODE": "disabled"},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def planned(folder: Path, *arguments: str) -> list[str]:
    """The outputs of the train jobs of a dry run."""
    done = snakemake(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    return [
        lines[i + 1 + offset].split("output: ")[1]
        for i, line in enumerate(lines)
        if line.startswith(("rule train:", "localrule train:"))
        for offset in range(3)
        if "output: " in lines[i + 1 + offset]
    ]


def test_a_fresh_clone_trains_every_smoke_variant_and_no_other(clone: Path) -> None:
    outputs = planned(clone)
    assert "results/smoke/table2_semi_supervised/mnist_100.json" in outputs
    assert all(output.startswith("results/smoke/") for output in outputs)


def test_committed_records_plan_no_training(clone: Path) -> None:
    every = planned(clone, "--config", "preset=quick")
    assert len(every) > 5
    for output in every:
        path = clone / output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert planned(clone, "--config", "preset=quick") == []


def test_a_variant_that_needs_data_is_never_trained_but_drawn_once_there(clone: Path) -> None:
    record = "results/smoke/table1_log_likelihood/tfd.json"
    assert record not in planned(clone)
    assert record not in snakemake(clone, "--dry-run").stdout
    (clone / record).parent.mkdir(parents=True)
    (clone / record).write_text("{}")
    assert record not in planned(clone)
    assert record in snakemake(clone, "--dry-run").stdout


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("batch_size: 100", "batch_sise: 100", "batch_sise"),
        ("batch_size: 100", "batch_size: many", "batch_size"),
        ("momentum: 0.9", "momentum: 9", "momentum"),
        ("epochs: 54", "epochs: 54.5", "epochs"),
        ("items:", "items: [", "experiments.yaml"),
    ],
)
def test_a_mistake_in_the_settings_stops_everything_and_is_named(
    clone: Path, old: str, new: str, named: str
) -> None:
    path = clone / "replication" / "experiments.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    done = snakemake(clone)
    assert done.returncode != 0
    assert named in done.stderr + done.stdout
    assert not (clone / "results").exists()


def test_unknown_preset(clone: Path) -> None:
    done = snakemake(clone, "--config", "preset=fast")
    assert done.returncode != 0
    assert "fast" in done.stderr + done.stdout


@pytest.fixture
def made(clone: Path) -> Path:
    """A copy of this checkout after ``make``, with all that the workflow made and remembers."""
    assert (ROOT / "results" / "report.html").exists(), "run make first"
    for part in ("results", "figures", "bench", ".snakemake"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("locks"))
    return clone


@pytest.mark.slow
def test_one_setting_replans_its_variant_alone(made: Path) -> None:
    """CI shows that a second run plans nothing: whatever is planned before is not finished yet."""
    experiments = made / "replication" / "experiments.yaml"
    text, before = experiments.read_text(), planned(made)
    content = yaml.safe_load(text)
    table = content["items"]["table2_semi_supervised"]["variants"]
    table["mnist_100"].setdefault("smoke", {})["input_noise_std"] = 0.2
    experiments.write_text(yaml.safe_dump(content))
    record = "results/smoke/table2_semi_supervised/mnist_100.json"
    assert record not in before, "run make first"
    assert set(planned(made)) == {*before, record}
    experiments.write_text(text)
    (made / "replication" / "published.yaml").touch()
    assert planned(made) == before, "a published number replans drawings, never training"
