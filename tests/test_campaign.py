"""The campaign: what is run first, what a budget cuts, what is said to be left."""

import os
import sys
import time
from pathlib import Path

import pytest

from replication import __main__ as suite
from replication import campaign as campaigns
from replication.base.errors import UserError
from replication.campaign import campaign, missing
from replication.settings.experiments import Experiments, experiments
from tests.tools.builders import make_experiments

# Stands for Snakemake: notes its target, sleeps, and makes the record unless told to fail.
STAND_IN = """#!{python}
import pathlib, sys, time
target = pathlib.Path(sys.argv[-1])
with open("ran", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
time.sleep({seconds})
if {fails}:
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
    def install(seconds: float = 0, fails: bool = False) -> None:
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
    snakemake(fails=True)
    with pytest.raises(UserError, match=r"table8/first\.json, .*table9/small\.json; see the logs"):
        campaign("quick", 60, [])
    assert len(Path("ran").read_text().splitlines()) == 3


def test_without_snakemake(
    two_items: Experiments, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workdir))
    with pytest.raises(UserError, match="cannot run snakemake: No such file"):
        campaign("quick", 60, [])


def test_the_paper_s_hardest_number_is_the_most_valuable() -> None:
    paths = missing("paper", Path("nowhere"))
    assert paths[0] == Path("nowhere/paper/table2_semi_supervised/mnist_100.json")
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
    assert "--hours" in capsys.readouterr().err


def test_a_campaign_of_an_unknown_item_is_refused() -> None:
    with pytest.raises(ValueError, match="table7, which is no item"):
        Experiments.model_validate({**make_experiments().model_dump(), "campaign": ["table7"]})
