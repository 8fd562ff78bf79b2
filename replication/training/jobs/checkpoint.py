"""Checkpoints: what a stack of seeds needs to go on after a kill."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from replication.base import sealed
from replication.base.errors import UserError

from . import stored

KEPT = 2  # the newest checkpoint, and one to fall back upon should it be damaged
SHARE = 0.02  # of the time goes to checkpoints at most: a big one takes seconds


class Checkpoints:
    """The last checkpoints of one stack of seeds, in ``folder``.

    They are ``seconds`` apart, more where one took so long that ``SHARE`` would be exceeded; 0
    stores one after every epoch, whatever it takes.
    """

    def __init__(self, folder: Path, seconds: float):
        self.folder = folder
        self.seconds = seconds
        self._wait = seconds
        self._last = time.monotonic()

    def newest(self) -> dict[str, Any] | None:
        """The newest readable state; one that is not is set aside and named on standard error.

        In its place it would stay one of the ``KEPT`` newest, and each that is stored after fewer
        epochs would be removed at once.
        """
        found, refused = None, []
        for path in reversed(self._files()):
            try:
                found = stored.read(path, stored.Checkpoint)
                break
            except UserError as error:
                refused.append(f"{error.problem}; it is {sealed.set_aside(path).name} now")
        start = f"goes on after epoch {found['epochs']}" if found else "starts from the beginning"
        for told in refused:
            print(f"warning: {told}, and training {start}", file=sys.stderr)
        return found

    def store(self, epoch: int, state: Callable[[], dict[str, Any]]) -> None:
        """Store ``state()`` as that after ``epoch`` epochs, if the last is old enough."""
        began = time.monotonic()
        if began - self._last < self._wait:
            return
        sealed.save(self.folder / f"epoch_{epoch:06d}.pt", state())
        for old in self._files()[:-KEPT]:
            old.unlink()
        self._last = time.monotonic()
        if self.seconds:
            self._wait = max(self.seconds, (self._last - began) * (1 / SHARE - 1))

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("epoch_*.pt") if path.is_file())
