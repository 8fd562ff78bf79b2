"""EMNIST out of its archive: upright, letters from 0; which archives are refused."""

import hashlib
import io
import struct
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from replication.base.errors import UserError
from replication.data import emnist
from replication.data.download import import_datasets
from replication.data.emnist import ARCHIVE, MD5, load_emnist
from replication.data.loaders import load
from tests.tools.builders import make_settings
from tests.tools.idx import zipped

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return zipped(header + array.astype(np.uint8).tobytes())


def archive(first: int, **others: bytes) -> bytes:
    """The archive with three classes, from ``first``, in two selections."""
    labels = np.arange(6) % 3 + first
    files: dict[str, bytes] = {}
    for part in ("letters-train", "letters-test", "digits-train", "digits-test"):
        files[f"gzip/emnist-{part}-images-idx3-ubyte.gz"] = idx(IMAGES)
        files[f"gzip/emnist-{part}-labels-idx1-ubyte.gz"] = idx(labels)
    return pack(files | others)


def pack(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in files.items():
            file.writestr(zipfile.ZipInfo(name), content)  # without it the clock's time is in
    return packed.getvalue()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the archive belongs; ``archive(0)`` is the official one."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setattr(emnist, "MD5", hashlib.md5(archive(0)).hexdigest())
    path = tmp_path / ARCHIVE
    path.parent.mkdir(parents=True)
    return path


def test_images_are_upright(path: Path) -> None:
    path.write_bytes(archive(0))
    dataset = load_emnist("digits")
    assert (dataset.name, dataset.shape, dataset.classes) == ("emnist_digits", (1, 28, 28), 3)
    assert not dataset.subset
    assert dataset.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset.test.images.equal(torch.from_numpy(IMAGES.transpose(0, 2, 1).reshape(6, -1)))


def test_letters_are_numbered_from_0(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(archive(1))
    monkeypatch.setattr(emnist, "MD5", hashlib.md5(archive(1)).hexdigest())
    assert load(make_settings(data="emnist_letters")).train.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_another_archive_must_be_allowed(path: Path) -> None:
    path.write_bytes(archive(0, note=b"something more"))
    with pytest.raises(UserError, match=r"gzip.zip is not the official archive"):
        load_emnist("digits")
    assert load_emnist("digits", allow_subset=True).subset


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"<html>Not found</html>", "is a web page", id="a web page"),
        pytest.param(b"no archive", "cannot be read", id="no zip"),
        pytest.param(archive(0)[:-40], "cannot be read", id="truncated"),
        pytest.param(pack({}), "emnist-digits-train-images-idx3-ubyte.gz", id="empty"),
        pytest.param(
            pack({"gzip/emnist-digits-train-images-idx3-ubyte.gz": b"junk"}),
            "emnist-digits-train-images-idx3-ubyte.gz is truncated or not a gzip file",
            id="no gzip inside",
        ),
        pytest.param(archive(1), "holds the label 3, but no label 0", id="digits from 1"),
    ],
)
def test_a_wrong_archive_is_named(path: Path, content: bytes, fault: str) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_emnist("digits", allow_subset=True)
    assert str(path) in caught.value.problem
    assert fault in caught.value.problem


def test_the_archive_is_downloaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download_url(address: str, folder: Path, name: str, md5: str) -> None:
        assert (address, name, md5) == ("http://x", "gzip.zip", emnist.MD5)
        (folder / name).write_bytes(archive(0))

    package, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    vars(datasets)["EMNIST"] = SimpleNamespace(url="http://x")
    vars(datasets)["utils"] = SimpleNamespace(download_url=download_url)
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    assert len(load_emnist("digits").train) == 6
    assert path.exists()


def test_torchvision_has_the_same_archive() -> None:
    assert import_datasets().EMNIST.md5 == MD5
