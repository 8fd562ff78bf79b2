"""Downloading into the folder of the data: once, whole or not at all.

The only module that imports torchvision, when it has to: that takes seconds.
"""

import fcntl
import importlib
import io
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import torch

from replication.base.errors import UserError

# Seconds without an answer. Each address of each mirror is tried in turn (about nine), so a
# network that swallows everything costs a minute and a half.
PATIENCE = 10.0


@dataclass(frozen=True)
class Source:
    """Official files, ``folder`` below the root of the data.

    ``fetch(temporary, missing)`` puts the missing ones into ``folder`` below ``temporary``. A file
    may be ``present`` under another name.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    megabytes: int
    fetch: Callable[[Path, list[str]], None]
    present: Callable[[Path], bool] = Path.exists

    def missing(self, root: Path) -> list[str]:
        return [name for name in self.files if not self.present(root / self.folder / name)]


def obtain(root: Path, source: Source) -> None:
    """Put the files of ``source`` that are missing into its folder in ``root``.

    Processes that start at once download once. A UserError leaves no part of a file behind.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone(root / ".download.lock"):
            missing = source.missing(root)
            if missing:
                fetch(root, source, missing)
    except ImportError as error:
        remedy = "install torchvision as constraints.txt pins it"
        raise failure(root, source, error, remedy) from None
    except (URLError, ConnectionError, TimeoutError, HTTPException, RuntimeError) as error:
        raise failure(root, source, error, "connect to the network") from None
    except OSError as error:
        space = f"make the folder writable and free {source.megabytes} MB"
        remedy = space if error.errno else "connect to the network"  # a checksum that differs
        raise failure(root, source, error, remedy) from None


def fetch(root: Path, source: Source, missing: list[str]) -> None:
    """Download beside the folder, then rename: a file is whole or absent. The lock is held."""
    temporary = root / ".download"
    shutil.rmtree(temporary, ignore_errors=True)  # left by a process that was killed
    try:
        before, after = temporary / source.folder, root / source.folder
        before.mkdir(parents=True)
        with patience(PATIENCE), progress_on_terminals_only():
            source.fetch(temporary, missing)
        after.mkdir(parents=True, exist_ok=True)
        for name in missing:
            os.replace(before / name, after / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def failure(root: Path, source: Source, error: Exception, remedy: str) -> UserError:
    """Which files are missing, where, and why; ``remedy`` is what would let them be downloaded."""
    lines = str(error).splitlines()  # torchvision: a heading and a reason for each mirror
    reasons = dict.fromkeys(line for line in lines if line and not line.endswith(":"))
    reason = ", ".join(reasons) or type(error).__name__
    names = ", ".join(source.missing(root))
    return UserError(
        f"{source.name}: no {names} in {root / source.folder}, and the download failed ({reason})",
        f"{remedy}, or put the official files there, "
        f"or set REPLICATION_DATA to the folder that holds {source.folder}",
    )


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock, after waiting for the process that has it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up on connections that are silent for so long; torchvision would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def progress_on_terminals_only() -> nullcontext[None] | redirect_stderr[io.StringIO]:
    """torchvision always draws its progress bars; in a log they are noise."""
    return nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())


def import_datasets() -> ModuleType:
    """``torchvision.datasets``, also beside a CPU torch; an ImportError if there is no way.

    The Linux wheels of torchvision link CUDA. Without it their operators are not loaded, and the
    import stops at "operator torchvision::nms does not exist", though data sets need none.
    """
    try:
        try:
            return importlib.import_module("torchvision.datasets")
        except RuntimeError as error:
            if "operator torchvision::" not in str(error):
                raise
        for name in list(sys.modules):
            if name.partition(".")[0] == "torchvision":
                del sys.modules[name]  # half imported
        declare_operators()
        return importlib.import_module("torchvision.datasets")
    except Exception as error:  # a torchvision made for another torch fails in many ways
        raise ImportError(f"torchvision cannot be imported: {error}") from error


@cache  # the declarations last as long as the Library
def declare_operators() -> torch.library.Library:
    """Declare the operators whose shapes torchvision registers as it is imported."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
