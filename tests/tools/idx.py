"""Small idx files, and a stand-in for torchvision's downloads of them."""

import gzip
import math
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from replication.data.mnist import NAMES


def idx(*shape: int, magic: bytes = b"\0\0\x08", missing: int = 0) -> bytes:
    """An idx file with the values 0 to 9 in turn; the last ``missing`` are left out."""
    header = magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return header + bytes(i % 10 for i in range(math.prod(shape) - missing))


def zipped(content: bytes, level: int = 9) -> bytes:
    return gzip.compress(content, level, mtime=0)


CONTENT = dict(zip(NAMES, (idx(20, 28, 28), idx(20), idx(10, 28, 28), idx(10)), strict=True))
SMALL = {f"{name}.gz": zipped(content) for name, content in CONTENT.items()}


def write(folder: Path, files: Mapping[str, bytes] = SMALL) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


class FakeTorchvision:
    """Stands for torchvision: ``download`` does what MNIST(root, download=True) would do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, download: Callable[[Path], None]):
        self.calls = 0
        self.download = download
        package, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
        vars(datasets)["MNIST"] = self.mnist
        monkeypatch.setitem(sys.modules, "torchvision", package)
        monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)

    def mnist(self, root: Path, download: bool) -> None:
        assert download
        self.calls += 1
        self.download(root / "MNIST" / "raw")
