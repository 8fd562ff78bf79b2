"""Files that are whole or absent: written beside their place, flushed to the disk, then renamed."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from .errors import UserError

PART = ".replication-part"  # ends the name of what is not whole yet
PROBE = 1 << 20  # bytes: the record of a small variant, a tenth of a large checkpoint


def write_atomically(path: Path, content: bytes) -> None:
    """``content`` as ``path``, or a UserError and no trace (full or read-only disk)."""
    with atomically(path) as file:
        file.write(content)


@contextmanager
def atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which is ``path`` once all of it is on the disk; else there is no trace.

    Of a link, the file that it leads to is written. What the disk refuses is a UserError, and so is
    a ``path`` that is there and is no regular file. What a process left that was killed while it
    wrote is removed by the next that writes there.
    """
    target = _target_of(path)
    with _part_of(target) as part:
        with _on_disk(part) as file:
            yield file
        os.replace(part, target)


def check_writable(folder: Path) -> None:
    """A UserError unless ``folder`` can be written and has a little space; leaves nothing."""
    with _part_of(folder / "probe") as part, _on_disk(part) as file:
        file.write(os.urandom(PROBE))  # some disks store zeros in no space at all


def remove_dead_parts(folder: Path) -> None:
    """Remove what killed processes left in ``folder``; who is writing there holds a lock."""
    for part in folder.glob(f".*{PART}"):
        with suppress(OSError):  # locked by its writer, or the disk has no locks
            handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(handle)


def _target_of(path: Path) -> Path:
    """``path``, or the file that it leads to as a link.

    A UserError where a folder, a device or the like is there: a rename would take its place.
    """
    target = Path(os.path.realpath(path)) if os.path.islink(path) else path
    try:
        mode = target.lstat().st_mode
    except OSError:  # nothing is there, or what is above it tells the fault when it is written
        return target
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        remedy = "name another file, or move that one away"
        raise UserError(f"cannot write {path}: it is {kind}", remedy)
    return target


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """An empty file beside ``path`` that is gone afterwards, unless it was renamed."""
    handle = part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_dead_parts(path.parent)
        handle, part = _locked_part(path)
        yield part
    except OSError as error:
        remedy = "make the folder writable, or free some space"
        raise UserError(f"cannot write {path}: {error.strerror}", remedy) from None
    finally:
        if handle is not None and part is not None:
            part.unlink(missing_ok=True)
            os.close(handle)  # last: it frees the lock


def _locked_part(path: Path) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        with suppress(OSError):  # a disk without locks: others leave the file alone, too
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # another process removed it, in the moment before it was locked


@contextmanager
def _on_disk(part: Path) -> Iterator[BinaryIO]:
    """The file ``part`` to write; all of it is on the disk afterwards."""
    with part.open("wb") as file:
        os.fchmod(file.fileno(), 0o644)  # mkstemp makes files that only their owner can read
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def locked(path: Path, purpose: str) -> Iterator[None]:
    """Hold ``path`` as a lock; a UserError if another process does. A killed holder frees it."""
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(f"another process is {purpose}", "wait until it ends") from None
    except NotImplementedError:
        raise UserError(f"cannot lock {path}", "use a disk that has file locks") from None
    except OSError as error:
        problem = f"cannot write {path}: {error.strerror}"
        raise UserError(problem, "make the folder writable") from None
    try:
        yield
    finally:
        lock.release()


def hold_first_free(paths: Iterable[Path]) -> int | None:
    """Lock the first of ``paths`` that no process has, until this one ends; its number.

    None if others have them all; a UserError where there can be no locks.
    """
    for number, path in enumerate(paths):
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            problem = f"cannot write {path}: {error.strerror}"
            raise UserError(problem, "set TMPDIR to a folder that can be written") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number  # the handle stays open
        except BlockingIOError:
            os.close(handle)
        except OSError as error:
            os.close(handle)
            problem = f"cannot lock {path}: {error.strerror}"
            raise UserError(problem, "set TMPDIR to a disk that has file locks") from None
    return None
