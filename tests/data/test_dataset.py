"""Data: what is loaded, what is refused and why, how MNIST is fetched, which labels are kept."""

import gzip
import hashlib
import math
import socket
import struct
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from types import ModuleType
from urllib.error import URLError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from replication.base.errors import UserError
from replication.data import dataset as data
from replication.data import download
from replication.data.dataset import MNIST_FILES, choose_labelled, load_digits, load_mnist

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = MNIST_FILES


def idx(*shape: int, magic: bytes = b"\0\0\x08", missing: int = 0) -> bytes:
    """A gzipped idx file with the values 0 to 9 in turn; the last ``missing`` are left out."""
    header = magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    values = bytes(i % 10 for i in range(math.prod(shape) - missing))
    return gzip.compress(header + values, mtime=0)


SMALL = {
    IMAGES: idx(20, 28, 28),
    LABELS: idx(20),
    TEST_IMAGES: idx(10, 28, 28),
    TEST_LABELS: idx(10),
}


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


def write_small(raw: Path) -> None:
    """The four small files, but for those that are there, and what torchvision unpacks."""
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in SMALL.items():
        if not (raw / name).exists():
            (raw / name).write_bytes(content)
        (raw / name).with_suffix("").write_bytes(gzip.decompress(content))


def no_network(raw: Path) -> None:
    raw.mkdir(parents=True, exist_ok=True)
    (raw / IMAGES).write_bytes(SMALL[IMAGES][:100])
    raise URLError("no route to host")


def files_below(root: Path) -> list[str]:
    """Everything in ``root`` but the lock."""
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.name != ".download.lock")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    monkeypatch.setenv("REPLICATION_DATA", str(folder))
    return folder


@pytest.fixture
def small_is_official(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in SMALL.items()}
    monkeypatch.setattr(data, "MNIST_FILES", digests)


@pytest.fixture
def mnist_folder() -> Path:
    """The folder with the four official files: $REPLICATION_DATA, else data/."""
    folder = data.data_root() / "MNIST" / "raw"
    assert all((folder / name).exists() for name in MNIST_FILES), f"no MNIST in {folder}"
    return folder


# Loading


def test_digits() -> None:
    digits = load_digits()
    assert digits.shape == (1, 8, 8)
    assert digits.pixels == 64
    assert digits.classes == 10
    for split, count in ((digits.train, 1400), (digits.test, 397)):
        assert len(split) == count
        assert split.images.shape == (count, 64)
        assert split.images.dtype == torch.uint8
        assert split.labels.shape == (count,)
        assert split.labels.dtype == torch.int64
        assert split.labels.unique().tolist() == list(range(10))
    assert digits.train.images.min() == 0
    assert digits.train.images.max() == 255
    assert digits.sha256 == load_digits().sha256


def test_small_mnist(root: Path, small_is_official: None) -> None:
    write_small(root / "MNIST" / "raw")
    mnist = load_mnist()
    assert mnist.train.images.shape == (20, 784)
    assert mnist.train.images.dtype == torch.uint8
    assert mnist.test.images.shape == (10, 784)
    assert mnist.test.labels.dtype == torch.int64
    assert mnist.train.labels.tolist() == [*range(10), *range(10)]
    assert mnist.train.images[0, :12].tolist() == [*range(10), 0, 1]


@pytest.mark.data
def test_official_mnist(mnist_folder: Path) -> None:
    mnist = load_mnist()
    assert mnist.train.images.shape == (60000, 784)
    assert mnist.test.images.shape == (10000, 784)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    train, test = mnist.train.labels.bincount(), mnist.test.labels.bincount()
    assert train.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# Files that are wrong


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(SMALL[LABELS][:-9], "truncated", id="truncated"),
        pytest.param(b"<html>404 Not Found</html>", "not a gzip file", id="not gzip"),
        pytest.param(idx(20, magic=b"\0\0\x0d"), "magic number (00000d01)", id="wrong type"),
        pytest.param(idx(5, 4), "magic number (00000802)", id="wrong dimensions"),
        pytest.param(idx(20, missing=3), "holds 17 values, not 20", id="too few values"),
        pytest.param(idx(21), "not the official file", id="another file"),
        pytest.param(b"", "ends inside its header", id="empty"),
        pytest.param(gzip.compress(b""), "ends inside its header", id="nothing zipped"),
        pytest.param(gzip.compress(b"\0\0\x08\x03\0\0\xea"), "ends inside", id="half a header"),
    ],
)
def test_wrong_file_is_named(
    root: Path, small_is_official: None, content: bytes, fault: str
) -> None:
    write_small(root / "MNIST" / "raw")
    path = root / "MNIST" / "raw" / LABELS
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_mnist()
    assert str(path) in caught.value.problem
    assert fault in caught.value.problem
    assert str(path) in caught.value.remedy


# The download


def test_download(
    root: Path,
    small_is_official: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    patience: list[float | None] = []

    def fetch(raw: Path) -> None:
        patience.append(socket.getdefaulttimeout())
        print("\r100.0%", end="", file=sys.stderr)
        write_small(raw)

    before = socket.getdefaulttimeout()
    torchvision = FakeTorchvision(monkeypatch, fetch)
    assert len(load_mnist().train) == 20
    assert files_below(root) == sorted(f"MNIST/raw/{name}" for name in SMALL)
    assert not (root / ".download").exists()
    assert patience == [download.PATIENCE]
    assert socket.getdefaulttimeout() == before
    assert capfd.readouterr().err == ""

    download.download_mnist(root)
    assert torchvision.calls == 1


def test_download_keeps_what_is_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / LABELS).write_bytes(b"mine")
    offered: list[str] = []

    def fetch(temporary: Path) -> None:
        offered.extend(path.name for path in temporary.iterdir())
        (temporary / LABELS).write_bytes(b"torchvision replaces a file that is not intact")
        write_small(temporary)

    FakeTorchvision(monkeypatch, fetch)
    download.download_mnist(root)
    assert offered == [LABELS]
    assert {name: (raw / name).read_bytes() for name in SMALL} == {**SMALL, LABELS: b"mine"}


