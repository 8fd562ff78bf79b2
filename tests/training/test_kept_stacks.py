"""Seeds that were trained together are kept together, whenever a kill comes."""

import json
from pathlib import Path
from typing import Any

import pytest

from replication.base import sealed
from replication.base.errors import UserError
from replication.base.files import locked
from replication.training.jobs import weights
from tests.tools.disk import fill_the_disk
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


@pytest.mark.parametrize("content", [b"damaged", None])
def test_a_stack_that_is_refused_is_told_once_and_trained_again(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
) -> None:
    """Not whole, or sealed with another content."""
    shrink(monkeypatch)
    run("train", "--stack")
    unbroken = results()
    monkeypatch.chdir(workdir.joinpath("cut").mkdir() or workdir / "cut")
    cut(monkeypatch, 0)
    (whole,) = Path().rglob(weights.WHOLE)
    sealed.save(whole, {"weights": {}})
    if content is not None:
        whole.write_bytes(content)
    left = whole.read_bytes()
    capsys.readouterr()
    for _ in range(2):
        weights.finish(whole.parents[1])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {whole} is ")
    aside = whole.with_name("trained.pt.unreadable")
    assert line.endswith(f"it is {aside.name} now, and seeds that it alone had are trained again")
    assert aside.read_bytes() == left
    run("train", "--stack")
    assert results() == unbroken
    assert [path.name for path in Path().rglob("stack_*/*")] == ["lock"]


def test_a_full_disk_is_told_while_a_stack_is_kept(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In silence the stack would be trained again."""
    shrink(monkeypatch)
    cut(monkeypatch, 1)
    (whole,) = Path().rglob(weights.WHOLE)
    with monkeypatch.context() as patch:
        fill_the_disk(patch)
        with pytest.raises(UserError, match="No space left on device"):
            weights.finish(whole.parents[1])
    weights.finish(whole.parents[1])
    assert not whole.exists()


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
