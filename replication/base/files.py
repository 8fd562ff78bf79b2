"""Files that are whole or absent: written beside their place, flushed to the disk, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from .errors import UserError


def write_atomically(path: Path, content: bytes) -> None:
    """``content`` as ``path``, or a UserError and no trace (full or read-only disk)."""
    with atomically(path) as file:
        file.write(content)


@contextmanager
def atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which is ``path`` once all of it is on the disk; else there is no trace.

    What the disk refuses is a UserError. A process that is killed leaves ``.<name>.<letters>``.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)  # mkstemp makes files that only their owner can read
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        remedy = "make the folder writable, or free some space"
        raise UserError(f"cannot write {path}: {error.strerror}", remedy) from None


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
