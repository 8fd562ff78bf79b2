"""The workflow: what it plans, when it plans nothing, and how it refuses bad settings."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from replication.settings.experiments import experiments
from tests.tools.workflow import ROOT, SNAKEMAKE, copy_sources, environment


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The sources alone, as in a fresh checkout without any record."""
    return copy_sources(tmp_path)


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SNAKEMAKE, "--cores", "2", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def dry_run(folder: Path, *arguments: str) -> str:
    done = snakemake(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(folder: Path, *arguments: str) -> list[str]:
    """The outputs of the train jobs of a dry run."""
    return trainings(dry_run(folder, *arguments))


def trainings(text: str) -> list[str]:
    """The outputs of the train jobs in what a dry run told; at smoke a job has many."""
    lines = [line.split("output: ")[1] for line in text.splitlines() if "output: " in line]
    outputs = [output for line in lines for output in line.split(", ")]
    return [o.removesuffix(" (update)") for o in outputs if o.endswith(" (update)")]


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
    assert record not in dry_run(clone)
    (clone / record).parent.mkdir(parents=True)
    (clone / record).write_text("{}")
    told = dry_run(clone)
    assert record in told
    assert record not in trainings(told)


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


def test_an_unknown_config_key_is_named_with_the_nearest(clone: Path) -> None:
    done = snakemake(clone, "--dry-run", "--config", "presets=quick")
    assert done.returncode != 0
    assert "unknown --config key 'presets'; did you mean preset?" in done.stderr + done.stdout


def test_variants_in_a_file_of_ones_own_are_planned(clone: Path) -> None:
    variant = "mine: {place: Mine, like: nn_100, presets: [smoke]}"
    own = f"items: {{table2_semi_supervised: {{variants: {{{variant}}}}}}}"
    (clone / "mine.yaml").write_text(own)
    record = "results/smoke/table2_semi_supervised/mine.json"
    assert record in planned(clone, "--config", "experiments=mine.yaml")
    (clone / "mine.yaml").write_text(own.replace("like", "lik"))
    done = snakemake(clone, "--dry-run", "--config", "experiments=mine.yaml")
    assert done.returncode != 0
    assert "mine.lik: no such key; did you mean like?" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("device=xpu", "device 'xpu' cannot be used"),
        ("precision=float16", "unknown precision 'float16'; did you mean float32"),
    ],
)
def test_what_cannot_be_used_stops_everything_at_once(clone: Path, config: str, told: str) -> None:
    done = snakemake(clone, "--config", config)
    assert done.returncode != 0
    assert (done.stderr + done.stdout).count(told) == 1
    assert not (clone / "results").exists()


# The only one of its item at smoke, where an item is trained as a whole.
ITEM, VARIANT = "ours_earlier_recipes", "mnist_100"
RECORD = f"results/smoke/{ITEM}/{VARIANT}.json"
APPTAINER = f"""#!/bin/sh
if [ "$1" = --version ]; then
    echo apptainer version 1.3.4
else
    echo "$@" > asked
    echo "{{}}" > {RECORD}
fi
"""


def test_snakemakes_report_has_every_drawing_with_its_caption_and_category(clone: Path) -> None:
    """Of the committed drawings, so that nothing is trained or drawn."""
    for part in ("results/quick", "figures/quick"):
        shutil.copytree(ROOT / part, clone / part)
    drawn = "figures/quick/table1_log_likelihood.csv"
    done = snakemake(clone, "--report", "report.html", drawn)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (clone / "report.html").read_text(encoding="utf-8")
    results, groups = (told_after(page, start) for start in ('{"figures/quick/', '{"Figures": '))
    endings = {"table": "csv", "figure": "png"}
    for item, content in experiments().items.items():
        for kind in content.draws:
            path = f"figures/quick/{item}.{endings[kind]}"
            assert results[path]["labels"]["claim"] == content.claim
            assert results[path]["labels"]["seen"] == (content.alt or "")
            assert "results/quick" in results[path]["caption"]
            group = {"table": "Tables", "figur": "Figures"}.get(item[:5], "Beyond the paper")
            assert path in groups[group]["quick"]


def told_after(page: str, start: str) -> dict[str, Any]:
    """The JSON object of a page that begins so."""
    found: dict[str, Any] = json.JSONDecoder().raw_decode(page, page.index(start))[0]
    return found


