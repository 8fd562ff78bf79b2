"""Downloading: once, whole or not at all, and what is said when it fails. MNIST is the example."""

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

import pytest

from replication.base.errors import UserError
from replication.data import download
from replication.data.mnist import MNIST, NAMES, download_collection, load_collection
from tests.tools.idx import CONTENT, SMALL, FakeTorchvision, write

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = SMALL


def write_small(raw: Path) -> None:
    """The four small files, except those that are there, and what torchvision unpacks."""
    write(raw, {name: content for name, content in SMALL.items() if not (raw / name).exists()})
    write(raw, {name.removesuffix(".gz"): b"unpacked" for name in SMALL})


def no_network(raw: Path) -> None:
    raw.mkdir(parents=True, exist_ok=True)
    (raw / IMAGES).write_bytes(SMALL[IMAGES][:100])
    raise URLError("no route to host")


def files_below(root: Path) -> list[str]:
    """Everything in ``root`` except the lock."""
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.name != ".download.lock")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("REPLICATION_DATA", str(folder))
    return folder


def load_mnist() -> None:
    load_collection(MNIST, allow_subset=True)


# The download


def test_download(
    root: Path,
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
    load_mnist()
    assert files_below(root) == sorted(f"MNIST/raw/{name}" for name in SMALL)
    assert not (root / ".download").exists()
    assert patience == [download.PATIENCE]
    assert socket.getdefaulttimeout() == before
    assert capfd.readouterr().err == ""

    download_collection(root, MNIST)
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
    download_collection(root, MNIST)
    assert offered == [LABELS]
    assert {name: (raw / name).read_bytes() for name in SMALL} == {**SMALL, LABELS: b"mine"}


def test_two_at_once_download_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(raw: Path) -> None:
        time.sleep(0.3)  # time for the other to arrive
        write_small(raw)

    torchvision = FakeTorchvision(monkeypatch, fetch)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(download_collection, root, MNIST) for _ in range(2)]:
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
    download_collection(root, MNIST)
    assert (root / "MNIST" / "raw" / IMAGES).read_bytes() == SMALL[IMAGES]
    assert not (root / ".download").exists()


def test_no_network(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    FakeTorchvision(monkeypatch, no_network)
    with pytest.raises(UserError) as caught:
        load_mnist()
    assert all(f"{name}.gz" in caught.value.problem for name in NAMES)
    assert str(root / "MNIST" / "raw") in caught.value.problem
    assert "no route to host" in caught.value.problem
    assert caught.value.remedy.startswith("connect to the network")
    assert "REPLICATION_DATA" in caught.value.remedy
    assert caught.value.__suppress_context__
    assert files_below(root) == []
    assert not (root / ".download").exists()
    assert capfd.readouterr().err == ""


def test_only_the_missing_file_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root / "MNIST" / "raw")
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


def test_a_folder_that_cannot_be_made(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    Path("data").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"File exists.*make the folder writable"):
        load_mnist()


def test_what_is_there_unpacked_is_not_downloaded_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = root / "MNIST" / "raw"
    write(raw, {"train-images.idx3-ubyte": CONTENT[NAMES[0]], NAMES[1]: CONTENT[NAMES[1]]})
    FakeTorchvision(monkeypatch, write_small)
    load_mnist()
    expected = {"train-images.idx3-ubyte", NAMES[1], TEST_IMAGES, TEST_LABELS}
    assert {path.name for path in raw.iterdir()} == expected
