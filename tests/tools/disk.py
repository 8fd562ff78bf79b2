"""What the tests of files, records and checkpoints share."""

import errno
import os
from pathlib import Path

import pytest


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be flushed."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