of_trained = pytest.mark.xdist_group("trained")  # one process sets it up


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which Snakemake has trained one variant."""
    folder = copy_sources(tmp_path_factory.mktemp("trained"))
    experiments = folder / "replication" / "experiments.yaml"
    text = experiments.read_text()
    start = text.index(f"\n  {ITEM}:\n")
    end = text.index("\n    variants:\n", start)
    own = text[start:end]
    assert own.count("    smoke:\n      epochs: 10\n") == 1
    own = own.replace("    smoke:\n      epochs: 10\n", "    smoke: {epochs: 2}\n")
    experiments.write_text(text[:start] + own + text[end:])
    done = snakemake(folder, RECORD)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
@of_trained
def test_how_a_record_was_made_is_no_reason_to_make_it_again(trained: Path) -> None:
    """Nor is another text of the rule, as an update of the suite may bring it."""
    for config in (["device=cpu:0"], ["precision=float32"]):
        assert RECORD not in planned(trained, RECORD, "--config", *config)
    snakefile = trained / "Snakefile"
    text = snakefile.read_text()
    snakefile.write_text(
        text.replace("tail -n 3 {log} >&2; exit 1", "tail -n 5 {log} >&2; exit 1", 1)
    )
    assert RECORD not in planned(trained, RECORD)
    snakefile.write_text(text)


@pytest.mark.slow
@of_trained
def test_a_record_that_was_deleted_is_made_again(trained: Path) -> None:
    """Even where the report is there, which is all that the records are for."""
    report = trained / "results" / "report.html"
    report.write_text("drawn")
    content = (trained / RECORD).read_bytes()
    (trained / RECORD).unlink()
    assert RECORD in planned(trained)
    (trained / RECORD).write_bytes(content)
    report.unlink()


def changed(folder: Path, old: str, new: str) -> None:
    """The item's smoke settings, of which the fixture has made one line."""
    path = folder / "replication" / "experiments.yaml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.slow
@of_trained
def test_a_seed_that_is_added_and_another_measure_leave_what_was_trained(trained: Path) -> None:
    before = json.loads((trained / RECORD).read_text())
    assert RECORD not in planned(trained, RECORD)
    more = "smoke: {epochs: 2, seeds: [0, 1, 2]}"
    changed(trained, "smoke: {epochs: 2}", more)
    assert RECORD in planned(trained, RECORD)
    assert snakemake(trained, RECORD).returncode == 0
    grown = json.loads((trained / RECORD).read_text())
    assert [seed["seed"] for seed in grown["seeds"]] == [0, 1, 2]
    assert grown["seeds"][:2] == before["seeds"]
    changed(trained, more, more.replace("}", ", evaluate_every: 2}"))
    assert RECORD in planned(trained, RECORD)
    assert snakemake(trained, RECORD).returncode == 0
    again = json.loads((trained / RECORD).read_text())
    assert again["measuring_hash"] != grown["measuring_hash"]
    for seed, was in zip(again["seeds"], grown["seeds"], strict=True):
        assert [p["work"] for p in seed["provenance"]["processes"]] == ["training", "measuring"]
        assert seed["metrics"] == was["metrics"]
    changed(trained, more.replace("}", ", evaluate_every: 2}"), "smoke: {epochs: 2}")
    assert snakemake(trained, RECORD).returncode == 0


@pytest.mark.slow
@of_trained
def test_a_record_stays_until_its_successor_is_whole(trained: Path) -> None:
    experiments = trained / "replication" / "experiments.yaml"
    text, before = experiments.read_text(), (trained / RECORD).read_bytes()
    experiments.write_text(text.replace("smoke: {epochs: 2}", "smoke: {epochs: 3, data: mnist}"))
    done = snakemake(trained, RECORD)  # MNIST is not there, nor is a network
    assert done.returncode != 0
    assert (trained / RECORD).read_bytes() == before
    experiments.write_text(text)


@pytest.fixture
def made(clone: Path) -> Path:
    """A copy of this checkout after ``make``, with all that the workflow made and remembers."""
    assert (ROOT / "results" / "report.html").exists(), "run make first"
    for part in ("results", "figures", "bench", ".snakemake"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("locks"))
    return clone


@pytest.mark.slow
def test_one_setting_replans_its_item_alone(made: Path) -> None:
    """CI shows that a second run plans nothing: whatever is planned before is not finished yet."""
    path = made / "replication" / "experiments.yaml"
    text, before = path.read_text(), planned(made)
    content = yaml.safe_load(text)
    table = content["items"]["table2_semi_supervised"]["variants"]
    table["mnist_100"].setdefault("smoke", {})["input_noise_std"] = 0.2
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    names = experiments().runnable("table2_semi_supervised", "smoke")
    records = {f"results/smoke/table2_semi_supervised/{name}.json" for name in names}
    assert not records & set(before), "run make first"
    assert set(planned(made)) == {*before, *records}
    path.write_text(text)
    (made / "replication" / "published.yaml").touch()
    assert planned(made) == before, "a published number replans drawings, never training"


@pytest.mark.slow
def test_the_documented_words_for_apptainer_train_in_the_container(clone: Path) -> None:
    """A pretended Apptainer, which says what it was asked for, and makes the record."""
    page = (ROOT / "docs" / "going-further.md").read_text()
    (words,) = re.findall(r"`(--sdm apptainer [^`]*)`", page)
    program = clone / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER)
    program.chmod(0o755)
    (clone / "container.sif").touch()
    variables = environment(clone) | {"REPLICATION_DATA": "/some/data"}
    variables["PATH"] = f"{program.parent}{os.pathsep}{variables['PATH']}"
    command = f"{SNAKEMAKE} --cores 1 {words} --config preset=smoke -- {RECORD}"
    subprocess.run(command, shell=True, cwd=clone, env=variables, check=True, timeout=100)
    asked = (clone / "asked").read_text()
    assert asked.startswith(f"exec --home {clone} --nv --bind /some/data ")
    assert " container.sif bash -c " in asked
    assert f"python -m replication train {ITEM}/{VARIANT} --preset smoke" in asked
