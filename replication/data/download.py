"""The downloads, and the only module that imports torchvision (which takes seconds)."""

import fcntl
import importlib
import io
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import numpy as np
import torch

from replication.base.errors import UserError

from .dataset import MNIST_FILES

# Seconds without an answer. Each address of each mirror is tried in turn (about nine), so a
# network that swallows everything costs a minute and a half.
PATIENCE = 10.0


@dataclass(frozen=True)
class Source:
    """Official files, ``folder`` below the root of the data.

    ``fetch(temporary, missing)`` puts the missing ones into ``folder`` below ``temporary``.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    megabytes: int
    fetch: Callable[[Path, list[str]], None]

    def missing(self, root: Path) -> list[str]:
        return [name for name in self.files if not (root / self.folder / name).exists()]


def download_mnist(root: Path) -> None:
    """Put the official files of MNIST that are missing into ``root``/MNIST/raw."""

    def fetch(temporary: Path, missing: list[str]) -> None:
        for name in MNIST_FILES.keys() - missing:  # torchvision keeps what is intact
            shutil.copyfile(root / "MNIST/raw" / name, temporary / "MNIST/raw" / name)
        import_datasets().MNIST(temporary, download=True)

    obtain(root, Source("MNIST", "MNIST/raw", tuple(MNIST_FILES), 70, fetch))


def download_svhn(root: Path, files: Sequence[str]) -> None:
    """Put those of SVHN's official ``files`` that are missing into ``root``/SVHN."""

    def fetch(temporary: Path, missing: list[str]) -> None:
        datasets = import_datasets()
        for address, name, md5 in datasets.SVHN.split_list.values():
            if name in missing:  # its constructor would read the file too
                datasets.utils.download_url(address, temporary / "SVHN", name, md5)

    megabytes = 1600 if "extra_32x32.mat" in files else 250
    obtain(root, Source("SVHN", "SVHN", tuple(files), megabytes, fetch))


def download_olivetti(root: Path) -> None:
    """Put ``olivettifaces.mat`` into ``root``/olivetti, as scikit-learn fetches it.

    scikit-learn deletes the file and keeps floats, from which it is made again.
    """

    def fetch(temporary: Path, _: list[str]) -> None:
        from scipy.io import savemat
        from sklearn.datasets import fetch_olivetti_faces

        with redirect_stdout(io.StringIO()):
            floats = fetch_olivetti_faces(data_home=temporary / "cache", n_retries=1).images
        pixels = np.round(floats * 242).astype(np.uint8)  # it divides by the largest, 242
        columns = pixels.transpose(2, 1, 0).reshape(64 * 64, -1)
        savemat(temporary / "olivetti" / "olivettifaces.mat", {"faces": columns})

    obtain(root, Source("Olivetti", "olivetti", ("olivettifaces.mat",), 20, fetch))


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
