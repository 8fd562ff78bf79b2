"""Files of the user's own, by ``data: {idx: folder}`` and ``data: {npz: file}``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replication.base.errors import UserError
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.data.mnist import NAMES
from tests.tools.builders import make_settings
from tests.tools.idx import CONTENT, SMALL, idx, write, zipped

RANDOM = np.random.default_rng(0)
GOOD: dict[str, Any] = {
    "train_images": RANDOM.integers(0, 256, (6, 4, 5, 3), np.uint8),
    "train_labels": np.array([0, 1, 2, 0, 1, 2]),
    "test_images": RANDOM.integers(0, 256, (3, 4, 5, 3), np.uint8),
    "test_labels": np.array([2, 1, 1], np.uint8),
}
GREY = {k: a[..., 0] if "images" in k else a for k, a in GOOD.items()}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    return tmp_path


def load_own(**data: str) -> Dataset:
    return load(make_settings(data=data))


# npz


def test_colour_images_from_an_npz_file(root: Path) -> None:
    np.savez(root / "mine.npz", **GOOD)
    dataset = load_own(npz="mine.npz")
    assert (dataset.name, dataset.shape, dataset.classes) == ("npz:mine", (3, 4, 5), 3)
    assert not dataset.subset
    assert dataset.train.images.shape == (6, 60)
    assert dataset.train.images.dtype == torch.uint8
    image = dataset.test.images[1].view(3, 4, 5).numpy()
    assert (image.transpose(1, 2, 0) == GOOD["test_images"][1]).all()
    assert dataset.test.labels.tolist() == [2, 1, 1]
    assert dataset.test.labels.dtype == torch.int64


def test_grey_images_from_an_npz_file_elsewhere(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "else where" / "mine.npz"
    path.parent.mkdir()
    np.savez_compressed(path, **GREY, more=np.zeros(3))
    dataset = load_own(npz=str(path))
    assert dataset.shape == (1, 4, 5)
    assert (dataset.train.images.numpy() == GREY["train_images"].reshape(6, -1)).all()


def test_the_content_decides_the_fingerprint(root: Path) -> None:
    np.savez(root / "a.npz", **GREY)
    np.savez_compressed(root / "b.npz", **GREY)
    np.savez(root / "c.npz", **{**GREY, "test_labels": np.array([2, 1, 0])})
    a, b, c = (load_own(npz=f"{name}.npz").sha256 for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"train_labels": None}, "has no train_labels, only "),
        ({"test_images": GOOD["test_images"] / 255}, "test_images holds float64, not uint8"),
        ({"test_images": GOOD["test_images"][..., 0]}, "test_images holds images of 1 x 4 x 5"),
        ({"test_images": GOOD["test_images"][:, :3]}, "those to train on are 3 x 4 x 5"),
        ({"train_images": GOOD["train_images"][..., :2]}, "images of 2 channels, not 1 or 3"),
        ({"train_images": GOOD["train_images"].reshape(6, -1)}, "is 6 x 60, not N x H x W"),
        ({"train_images": GOOD["train_images"][:0]}, "is 0 x 4 x 5 x 3, not N x H x W x C"),
        ({"train_images": np.uint8(3)}, "train_images is a single value, not N x H x W"),
        ({"train_images": GOOD["train_images"][:5]}, "train_labels holds 6 labels for 5 images"),
        ({"train_labels": np.array([0.0] * 6)}, "train_labels holds float64, not integers"),
        ({"train_labels": np.array(["a"] * 6)}, "train_labels holds <U1, not integers"),
        ({"train_labels": np.eye(6, dtype=int)}, "train_labels is 6 x 6, not N"),
        ({"train_labels": np.arange(6) - 1}, "train_labels holds the label -1"),
        ({"train_labels": np.arange(6) + 1}, "holds the label 6, but no label 0"),
        ({"train_labels": np.array([0, 1, 3] * 2)}, "holds the label 3, but no label 2"),
        (
            {"train_labels": np.full(6, 2**64 - 1, np.uint64)},
            "holds the label 18446744073709551615",
        ),
        ({"test_labels": np.array([0, 1, 3])}, "test_labels holds the label 3, those to train on"),
        ({"test_labels": np.array([None] * 3)}, "is no readable npz file"),
    ],
)
def test_what_is_wrong_in_an_npz_file_is_named(
    root: Path, changes: dict[str, Any], fault: str
) -> None:
    arrays = {key: array for key, array in {**GOOD, **changes}.items() if array is not None}
    np.savez(root / "mine.npz", **arrays)
    with pytest.raises(UserError) as caught:
        load_own(npz="mine.npz")
    assert str(root / "mine.npz") in caught.value.problem
    assert fault in caught.value.problem
    assert "train_images, train_labels, test_images, test_labels" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is no readable npz file"),
        (b"PK\3\4 junk", "is no readable npz file"),
        (b"<html>", "is a web page"),
        (None, "there is no file"),
    ],
)
def test_a_file_that_is_no_npz(root: Path, content: bytes | None, fault: str) -> None:
    if content is not None:
        (root / "mine.npz").write_bytes(content)
    with pytest.raises(UserError, match=fault):
        load_own(npz="mine.npz")


def test_a_lone_array_is_no_npz(root: Path) -> None:
    with (root / "mine.npz").open("wb") as file:
        np.save(file, GOOD["train_images"])
    with pytest.raises(UserError, match="is no readable npz file"):
        load_own(npz="mine.npz")


def test_wherever_an_npz_file_is_cut_or_hit(root: Path) -> None:
    path = root / "mine.npz"
    np.savez_compressed(path, **GOOD)
    whole = path.read_bytes()
    expected = load_own(npz="mine.npz").sha256
    for place in range(0, len(whole), 37):
        hit = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        for content in (whole[:place], hit):
            path.write_bytes(content)
            try:
                sha256 = load_own(npz="mine.npz").sha256
            except UserError:
                continue
            assert sha256 == expected, "only what does not matter was hit"


# idx


@pytest.mark.parametrize("files", [SMALL, CONTENT])
def test_a_folder_of_idx_files(root: Path, files: dict[str, bytes]) -> None:
    write(root / "letters", files)
    dataset = load_own(idx="letters")
    assert (dataset.name, dataset.shape, dataset.classes) == ("idx:letters", (1, 28, 28), 10)
    assert (len(dataset.train), len(dataset.test)) == (20, 10)
    assert not dataset.subset


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (NAMES[0], idx(20, 28), "has a wrong magic number (00000802, not 00000803)"),
        (NAMES[1], idx(19), "labels holds 19 labels for 20 images"),
        (NAMES[2], idx(10, 8, 8), "images holds images of 1 x 8 x 8"),
        (NAMES[3], idx(10)[:-1] + b"\xff", "labels holds the label 255"),
        (NAMES[3], b"<html>", "is a web page"),
    ],
)
def test_what_is_wrong_in_an_idx_file_is_named(
    root: Path, name: str, content: bytes, fault: str
) -> None:
    write(root / "letters", {**SMALL, f"{name}.gz": zipped(content)})
    with pytest.raises(UserError) as caught:
        load_own(idx="letters")
    assert f"{root / 'letters' / name}.gz" in caught.value.problem
    assert fault in caught.value.problem


def test_a_folder_that_lacks_a_file(root: Path) -> None:
    write(root / "letters")
    (root / "letters" / f"{NAMES[3]}.gz").unlink()
    with pytest.raises(UserError, match=f"there is no {NAMES[3]} in {root / 'letters'}"):
        load_own(idx="letters")


def test_a_folder_that_is_not_there(root: Path) -> None:
    with pytest.raises(UserError, match=f"there is no folder {root / 'letters'}"):
        load_own(idx="letters")
    assert list(root.iterdir()) == []
