"""Files and locks: whole or absent after any failure."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from replication.base.errors import UserError
from replication.base.files import hold_first_free, locked, write_atomically
from tests.tools.disk import fill_the_disk, names_in


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


def test_a_link_stays_and_the_file_that_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "target.txt"
    for number, content in enumerate((b"a new file", b"an old one")):
        (tmp_path / f"link {number}").symlink_to("there/target.txt")
        write_atomically(tmp_path / f"link {number}", content)
        assert (tmp_path / f"link {number}").is_symlink()
        assert target.read_bytes() == content
    assert names_in(tmp_path) == ["link 0", "link 1", "there"]
    assert names_in(tmp_path / "there") == ["target.txt"]


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    ("make", "kind"), [(Path.mkdir, "a folder"), (os.mkfifo, "no regular file")]
)
def test_what_is_no_regular_file_is_refused_and_stays(
    tmp_path: Path, make: Callable[[Path], None], kind: str, linked: bool
) -> None:
    """Of root a device, too, would be replaced: /dev/null of the whole machine."""
    place = path = tmp_path / "place"
    make(place)
    if linked:
        path = tmp_path / "link"
        path.symlink_to("place")
    before = place.lstat()
    with pytest.raises(UserError, match="name another file") as caught:
        write_atomically(path, b"content")
    assert caught.value.problem == f"cannot write {path}: it is {kind}"
    assert place.lstat() == before
    assert names_in(tmp_path) == (["link", "place"] if linked else ["place"])


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(UserError, match="it is no regular file"):
        write_atomically(tmp_path / "link", b"content")


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
from replication.base.files import locked
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


def test_a_card_whose_lock_cannot_be_made_is_said_to_be_that(tmp_path: Path) -> None:
    """Not that all are taken: trainings would share one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/GPU-a.*TMPDIR"):
        hold_first_free([tmp_path / "file" / "GPU-a"])
