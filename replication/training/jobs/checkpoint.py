"""Checkpoints: what a stack of seeds needs to go on after a kill."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from replication.base import sealed
from replication.base.errors import UserError

KEPT = 2  # the newest checkpoint, and one to fall back upon should it be damaged


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
                state: dict[str, Any] = sealed.load(path)
                return state
            except UserError as error:
                print(f"warning: {error.problem}; using the one before", file=sys.stderr)
        return None

    def store(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        """Store ``state()`` as that after ``epoch`` epochs, if the last is old enough."""
        if time.monotonic() - self._last < self.seconds:
            return
        sealed.save(self.folder / f"epoch_{epoch:06d}.pt", state())
        for old in sorted(self.folder.glob("epoch_*.pt"))[:-KEPT]:
            old.unlink()
        self._last = time.monotonic()
