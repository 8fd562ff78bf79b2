"""Sealed files of tensors: the sha256 of the content, a line break, the content.

The content is read with ``weights_only=True``: no code in it is ever run. It is hashed while it is
written and read: beside the state itself, a file takes no memory, on a GPU that of one tensor.
"""

import hashlib
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from .endings import is_lack_of_memory
from .errors import UserError
from .files import atomically

SEAL = 2 * hashlib.sha256().digest_size + 1  # bytes before the content
ASIDE = ".unreadable"  # follows the name of a file that was refused


class Hashing:
    """What is written to it goes to ``file``, and into ``sha256``.

    torch writes out of C++, where an exception is lost: the first one is kept in ``error``, and
    nothing is written after it.
    """

    def __init__(self, file: BinaryIO):
        self.file = file
        self.sha256 = hashlib.sha256()
        self.error: BaseException | None = None

    def write(self, data: bytes | memoryview) -> int:
        if self.error is None:
            try:
                self.sha256.update(data)
                self.file.write(data)
            except BaseException as error:
                self.error = error
        return memoryview(data).nbytes

    def flush(self) -> None:
        """The file is flushed when it is whole."""


def save(path: Path, state: Any) -> None:
    """``state`` (tensors, numbers, strings, containers) as a sealed file, atomically."""
    with atomically(path) as file:
        file.write(b"\n".rjust(SEAL))
        hashing = Hashing(file)
        torch.save(state, cast(BinaryIO, hashing))
        if hashing.error is not None:
            raise hashing.error
        file.seek(0)
        file.write(hashing.sha256.hexdigest().encode())


def load(path: Path) -> Any:
    """The state in ``path``; a UserError if it is damaged or no file of this suite."""
    remedy = f"delete {path} to start again without it"
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy) from None
    with file:
        try:
            seal = file.read(SEAL)
            content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}", remedy) from None
        if f"{content}\n".encode() != seal:
            raise UserError(f"{path} is damaged, or no file of this suite", remedy)
        file.seek(SEAL)
        try:
            # Generator states must stay on the CPU; the stack copies parameters to its own device.
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever the unpickler stumbles over
            if is_lack_of_memory(error):  # which is no fault of the file
                raise
            reason = (str(error) or repr(error)).splitlines()[0]
            raise UserError(f"{path} cannot be read: {reason}", remedy) from None


def set_aside(path: Path) -> Path:
    """Rename ``path``, which was refused, so that it is read no more; what it is called now.

    Nothing is lost: it can be looked at, or named as before. A UserError where the disk refuses.
    """
    names = (path.with_name(f"{path.name}{ASIDE}{n or ''}") for n in count())
    aside = next(name for name in names if not name.exists())
    try:
        path.rename(aside)
    except OSError as error:
        problem = f"cannot rename {path}: {error.strerror}"
        raise UserError(problem, "make the folder writable") from None
    return aside
