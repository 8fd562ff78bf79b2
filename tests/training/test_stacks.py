"""Stacks of seeds in training: at most so many, folders with short names, gone on with."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from replication import cli
from replication.base.errors import UserError
from replication.cli_training import ALL
from replication.evidence import records
from replication.settings.schema import Seed
from replication.training.jobs import job
from replication.training.jobs.keeper import Keeper, stack_name
from tests.tools.cuts import cut_in_epoch
from tests.training.test_weights import ITEM, RECORD, run, shrink


def metrics_and_histories(path: Path = RECORD) -> list[tuple[Any, Any]]:
    return [(seed["metrics"], seed["history"]) for seed in json.loads(path.read_text())["seeds"]]


def sizes() -> list[int]:
    return [seed.provenance.stacked for seed in records.read(RECORD).seeds]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [1, 1, 1, 1, 1]),
        (("--stack",), [5, 5, 5, 5, 5]),
        (("--stack", "2"), [2, 2, 2, 2, 1]),
        (("--stack", "9"), [5, 5, 5, 5, 5]),
        (("--stack", "1"), [1, 1, 1, 1, 1]),
    ],
)
def test_at_most_so_many_seeds_are_in_a_stack(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: list[int],
) -> None:
    shrink(monkeypatch, seeds=[*range(5)], epochs=1)
    run("train", *arguments)
    assert sizes() == expected


def test_on_a_gpu_all_seeds_are_stacked_unless_told_otherwise(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training itself is left out: there may be no GPU."""
    shrink(monkeypatch, seeds=[*range(5)])
    asked = []
    monkeypatch.setattr("replication.training.jobs.cards.use_device", lambda name: None)
    monkeypatch.setattr(job, "train", lambda variant, seeds, most, pace: asked.append(most))
    monkeypatch.setattr(job, "assemble", lambda *arguments, **named: False)
    for arguments in ((), ("--stack",), ("--stack", "3")):
        run("train", "--device", "cuda", *arguments)
    assert asked == [ALL, ALL, 3]


def test_what_was_cut_between_stacks_goes_on_in_the_same_stacks(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bits depend on who shares a stack, so that the split has to be the same."""
    shrink(monkeypatch, seeds=[*range(5)], epochs=3)
    run("train", "--stack", "2")
    unbroken = metrics_and_histories()
    (workdir / "cut").mkdir()
    monkeypatch.chdir(workdir / "cut")
    cut_in_the_second_stack(monkeypatch)
    run("train", "--stack", "2")
    assert metrics_and_histories() == unbroken
    told = [len(seed.provenance.processes) for seed in records.read(RECORD).seeds]
    assert told == [0, 0, 2, 2, 0], "only the second one was cut"


def cut_in_the_second_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    told, counted = Keeper.epoch, Counter[str]()

    def until_the_fifth(self: Keeper, rows: list[Any], recorded: bool) -> None:
        counted["epochs"] += 1
        if counted["epochs"] == 5:
            raise KeyboardInterrupt
        told(self, rows, recorded)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "epoch", until_the_fifth)
        with pytest.raises(KeyboardInterrupt):
            run("train", "--stack", "2", "--checkpoint-seconds", "0")


def test_a_folder_is_named_after_its_seeds_and_never_too_long() -> None:
    ten = [Seed(seed, seed) for seed in range(10)]
    assert stack_name(ten[:1]) == "stack_0-0"
    assert stack_name(ten) == "stack_" + "_".join(f"{i}-{i}" for i in range(10))
    hundred = [Seed(seed, seed) for seed in range(100)]
    assert stack_name(hundred).startswith("stack_0-0_to_99-99_100_")
    others = [hundred[:-2] + hundred[-1:], [*reversed(hundred)], hundred]
    names = {stack_name(seeds) for seeds in others}
    assert len(names) == 3
    assert all(len(name) < 60 for name in names)


def test_a_stack_of_sixty_seeds_is_trained_and_cut_and_gone_on_with(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder's name says only two of them: what was begun is found by what lies in it."""
    shrink(monkeypatch, seeds=[*range(60)], epochs=2, hidden_sizes=[4])
    with cut_in_epoch(2, monkeypatch):
        run("train", "--stack", "--checkpoint-seconds", "0", "--precision", "bf16-products")
    run("train", "--stack")  # in the precision that it was begun with
    record = records.read(RECORD)
    assert sizes() == [60] * 60
    made = [seed.provenance for seed in record.seeds]
    assert {one.precision for one in made} == {"bf16-products"}
    assert {len(one.processes) for one in made} == {2}


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "all"])
@pytest.mark.parametrize("option", ["--stack", "--workers"])
def test_a_number_that_is_none_is_refused_in_one_line(
    option: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        run("train", f"{option}={wrong}")
    assert error.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert option in line
    assert line.endswith(f"'{wrong}' is no whole number of at least 1")


@pytest.mark.parametrize("wrong", ["-1", "soon", "nan"])
def test_seconds_that_are_none_are_refused_in_one_line(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        run("train", f"--checkpoint-seconds={wrong}")
    assert error.value.code == 2
    assert f"'{wrong}' is no number of seconds, 0 or more" in capsys.readouterr().err


def test_stacks_and_workers_exclude_each_other(workdir: Path) -> None:
    with pytest.raises(UserError, match="leave out --workers, or --stack"):
        cli.run(ITEM, ["train", "--variant", "mnist_100", "--stack", "2", "--workers", "2"])
