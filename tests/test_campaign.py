"""The campaign: what is run first, what a budget cuts, what is said to be left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from replication import __main__ as suite
from replication import campaign as campaigns
from replication.base.errors import UserError
from replication.campaign import campaign, missing
from replication.evidence import records
from replication.settings.experiments import Experiments, experiments
from tests.tools.builders import make_experiments, make_record, make_seed

# Stands for Snakemake: notes its target, sleeps, and makes the record unless told to fail.
STAND_IN = """#!{python}
import pathlib, sys, time
target = pathlib.Path(sys.argv[-1])
with open("ran", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
time.sleep({seconds})
if {fails!r}:
    log = pathlib.Path("logs", *target.with_suffix(".log").parts[1:])
    log.parent.mkdir(parents=True, exist_ok=True)
    if {fails!r} != "silently":
        log.write_text("epoch 1\\n{fails}\\n\\n")
    sys.exit(1)
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text("{{}}")
"""


@pytest.fixture
def two_items(monkeypatch: pytest.MonkeyPatch) -> Experiments:
    """``table9`` has one variant; ``table8``, worth more, has two, one of which needs data."""
    values = make_experiments().model_dump()
    variant = values["items"]["table9"]["variants"]["small"]
    variants = {"first": variant, "second": variant, "third": {**variant, "not_run": "no data"}}
    values["items"]["table8"] = {**values["items"]["table9"], "variants": variants}
    values["campaign"] = ["table8"]
    content = Experiments.model_validate(values)
    monkeypatch.setattr(campaigns, "experiments", lambda: content)
    return content


@pytest.fixture
def snakemake(workdir: Path, monkeypatch: pytest.MonkeyPatch):
    def install(seconds: float = 0, fails: str = "") -> None:
        binary = workdir / "bin" / "snakemake"
        binary.parent.mkdir(exist_ok=True)
        binary.write_text(STAND_IN.format(python=sys.executable, seconds=seconds, fails=fails))
        binary.chmod(0o755)
        monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")

    return install


def test_the_most_valuable_come_first_and_what_is_there_does_not(
    two_items: Experiments, workdir: Path, snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake()
    there = Path("results/quick/table8/first.json")
    there.parent.mkdir(parents=True)
    there.write_text("{}")
    campaign("quick", 60, ["--cores", "3"])
    ran = [line.split() for line in Path("ran").read_text().splitlines()]
    assert [arguments[-1] for arguments in ran] == [
        "results/quick/table8/second.json",
        "results/quick/table9/small.json",
    ]
    assert ran[0][:-1] == ["--cores", "3", "--config", "preset=quick", "--"]
    assert capsys.readouterr().out.splitlines()[-1] == "nothing is left"


def test_a_campaign_that_is_terminated_ends_what_it_started(
    two_items: Experiments, workdir: Path, snakemake, monkeypatch: pytest.MonkeyPatch
) -> None:
    snakemake(seconds=60)
    started = []
    popen = subprocess.Popen

    def kept(*arguments: object, **named: object) -> object:
        started.append(popen(*arguments, **named))
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return started[-1]

    monkeypatch.setattr(campaigns.subprocess, "Popen", kept)
    assert suite.main(["campaign", "--preset", "quick", "--hours", "1"]) == 143
    (process,) = started
    assert process.poll() is not None


def test_the_budget_cuts_and_what_is_left_is_named(
    two_items: Experiments, workdir: Path, snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake(seconds=60)
    started = time.monotonic()
    campaign("quick", 1.0, ["--cores", "1"])
    assert time.monotonic() - started < 20
    *_, first, second, third, last = capsys.readouterr().out.splitlines()
    assert first == "left: results/quick/table8/first.json"
    assert second == "left: results/quick/table8/second.json"
    assert third == "left: results/quick/table9/small.json"
    assert last == "3 records of quick are missing"
    assert len(Path("ran").read_text().splitlines()) == 1


def test_without_time_nothing_is_started(two_items: Experiments, workdir: Path, snakemake) -> None:
    snakemake()
    campaign("quick", 0, [])
    assert not Path("ran").exists()


def test_a_failure_is_named_and_the_others_go_on(
    two_items: Experiments, workdir: Path, snakemake
) -> None:
    snakemake(fails="error: no space left; free some")
    with pytest.raises(UserError) as error:
        campaign("quick", 60, [])
    told = [
        f"results/quick/{name}.json (error: no space left; free some)"
        for name in ("table8/first", "table8/second", "table9/small")
    ]
    assert str(error.value) == f"training failed: {', '.join(told)}; see the logs in logs/"
    assert len(Path("ran").read_text().splitlines()) == 3


def test_a_failure_before_any_training_ends_the_campaign(
    two_items: Experiments, workdir: Path, snakemake
) -> None:
    """It would fail for every variant, and its reason is on the screen already."""
    snakemake(fails="silently")
    old = Path("logs/quick/table8/first.log")
    old.parent.mkdir(parents=True)
    old.write_text("of last week")
    os.utime(old, (0, 0))
    with pytest.raises(UserError, match="failed before it trained results/quick/table8/first"):
        campaign("quick", 60, [])
    assert len(Path("ran").read_text().splitlines()) == 1


def test_device_and_precision_join_the_one_config(
    two_items: Experiments, workdir: Path, snakemake
) -> None:
    snakemake()
    arguments = ["campaign", "--hours", "0.1", "--device", "cuda", "--precision", "float32"]
    assert suite.main([*arguments, "--", "--cores", "2"]) == 0
    (first, *_) = Path("ran").read_text().splitlines()
    config = "--config preset=quick device=cuda precision=float32 --"
    assert first == f"--cores 2 {config} results/quick/table8/first.json"


def test_at_smoke_an_item_is_trained_and_logged_as_a_whole(
    two_items: Experiments, workdir: Path
) -> None:
    started = []

    def start(path: Path, left: float) -> int:
        started.append(str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in two_items.runnable(path.parent.name, "smoke"):
            (path.parent / f"{name}.json").write_text("{}")
        return 0

    campaigns.work_off("smoke", time.monotonic() + 60, start)
    assert started == ["results/smoke/table8/first.json", "results/smoke/table9/small.json"]
    assert campaigns.log_of(Path(started[0])) == Path("logs/smoke/table8.log")
    snakefile = Path(__file__).parents[1] / "Snakefile"
    assert 'f"logs/smoke/{ITEM}.log"' in snakefile.read_text(encoding="utf-8")


@pytest.mark.parametrize("argument", ["--config", "-C", "--config=device=cuda"])
def test_a_second_config_is_refused(
    two_items: Experiments, workdir: Path, snakemake, argument: str
) -> None:
    snakemake()
    with pytest.raises(UserError, match=r"would replace .*; give --preset, --device and"):
        campaign("quick", 60, ["--cores", "1", argument, "device=cuda"])
    campaign("quick", 60, ["--configfile", "mine.yaml"])
    assert not Path("ran").read_text().startswith("--cores")


def test_a_record_that_lacks_seeds_is_missing_and_made_again(
    two_items: Experiments, workdir: Path, snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake()
    record = make_record(item="table9", variant="small", seeds=[make_seed(0)])
    path = Path("results/quick/table9/small.json")
    records.write(record, {}, path)
    assert path in missing("quick")
    campaign("quick", 60, [])
    *_, last = Path("ran").read_text().splitlines()
    assert last == f"--forcerun {path} --config preset=quick -- {path}"
    records.write(make_record(item="table9", variant="small"), {}, path)
    assert path not in missing("quick")


def locked(folder: Path) -> None:
    (folder / ".snakemake" / "locks").mkdir(parents=True)
    (folder / ".snakemake" / "locks" / "0.output.lock").write_text("results/a.json\n")


def test_the_lock_of_a_dead_snakemake_is_cleared(
    two_items: Experiments, workdir: Path, snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake()
    locked(workdir)
    campaign("quick", 60, [])
    assert Path("ran").read_text().splitlines()[0] == "--unlock --cores 1"
    assert "the lock of a Snakemake that was killed is cleared" in capsys.readouterr().out


def test_a_living_snakemake_keeps_its_lock(
    two_items: Experiments, workdir: Path, snakemake
) -> None:
    snakemake()
    locked(workdir)
    living = workdir / "living" / "snakemake"
    living.parent.mkdir()
    living.write_text("import time; time.sleep(60)")
    process = subprocess.Popen([sys.executable, str(living)], cwd=workdir)
    try:
        with pytest.raises(UserError, match=rf"at work in this folder \(process {process.pid}\)"):
            campaign("quick", 60, [])
    finally:
        process.kill()
        process.wait()
    assert not Path("ran").exists()


def test_without_snakemake(
    two_items: Experiments, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workdir))
    with pytest.raises(UserError, match="cannot run snakemake: No such file"):
        campaign("quick", 60, [])


def test_the_paper_s_hardest_number_is_the_most_valuable() -> None:
    paths = missing("paper", Path("nowhere"))
    names = [f"{path.parent.name}/{path.stem}" for path in paths[:5]]
    assert names == [
        "table2_semi_supervised/mnist_100",
        "table3_clustering/clusters_16",
        "table3_clustering/clusters_30",
        *(f"table1_log_likelihood/{name}" for name in ("mnist", "mnist_10m")),
    ]
    places = {path.parent.name: number for number, path in enumerate(paths)}
    assert places["table1_log_likelihood"] < places["table2_semi_supervised"]
    assert places["table2_semi_supervised"] < places["figure11_dimensionality_reduction"]
    runnable = [
        variant
        for item, content in experiments().items.items()
        if content.variants
        for variant in experiments().runnable(item, "paper")
    ]
    assert len(paths) == len(set(paths)) == len(runnable)


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "soon"])
def test_a_budget_is_a_number_of_hours(hours: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        suite.main(["campaign", f"--hours={hours}"])
    assert error.value.code == 2
    told = f"argument --hours: '{hours}' is no number of hours, from 0 to 10000"
    assert told in capsys.readouterr().err


def test_a_campaign_of_an_unknown_item_is_refused() -> None:
    content = make_experiments().model_dump()
    for name in ("table7", "table9/large"):
        with pytest.raises(ValueError, match=f"{name}, which is no item or variant"):
            Experiments.model_validate({**content, "campaign": [name]})
    named = Experiments.model_validate({**content, "campaign": ["table9/small"]})
    assert named.rank("table9", "small") == 0
