"""Checkpoints: what training needs to go on after a kill, and the results of finished seeds.

They lie below ``.checkpoints/<item>/<variant>/<settings hash>-<code hash>/``, so that a changed
setting or a changed training code never resumes from another's state. A file is the sha256 of
its content, a line break, the content; the content is read with ``weights_only=True``.
"""

import hashlib
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from replication.base.errors import UserError
from replication.base.files import write_atomically

KEPT = 2  # the newest checkpoint, and one to fall back upon should it be damaged


def save(path: Path, state: Any) -> None:
    """``state`` (tensors, numbers, strings, containers) as a sealed file, atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_atomically(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def load(path: Path) -> Any:
    """The state in ``path``; a UserError if it is damaged or no checkpoint of this suite."""
    remedy = f"delete {path} to start again without it"
    try:
        seal, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy) from None
    if hashlib.sha256(content).hexdigest().encode() != seal:
        raise UserError(f"{path} is damaged, or no checkpoint of this suite", remedy)
    try:
        # Generator states must stay on the CPU; the stack copies parameters to its own device.
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the unpickler stumbles over
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(f"{path} cannot be read: {reason}", remedy) from None


class Checkpoints:
    """The last checkpoints of one stack of seeds, in ``folder``."""

    def __init__(self, folder: Path, seconds: float):
        self.folder = folder
        self.seconds = seconds
        self._last = time.monotonic()

    def newest(self) -> dict[str, Any] | None:
        """The newest readable state; one that is not is named on standard error and passed over."""
        for path in sorted(self.folder.glob("epoch_*.pt"), reverse=True):
            try:
                return load(path)
            except UserError as error:
                print(f"warning: {error.problem}; using the one before", file=sys.stderr)
        return None

    def store(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        """Store ``state()`` as that after ``epoch`` epochs, if the last is old enough."""
        if time.monotonic() - self._last < self.seconds:
            return
        save(self.folder / f"epoch_{epoch:06d}.pt", state())
        for old in sorted(self.folder.glob("epoch_*.pt"))[:-KEPT]:
            old.unlink()
        self._last = time.monotonic()

    def clear(self) -> None:
        for path in self.folder.glob("epoch_*.pt"):
            path.unlink()
