"""Checkpoints: refused when damaged or foreign, never run as code, the newest are kept."""

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from replication.base import sealed
from replication.base.errors import UserError
from replication.training.jobs.checkpoint import KEPT, Checkpoints
from replication.training.jobs.weights import clear
from tests.tools.disk import fill_the_disk, names_in

STATE = {
    "weights": torch.arange(6.0).view(2, 3),
    "generator": torch.Generator().manual_seed(3).get_state(),
    "epochs": 4,
    "histories": [[{"epoch": 1, "loss": 0.1}]],
    "order": None,
    "diverged": [False, True],
}


def seal(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def assert_state(state: Any) -> None:
    assert state.keys() == STATE.keys()
    for name, value in STATE.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(state[name], value)
            assert state[name].dtype == value.dtype
        else:
            assert state[name] == value


def test_a_checkpoint_is_read_back_as_it_was(tmp_path: Path) -> None:
    sealed.save(tmp_path / "folder" / "state.pt", STATE)
    assert_state(sealed.load(tmp_path / "folder" / "state.pt"))


def assert_not_loaded(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        sealed.load(path)
    assert str(path) in caught.value.problem
    assert f"delete {path}" in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_checkpoint_with_any_byte_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    sealed.save(path, {"weights": torch.arange(3)})
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(path.read_bytes()):
            os.pwrite(file.fileno(), bytes([byte ^ (1 << position % 8)]), position)
            assert_not_loaded(path)
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert sealed.load(path)["weights"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_checkpoint_that_was_cut_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "state.pt"
    sealed.save(path, STATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert_not_loaded(path)


def torch_file() -> bytes:
    buffer = io.BytesIO()
    torch.save(STATE, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="image"),
        pytest.param(torch_file(), id="without a seal"),
        pytest.param(seal(b"no checkpoint"), id="sealed text"),
        pytest.param(seal(b""), id="sealed nothing"),
    ],
)
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.pt"
    if content is not None:
        path.write_bytes(content)
    assert_not_loaded(path)


class MakesFolder:
    """When unpickled by a loader that trusts it, makes the folder ``path``."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, zipped: bool) -> None:
    """Not even where the seal is right: anybody can compute that."""
    path, proof = tmp_path / "state.pt", tmp_path / "code was run"
    if zipped:
        sealed.save(path, {"weights": MakesFolder(proof)})
    else:
        path.write_bytes(seal(pickle.dumps({"weights": MakesFolder(proof)}, protocol=2)))
    assert_not_loaded(path)
    assert not proof.exists()
    pickle.loads(pickle.dumps(MakesFolder(proof)))
    assert proof.exists(), "a trusting loader would have run the code"


def test_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    assert checkpoints.newest() is None
    for epoch in (1, 2, 9, 10, 100):
        checkpoints.store(epoch, lambda epoch=epoch: {"epochs": epoch})
        assert checkpoints.newest() == {"epochs": epoch}
    assert KEPT == 2
    assert names_in(tmp_path) == ["epoch_000010.pt", "epoch_000100.pt"]


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    for epoch in (1, 2):
        checkpoints.store(epoch, lambda epoch=epoch: {"epochs": epoch})
    newest, previous = tmp_path / "epoch_000002.pt", tmp_path / "epoch_000001.pt"
    newest.write_bytes(newest.read_bytes()[:-1])
    assert checkpoints.newest() == {"epochs": 1}
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("warning: ")
    assert str(newest) in output.err
    assert len(output.err.splitlines()) == 1

    previous.write_bytes(b"")
    assert checkpoints.newest() is None
    assert str(previous) in capsys.readouterr().err


def test_nothing_is_stored_before_it_is_time(tmp_path: Path) -> None:
    def state() -> dict[str, Any]:
        raise AssertionError("the state is gathered only when it is stored")

    Checkpoints(tmp_path, seconds=1000).store(1, state)
    assert names_in(tmp_path) == []


def test_clearing_removes_checkpoints_alone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    checkpoints.store(1, lambda: {"epochs": 1})
    sealed.save(tmp_path / "seed_0_labels_0.pt", STATE)
    clear(checkpoints.folder)
    assert names_in(tmp_path) == ["seed_0_labels_0.pt"]


def test_a_full_disk_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    checkpoints.store(1, lambda: {"epochs": 1})
    fill_the_disk(monkeypatch)
    with pytest.raises(UserError, match="No space left on device"):
        checkpoints.store(2, lambda: {"epochs": 2})
    assert checkpoints.newest() == {"epochs": 1}
    assert names_in(tmp_path) == ["epoch_000001.pt"]
