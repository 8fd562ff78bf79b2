"""The download of MNIST, and the only module that imports torchvision (which takes seconds)."""

import fcntl
import importlib
import io
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from functools import cache
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import torch

from .data import MNIST_FILES
from .errors import UserError

# Seconds without an answer. Each address of each mirror is tried in turn (about nine), so a
# network that swallows everything costs a minute and a half.
PATIENCE = 10.0


def download_mnist(root: Path) -> None:
    """Put the official files of MNIST that are missing into ``root``/MNIST/raw.

    Processes that start at once download once. A UserError leaves no part of a file behind.
    """
    folder = root / "MNIST" / "raw"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone(root / ".download.lock"):
            missing = missing_files(folder)
            if missing:
                fetch(root, folder, missing)
    except ImportError as error:
        raise failure(folder, error, "install torchvision as constraints.txt pins it") from None
    except (URLError, ConnectionError, TimeoutError, HTTPException, RuntimeError) as error:
        raise failure(folder, error, "connect to the network") from None
    except OSError as error:
        remedy = "make the folder writable and free 70 MB"
        raise failure(folder, error, remedy) from None


def missing_files(folder: Path) -> list[str]:
    return [name for name in MNIST_FILES if not (folder / name).exists()]


def fetch(root: Path, folder: Path, missing: list[str]) -> None:
    """Download beside ``folder``, then rename: a file is whole or absent. The lock is held."""
    datasets = import_datasets()
    temporary = root / ".download"
    shutil.rmtree(temporary, ignore_errors=True)  # left by a process that was killed
    try:
        raw = temporary / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in MNIST_FILES.keys() - missing:
            shutil.copyfile(folder / name, raw / name)  # torchvision keeps what is intact
        with patience(PATIENCE), progress_on_terminals_only():
            datasets.MNIST(temporary, download=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name in missing:
            os.replace(raw / name, folder / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def failure(folder: Path, error: Exception, remedy: str) -> UserError:
    """Which files are missing, where, and why; ``remedy`` is what would let them be downloaded."""
    lines = str(error).splitlines()  # torchvision: a heading and a reason for each mirror
    reasons = dict.fromkeys(line for line in lines if line and not line.endswith(":"))
    reason = ", ".join(reasons) or type(error).__name__
    names = ", ".join(missing_files(folder))
    return UserError(
        f"MNIST: no {names} in {folder}, and the download failed ({reason})",
        f"{remedy}, or put the four official files there, "
        "or set REPLICATION_DATA to the folder that holds MNIST/raw",
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