def test_two_at_once_download_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(raw: Path) -> None:
        time.sleep(0.3)  # time for the other to arrive
        write_small(raw)

    torchvision = FakeTorchvision(monkeypatch, fetch)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(download.download_mnist, root) for _ in range(2)]:
            done.result()
    assert torchvision.calls == 1
    assert files_below(root) == sorted(f"MNIST/raw/{name}" for name in SMALL)


def test_remains_of_a_killed_download_are_removed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remains = root / ".download" / "MNIST" / "raw" / IMAGES
    remains.parent.mkdir(parents=True)
    remains.write_bytes(b"half")
    FakeTorchvision(monkeypatch, write_small)
    download.download_mnist(root)
    assert (root / "MNIST" / "raw" / IMAGES).read_bytes() == SMALL[IMAGES]
    assert not (root / ".download").exists()


def test_no_network(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    FakeTorchvision(monkeypatch, no_network)
    with pytest.raises(UserError) as caught:
        load_mnist()
    assert all(name in caught.value.problem for name in MNIST_FILES)
    assert str(root / "MNIST" / "raw") in caught.value.problem
    assert "no route to host" in caught.value.problem
    assert caught.value.remedy.startswith("connect to the network")
    assert "REPLICATION_DATA" in caught.value.remedy
    assert caught.value.__suppress_context__
    assert files_below(root) == []
    assert not (root / ".download").exists()
    assert capfd.readouterr().err == ""


def test_only_the_missing_file_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(root / "MNIST" / "raw")
    (root / "MNIST" / "raw" / TEST_LABELS).unlink()
    before = files_below(root)
    FakeTorchvision(monkeypatch, no_network)
    with pytest.raises(UserError) as caught:
        load_mnist()
    assert TEST_LABELS in caught.value.problem
    assert IMAGES not in caught.value.problem
    assert files_below(root) == before


def test_mirrors_that_fail_alike_give_one_reason(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(raw: Path) -> None:
        reason = "<urlopen error timed out>"
        raise RuntimeError(f"Error:\nTried one, got:\n{reason}\nTried two, got:\n{reason}\n")

    FakeTorchvision(monkeypatch, fetch)
    with pytest.raises(UserError, match=r"the download failed \(<urlopen error timed out>\)"):
        load_mnist()


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ConnectionResetError("reset")])
def test_broken_connection(root: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def fetch(raw: Path) -> None:
        raise error

    FakeTorchvision(monkeypatch, fetch)
    with pytest.raises(UserError, match=f"{error}.*connect to the network"):
        load_mnist()


def test_torchvision_absent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torchvision", "torchvision.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match="torchvision cannot be imported") as caught:
        load_mnist()
    assert IMAGES in caught.value.problem
    assert str(root / "MNIST/raw") in caught.value.problem
    assert "install torchvision" in caught.value.remedy
    assert "REPLICATION_DATA" in caught.value.remedy
    assert files_below(root) == []


def test_disk_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(raw: Path) -> None:
        (raw / IMAGES).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    FakeTorchvision(monkeypatch, fetch)
    with pytest.raises(UserError, match=r"No space left on device.*free 70 MB"):
        load_mnist()
    assert files_below(root) == []
    assert not (root / ".download").exists()


def test_folder_that_cannot_be_made(root: Path) -> None:
    root.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"File exists.*make the folder writable"):
        load_mnist()


def test_torchvision_has_the_same_files() -> None:
    """The real torchvision: it can be imported, also beside a CPU torch."""
    resources = download.import_datasets().MNIST.resources
    assert {name for name, _ in resources} == set(MNIST_FILES)


# The choice of labels

BALANCED = torch.arange(10).repeat(30)


@pytest.mark.parametrize(
    ("count", "shares"), [(100, [10] * 10), (10, [1] * 10), (13, [2] * 3 + [1] * 7)]
)
def test_labelled_images_are_spread_evenly(count: int, shares: list[int]) -> None:
    chosen = choose_labelled(BALANCED, count, 0)
    assert BALANCED[chosen].bincount(minlength=10).tolist() == shares


def test_label_seed_decides_the_choice() -> None:
    def choice(label_seed: int) -> Tensor:
        return choose_labelled(BALANCED, 100, label_seed)

    assert choice(1).equal(choice(1))
    assert not choice(1).equal(choice(2))


def test_all_labels() -> None:
    assert choose_labelled(BALANCED, "all", 0).tolist() == list(range(300))


def test_too_many_labels() -> None:
    with pytest.raises(UserError, match="301 labels need 31 images of class 0; it has 30"):
        choose_labelled(BALANCED, 301, 0)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=10),
    share=st.floats(0, 1),
    order=st.randoms(use_true_random=False),
    label_seed=st.integers(0, 2**31),
)
def test_any_choice_is_balanced_and_without_repetition(
    sizes: list[int], share: float, order: Random, label_seed: int
) -> None:
    values = [c for c, size in enumerate(sizes) for _ in range(size)]
    order.shuffle(values)
    count = int(share * min(sizes) * len(sizes))
    labels = torch.tensor(values)
    chosen = choose_labelled(labels, count, label_seed)
    assert len(chosen) == len(chosen.unique()) == count
    shares = labels[chosen].bincount(minlength=len(sizes))
    assert shares.max() - shares.min() <= 1
