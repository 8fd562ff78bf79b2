"""Seeds that were trained together are kept together, whenever a kill comes."""

import json
from pathlib import Path
from typing import Any

import pytest

from replication.base.files import locked
from replication.training.jobs import weights
from tests.training.test_weights import RECORD, no_training, run, shrink


def results() -> list[Any]:
    seeds = json.loads(RECORD.read_text())["seeds"]
    return [(seed["metrics"], seed["history"]) for seed in seeds]


def cut(monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """Training ends after so many files of the kept seeds were written."""
    left = [files]

    def writing(write: Any) -> Any:
        def limited(path: Path, content: Any) -> None:
            if path.suffix in (".safetensors", ".fitted"):
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            write(path, content)

        return limited

    with monkeypatch.context() as patch:
        patch.setattr(weights, "write_atomically", writing(weights.write_atomically))
        patch.setattr(weights.sealed, "save", writing(weights.sealed.save))
        with pytest.raises(KeyboardInterrupt):
            run("train", "--stack", "--checkpoint-seconds", "0")


@pytest.mark.parametrize("files", [0, 1, 2, 3])
def test_a_stack_that_is_kept_by_half_is_finished_not_trained(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """A seed that is trained again alone would have other bits."""
    shrink(monkeypatch)
    run("train", "--stack")
    unbroken = results()
    monkeypatch.chdir(workdir.joinpath("cut").mkdir() or workdir / "cut")
    cut(monkeypatch, files)
    no_training(monkeypatch)
    run("train", "--stack")
    assert results() == unbroken
    left = [path.name for path in Path().rglob("stack_*/*")]
    assert left == ["lock"]


def test_who_is_keeping_a_stack_is_not_disturbed(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    cut(monkeypatch, 1)
    (whole,) = Path().rglob(weights.WHOLE)
    with locked(whole.with_name("lock"), "training"):
        weights.finish(whole.parents[1])
        assert whole.exists()
    weights.finish(whole.parents[1])
    assert not whole.exists()
