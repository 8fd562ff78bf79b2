"""What is stored: read back as it was, refused when damaged, whole or absent after any failure."""

import errno
import hashlib
import io
import json
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replication.engine import checkpoint, records
from replication.engine.checkpoint import KEPT, Checkpoints
from replication.engine.errors import UserError
from replication.engine.files import locked, write_atomically
from tests.builders import make_record, make_seed, make_settings

ARRAYS = {
    "codes": np.arange(12, dtype=np.float32).reshape(6, 2),
    "labels": np.arange(6, dtype=np.uint8),
}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A record at its place, with arrays."""
    path = records.path_of("quick", "table9", "small", tmp_path)
    records.write(make_record(), ARRAYS, path)
    return path


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be flushed."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Records


def test_a_record_is_read_back_as_it_was(stored: Path) -> None:
    assert stored.parts[-3:] == ("quick", "table9", "small.json")
    assert records.read(stored) == make_record()
    assert records.read(stored).settings.hash() == make_record().settings_hash


def test_history_keeps_counts_and_losses_apart(stored: Path) -> None:
    row = records.read(stored).seeds[0].history[0]
    assert {name: type(value) for name, value in row.items()} == {
        "epoch": int,
        "updates": int,
        "reconstruction": float,
    }


def test_a_seed_that_diverged_at_once_has_an_empty_history(tmp_path: Path) -> None:
    seeds = [make_seed(0, status="diverged", metrics={}, history=[]), make_seed(1)]
    path = records.path_of("quick", "table9", "small", tmp_path)
    records.write(make_record(seeds=seeds), {}, path)
    assert records.read(path).seeds == seeds


def test_arrays_are_read_back_as_they_were(stored: Path) -> None:
    arrays = records.read_arrays(stored)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_equal_records_are_equal_bytes(stored: Path, tmp_path: Path) -> None:
    again = records.path_of("quick", "table9", "small", tmp_path / "again")
    records.write(make_record(), ARRAYS, again)
    assert names_in(again.parent) == names_in(stored.parent) == ["small.json", "small.npz"]
    for ending in (".json", ".npz"):
        assert again.with_suffix(ending).read_bytes() == stored.with_suffix(ending).read_bytes()


def test_a_new_record_without_arrays_leaves_no_old_ones(stored: Path) -> None:
    """Every seed of the new record diverged: a figure must not draw the codes of the old one."""
    seeds = [make_seed(0, status="diverged", metrics={})]
    records.write(make_record(seeds=seeds), {}, stored)
    assert names_in(stored.parent) == ["small.json"]


def test_values_are_those_of_the_seeds_that_did_not_diverge() -> None:
    seeds = [make_seed(0), make_seed(1, status="diverged", metrics={}), make_seed(2)]
    record = make_record(seeds=seeds)
    assert record.values("test_error_percent") == [1.5, 2.0]
    with pytest.raises(UserError, match="no_such_metric"):
        record.values("no_such_metric")


@pytest.mark.parametrize(
    ("changes", "stable"),
    [({}, True), ({"status": "diverged", "metrics": {}}, False), ({"warnings": ["odd"]}, False)],
)
def test_a_record_with_a_suspect_seed_is_not_stable(changes: dict[str, Any], stable: bool) -> None:
    assert make_record(seeds=[make_seed(0), make_seed(1, **changes)]).stable == stable


@pytest.mark.parametrize(
    ("metrics", "count"),
    [
        ({}, 0),
        ({"test_reconstruction_per_pixel": 0.05}, 0),
        ({"mean_image_per_pixel": 0.05}, 0),
        ({"test_reconstruction_per_pixel": 0.02, "mean_image_per_pixel": 0.05}, 0),
        ({"test_reconstruction_per_pixel": 0.0495, "mean_image_per_pixel": 0.05}, 1),
        ({"test_reconstruction_per_pixel": 0.06, "mean_image_per_pixel": 0.05}, 1),
    ],
)
def test_a_model_that_answers_the_mean_image_is_warned_of(
    metrics: dict[str, float], count: int
) -> None:
    assert len(records.warnings_of(metrics)) == count


# Records that are refused


def assert_refused(path: Path, fault: str) -> None:
    """Reading ``path`` names it, says what is wrong and what to do, in one line."""
    with pytest.raises(UserError) as caught:
        records.read(path)
    assert str(path) in caught.value.problem
    assert re.search(fault, caught.value.problem)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_record_cut_at_any_byte_is_refused(stored: Path) -> None:
    """But for the line break at its end, which is not missed."""
    whole = len(stored.read_bytes().rstrip())
    for length in reversed(range(whole)):
        os.truncate(stored, length)
        assert_refused(stored, "is damaged")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_has_not_is_refused(stored: Path, constant: str) -> None:
    stored.write_text(stored.read_text().replace("1.75", constant))
    assert_refused(stored, f"is damaged: {constant}")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"", "is damaged", id="empty"),
        pytest.param(b"\x89PNG\r\n", "is damaged", id="image"),
        pytest.param(b"{}", "is no record: schema_version", id="empty object"),
        pytest.param(b"[]", "is no record", id="list"),
        pytest.param(b"1", "is no record", id="number"),
        pytest.param(b'{"schema_version": "1"}', "is no record: schema_version", id="text version"),
        pytest.param(b"[" * 10**5, "is damaged", id="deep"),
    ],
)
def test_a_foreign_file_is_refused(stored: Path, content: bytes, fault: str) -> None:
    stored.write_bytes(content)
    assert_refused(stored, fault)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"status": "ok"', '"status": "fine"', "seeds.0.status"),
        ('"seed": 0', '"seed": "0"', "seeds.0.seed"),
        ('"seed": 0', '"sead": 0', "seeds.0"),
        ('"epochs": 4', '"epochs": -4', "settings.epochs"),
        ('"dirty": false', '"dirty": 0', "seeds.0.provenance.dirty"),
        ("1.75", "1e999", "seeds.1.metrics.test_error_percent"),
    ],
)
def test_a_record_edited_into_nonsense_is_refused(
    stored: Path, old: str, new: str, key: str
) -> None:
    text = stored.read_text()
    assert old in text
    stored.write_text(text.replace(old, new))
    assert_refused(stored, f"is no record: {re.escape(key)}")


def test_a_record_of_a_newer_suite_is_refused(stored: Path) -> None:
    stored.write_text(json.dumps({**json.loads(stored.read_text()), "schema_version": 2}))
    with pytest.raises(UserError, match=r"newer version.*schema 2.*update the suite") as caught:
        records.read(stored)
    assert str(stored) in caught.value.problem


@pytest.mark.parametrize(
    "place", ["quick/table9/large", "quick/table8/small", "paper/table9/small"]
)
def test_a_record_at_anothers_place_is_refused(stored: Path, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / f"{place}.json"
    write_atomically(elsewhere, stored.read_bytes())
    assert_refused(elsewhere, "is the record of quick/table9/small")


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path / "quick" / "table9" / "small.json", "No such file")


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no zip file", id="foreign"),
        pytest.param(npz(codes=ARRAYS["codes"])[:-30], id="cut"),
        pytest.param(npz(codes=ARRAYS["codes"]).replace(b"\x80?", b"\x81?"), id="changed number"),
        pytest.param(npy(ARRAYS["codes"]), id="a lone array"),
        pytest.param(npz(codes=np.array([{}, {}], dtype=object)), id="array of objects"),
        pytest.param(pickle.dumps({"codes": 1}), id="pickle"),
    ],
)
def test_wrong_arrays_are_refused(stored: Path, content: bytes | None) -> None:
    path = stored.with_suffix(".npz")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        records.read_arrays(stored)
    assert str(path) in caught.value.problem
    assert "train that variant again" in caught.value.remedy


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_record_with_a_number_that_is_not_finite_cannot_be_made(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        make_seed(metrics={"test_error_percent": value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_writing_a_number_that_is_not_finite_leaves_no_file(tmp_path: Path, value: float) -> None:
    record = make_record()
    record.seeds[0].metrics["test_error_percent"] = value
    with pytest.raises(ValueError, match="float"):
        records.write(record, ARRAYS, records.path_of("quick", "table9", "small", tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# Files


def test_a_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert names_in(path.parent) == ["file.txt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    path = tmp_path / "results" / "quick" / "small.json"
    with pytest.raises(UserError, match="make the folder writable") as caught:
        write_atomically(path, b"content")
    assert caught.value.problem == f"cannot write {path}: Not a directory"


def test_a_full_disk_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, b"old")
    fill_the_disk(monkeypatch)
    with pytest.raises(UserError, match=r"No space left on device.*free some space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.txt"]


def test_a_failed_rename_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: str, target: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = tmp_path / "file.txt"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match="Permission denied"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.txt"]


def test_a_full_disk_leaves_the_old_record(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_the_disk(monkeypatch)
    with pytest.raises(UserError, match="No space left on device"):
        records.write(make_record(seeds=[make_seed(7)]), {"codes": np.zeros(3)}, stored)
    assert records.read(stored) == make_record()
    assert records.read_arrays(stored).keys() == ARRAYS.keys()


def test_a_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with locked(path, "training"):
        with (
            pytest.raises(UserError, match="another process is training; wait until it ends"),
            locked(path, "training"),
        ):
            pass
        with locked(tmp_path / "folder" / "another lock", "training"):
            pass
    with locked(path, "training"):
        pass


def test_a_lock_is_freed_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="training failed"), locked(tmp_path / "lock", "x"):
        raise RuntimeError("training failed")
    with locked(tmp_path / "lock", "x"):
        pass


HOLD_A_LOCK = """
import sys
from pathlib import Path
from replication.engine.files import locked
with locked(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_frees_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD_A_LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="another process"), locked(path, "training"):
            pass
        process.kill()
    with locked(path, "training"):
        pass


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with (
        pytest.raises(UserError, match=r"cannot write.*make the folder writable"),
        locked(tmp_path / "folder" / "lock", "training"),
    ):
        pass


# Checkpoints

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
    checkpoint.save(tmp_path / "folder" / "state.pt", STATE)
    assert_state(checkpoint.load(tmp_path / "folder" / "state.pt"))


def assert_not_loaded(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        checkpoint.load(path)
    assert str(path) in caught.value.problem
    assert f"delete {path}" in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_checkpoint_with_any_byte_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(path, {"weights": torch.arange(3)})
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(path.read_bytes()):
            os.pwrite(file.fileno(), bytes([byte ^ (1 << position % 8)]), position)
            assert_not_loaded(path)
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert checkpoint.load(path)["weights"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_checkpoint_that_was_cut_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(path, STATE)
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
        checkpoint.save(path, {"weights": MakesFolder(proof)})
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
    checkpoint.save(tmp_path / "seed_0_labels_0.pt", STATE)
    checkpoints.clear()
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


def test_settings_in_a_record_keep_their_hash(stored: Path) -> None:
    record = records.read(stored)
    assert record.settings == make_settings()
    assert record.settings.hash() == record.settings_hash
