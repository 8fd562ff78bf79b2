"""Checkpoints: refused when damaged or foreign, never run as code, the newest are kept."""

import hashlib
import io
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.points import forget_peak, peak
from replication.base import sealed
from replication.base.errors import UserError
from replication.training.jobs import checkpoint
from replication.training.jobs.checkpoint import KEPT, SHARE, Checkpoints
from replication.training.jobs.weights import clear
from tests.tools.disk import fill_the_disk, names_in
from tests.tools.sealed_content import make_checkpoint

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


def epochs_of(checkpoints: Checkpoints) -> int:
    state = checkpoints.newest()
    assert state is not None
    return int(state["epochs"])


def test_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    assert checkpoints.newest() is None
    for epoch in (1, 2, 9, 10, 100):
        checkpoints.store(epoch, lambda epoch=epoch: make_checkpoint(epoch))
        assert epochs_of(checkpoints) == epoch
    assert KEPT == 2
    assert names_in(tmp_path) == ["epoch_000010.pt", "epoch_000100.pt"]


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    for epoch in (1, 2):
        checkpoints.store(epoch, lambda epoch=epoch: make_checkpoint(epoch))
    newest, previous = tmp_path / "epoch_000002.pt", tmp_path / "epoch_000001.pt"
    newest.write_bytes(newest.read_bytes()[:-1])
    assert epochs_of(checkpoints) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("warning: ")
    (line,) = output.err.splitlines()
    assert str(newest) in line
    assert line.endswith("it is epoch_000002.pt.unreadable now, and training goes on after epoch 1")

    previous.write_bytes(b"")
    assert checkpoints.newest() is None
    (line,) = capsys.readouterr().err.splitlines()
    assert str(previous) in line
    assert line.endswith("now, and training starts from the beginning")


def test_new_checkpoints_are_kept_where_later_ones_were_refused(tmp_path: Path) -> None:
    """Else each would be removed as soon as it is stored, and a second kill cost as much again."""
    checkpoints = Checkpoints(tmp_path, seconds=0)
    for name in ("epoch_000049.pt", "epoch_000050.pt", "epoch_000050.pt.unreadable"):
        (tmp_path / name).write_bytes(name.encode())
    assert checkpoints.newest() is None
    for epoch in (1, 2, 3):
        checkpoints.store(epoch, lambda epoch=epoch: make_checkpoint(epoch))
        assert epochs_of(Checkpoints(tmp_path, seconds=0)) == epoch
    new = ["epoch_000002.pt", "epoch_000003.pt"]
    refused = {
        "epoch_000049.pt.unreadable": "epoch_000049.pt",
        "epoch_000050.pt.unreadable": "epoch_000050.pt.unreadable",
        "epoch_000050.pt.unreadable1": "epoch_000050.pt",
    }
    assert names_in(tmp_path) == sorted([*new, *refused])
    assert {name: (tmp_path / name).read_text() for name in refused} == refused
    clear(tmp_path)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory")])
def test_a_lack_of_memory_is_no_fault_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    checkpoints.store(1, lambda: make_checkpoint(1))

    def fail(*arguments: Any, **named: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", fail)
        with pytest.raises(type(error)):
            checkpoints.newest()
    assert epochs_of(checkpoints) == 1


def test_nothing_is_stored_before_it_is_time(tmp_path: Path) -> None:
    def state() -> dict[str, Any]:
        raise AssertionError("the state is gathered only when it is stored")

    Checkpoints(tmp_path, seconds=1000).store(1, state)
    assert names_in(tmp_path) == []


def test_clearing_removes_checkpoints_alone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    checkpoints.store(1, lambda: make_checkpoint(1))
    sealed.save(tmp_path / "seed_0_labels_0.pt", STATE)
    clear(checkpoints.folder)
    assert names_in(tmp_path) == ["seed_0_labels_0.pt"]


def test_a_full_disk_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, seconds=0)
    checkpoints.store(1, lambda: make_checkpoint(1))
    fill_the_disk(monkeypatch)
    with pytest.raises(UserError, match="No space left on device"):
        checkpoints.store(2, lambda: make_checkpoint(2))
    assert epochs_of(checkpoints) == 1
    assert names_in(tmp_path) == ["epoch_000001.pt"]


