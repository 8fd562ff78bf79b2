"""Files in the making: those of dead processes are removed, those of living ones are not."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from replication.base.errors import UserError
from replication.base.files import PART, check_writable, remove_dead_parts, write_atomically
from tests.tools.disk import fill_the_disk, names_in


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(
    tmp_path: Path,
) -> None:
    (tmp_path / f".old.json.abc{PART}").write_bytes(b"half")
    (tmp_path / ".old.json.part").write_bytes(b"somebody else's")
    write_atomically(tmp_path / "new.json", b"new")
    assert names_in(tmp_path) == [".old.json.part", "new.json"]


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    part = tmp_path / f".a.json.abc{PART}"
    with part.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_dead_parts(tmp_path)
        assert part.exists()
    remove_dead_parts(tmp_path)
    assert not part.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"content")
    (tmp_path / f".a.json.abc{PART}").symlink_to("kept")
    remove_dead_parts(tmp_path)
    assert (tmp_path / "kept").read_bytes() == b"content"


def test_one_that_is_taken_for_dead_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, taken = fcntl.flock, []

    def late(handle: int, operation: int) -> None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    write_atomically(tmp_path / "file", b"content")
    assert len(taken) == 1
    assert names_in(tmp_path) == ["file"]


def test_a_disk_without_locks_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_atomically(tmp_path / "file", b"content")
    assert names_in(tmp_path) == ["file"]


def test_a_request_to_end_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"content")
    assert names_in(tmp_path) == []


def test_the_probe_of_a_folder_is_more_than_an_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file fits on a full disk."""
    check_writable(tmp_path / "results")
    assert names_in(tmp_path / "results") == []
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    check_writable(tmp_path)
    assert sizes == [1 << 20]
    fill_the_disk(monkeypatch)
    with pytest.raises(UserError, match=r"No space left on device.*free some space"):
        check_writable(tmp_path)
    assert names_in(tmp_path) == ["results"]