def test_a_full_disk_inside_the_write_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch writes from C++, which would tell of a position instead of the disk."""
    checkpoints = Checkpoints(tmp_path, seconds=0)
    checkpoints.store(1, lambda: {"epochs": 1})
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):
        fail_inside(monkeypatch, error)
        expected = UserError if isinstance(error, OSError) else KeyboardInterrupt
        with pytest.raises(expected, match=r"No space left|^$"):
            checkpoints.store(2, lambda: STATE)
        assert names_in(tmp_path) == ["epoch_000001.pt"]


def fail_inside(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The first write that torch asks for fails."""

    class Failing:
        def update(self, data: Any) -> None:
            raise error

    hashing = sealed.Hashing

    def made(file: Any) -> sealed.Hashing:
        one = hashing(file)
        one.sha256 = Failing()
        return one

    monkeypatch.setattr(sealed, "Hashing", made)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from replication.base import sealed
from replication.training.jobs.checkpoint import Checkpoints
from tests.tools.sealed_content import make_checkpoint

checkpoints = Checkpoints(Path(sys.argv[1]), seconds=0)
checkpoints.store(1, lambda: make_checkpoint(1))
write = sealed.Hashing.write

def killing(self, data):
    if len(data) == 400_000:
        write(self, data[:200_000])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, data)

sealed.Hashing.write = killing
checkpoints.store(2, lambda: {"weights": torch.ones(100_000)})
"""


def test_a_kill_inside_the_write_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    half, whole = sorted(tmp_path.iterdir())
    assert half.name.startswith(".epoch_000002.pt.")
    assert half.stat().st_size > 200_000
    assert whole.name == "epoch_000001.pt"
    checkpoints = Checkpoints(tmp_path, seconds=0)
    newest = checkpoints.newest()
    assert newest is not None
    assert newest["epochs"] == 1
    checkpoints.store(2, lambda: make_checkpoint(2))
    assert names_in(tmp_path) == ["epoch_000001.pt", "epoch_000002.pt"], "the half one is gone"


def test_a_checkpoint_takes_no_second_copy_in_memory(tmp_path: Path) -> None:
    size, cpu = 200_000_000, torch.device("cpu")
    state = {f"weights {i}": torch.full((size // 16,), float(i)) for i in range(4)}
    sealed.save(tmp_path / "first.pt", STATE)  # what is imported by a first one
    assert_state(sealed.load(tmp_path / "first.pt"))
    before = forget_peak(cpu)
    sealed.save(tmp_path / "state.pt", state)
    assert peak(cpu) - before < 0.1 * size
    before = forget_peak(cpu)
    read = sealed.load(tmp_path / "state.pt")
    assert peak(cpu) - before < 1.1 * size, "the state that was read, and no file beside it"
    assert all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize("takes", [0.01, 1.0, 20.0])
def test_checkpoints_take_two_per_cent_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: float
) -> None:
    """By a clock that is simulated: an epoch lasts 3 s, a checkpoint ``takes`` seconds."""
    now, stored = 0.0, []

    def save(path: Path, state: Any) -> None:
        nonlocal now
        now += takes
        stored.append(now)

    monkeypatch.setattr(sealed, "save", save)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now)
    checkpoints = Checkpoints(tmp_path, seconds=30)
    for epoch in range(20_000):
        now += 3.0
        checkpoints.store(epoch, dict)
    apart = [later - earlier for earlier, later in pairwise(stored)]
    wanted = max(30 + takes, takes / SHARE)
    assert all(wanted - 1e-6 < seconds < wanted + 3.01 + 1e-6 for seconds in apart)
    assert len(stored) * takes <= SHARE * now + takes
