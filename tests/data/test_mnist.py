"""MNIST and the collections like it: what is loaded, what is refused and why."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.base.errors import UserError
from replication.data.download import import_datasets
from replication.data.files import data_root
from replication.data.idx import read_idx
from replication.data.mnist import (
    FASHION_MNIST,
    KMNIST,
    MNIST,
    NAMES,
    Collection,
    Official,
    load_collection,
)
from tests.tools.idx import CONTENT, SMALL, idx, write, zipped

LABELS = NAMES[1]
KNOWN = replace(
    MNIST,
    files={n: Official(content_sha256=hashlib.sha256(c).hexdigest()) for n, c in CONTENT.items()},
)
KNOWN_BY_GZ = replace(
    FASHION_MNIST,
    files={name: Official(gz_md5=hashlib.md5(SMALL[f"{name}.gz"]).hexdigest()) for name in CONTENT},
)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST's folder in an empty data folder."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    return tmp_path / "MNIST" / "raw"


# Loading


def test_small_mnist(raw: Path) -> None:
    write(raw)
    mnist = load_collection(KNOWN)
    assert (mnist.name, mnist.shape, mnist.classes) == ("mnist", (1, 28, 28), 10)
    assert not mnist.subset
    assert mnist.train.images.shape == (20, 784)
    assert mnist.train.images.dtype == torch.uint8
    assert mnist.test.images.shape == (10, 784)
    assert mnist.test.labels.dtype == torch.int64
    assert mnist.train.labels.tolist() == [*range(10), *range(10)]
    assert mnist.train.images[0, :12].tolist() == [*range(10), 0, 1]


def dotted(name: str) -> str:
    return name.replace("-idx", ".idx")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({f"{n}.gz": zipped(c, 1) for n, c in CONTENT.items()}, id="zipped again"),
        pytest.param(CONTENT, id="unzipped"),
        pytest.param({dotted(n): c for n, c in CONTENT.items()}, id="unzipped by 7-Zip"),
        pytest.param({dotted(n): c for n, c in SMALL.items()}, id="with a dot"),
        pytest.param({**CONTENT, **SMALL}, id="both, as torchvision leaves them"),
    ],
)
def test_the_content_counts_and_not_its_container(raw: Path, files: Mapping[str, bytes]) -> None:
    write(raw)
    expected = load_collection(KNOWN).sha256
    for path in raw.iterdir():
        path.unlink()
    write(raw, files)
    assert load_collection(KNOWN).sha256 == expected


def test_another_collection_has_a_folder_of_its_own(raw: Path) -> None:
    write(raw.parents[1] / "FashionMNIST" / "raw")
    assert load_collection(KNOWN_BY_GZ).name == "fashion_mnist"


def test_where_only_the_gz_is_known_what_was_unpacked_must_be_allowed(raw: Path) -> None:
    write(raw.parents[1] / "FashionMNIST" / "raw", CONTENT)
    with pytest.raises(UserError, match=r"known by the md5 of its .gz; set allow_subset: true"):
        load_collection(KNOWN_BY_GZ)
    assert load_collection(KNOWN_BY_GZ, allow_subset=True).subset


def test_another_file_is_a_subset_where_that_is_allowed(raw: Path) -> None:
    fewer = {NAMES[0]: idx(19, 28, 28), LABELS: idx(19)}
    write(raw, {**SMALL, **{f"{name}.gz": zipped(content) for name, content in fewer.items()}})
    mnist = load_collection(KNOWN, allow_subset=True)
    assert (len(mnist.train), mnist.subset) == (19, True)


@pytest.mark.data
def test_official_mnist() -> None:
    folder = data_root() / "MNIST" / "raw"
    assert all((folder / f"{name}.gz").exists() for name in NAMES), f"no MNIST in {folder}"
    mnist = load_collection(MNIST)
    assert mnist.train.images.shape == (60000, 784)
    assert mnist.test.images.shape == (10000, 784)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    train, test = mnist.train.labels.bincount(), mnist.test.labels.bincount()
    assert train.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize("collection", [MNIST, FASHION_MNIST, KMNIST])
def test_torchvision_has_the_same_files(collection: Collection) -> None:
    """The real torchvision: it can be imported, also beside a CPU torch."""
    resources = dict(getattr(import_datasets(), collection.folder).resources)
    assert set(resources) == {f"{name}.gz" for name in NAMES}
    if collection is not MNIST:
        assert resources == {f"{n}.gz": o.gz_md5 for n, o in collection.files.items()}


# Files that are wrong

PAGE = b"<!DOCTYPE html><html><body>Log in to the network</body></html>"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(SMALL[f"{LABELS}.gz"][:-9], "truncated", id="truncated"),
        pytest.param(b"PK\3\4 a zip file", "not a gzip file", id="not gzip"),
        pytest.param(PAGE, "is a web page, not a data file", id="a web page"),
        pytest.param(b"\n  <HTML>404 Not Found", "is a web page", id="an old web page"),
        pytest.param(zipped(PAGE), "is a web page", id="a zipped web page"),
        pytest.param(
            zipped(idx(20, magic=b"\0\0\x0d")),
            "magic number (00000d01, not 00000801)",
            id="wrong type",
        ),
        pytest.param(zipped(idx(5, 4)), "magic number (00000802", id="wrong dimensions"),
        pytest.param(zipped(idx(2, 5, 2)), "magic number (00000803", id="images for labels"),
        pytest.param(zipped(idx(20, missing=3)), "holds 17 values, not 20", id="too few values"),
        pytest.param(zipped(idx(20) + b"more"), "holds 24 values, not 20", id="too many values"),
        pytest.param(zipped(idx(21)), "not the official file", id="another file"),
        pytest.param(b"", "ends inside its header", id="empty"),
        pytest.param(zipped(b""), "ends inside its header", id="nothing zipped"),
        pytest.param(zipped(b"\0\0\x08\x01\0\0\xea"), "ends inside", id="half a header"),
    ],
)
def test_wrong_file_is_named(raw: Path, content: bytes, fault: str) -> None:
    write(raw, {**SMALL, f"{LABELS}.gz": content})
    path = raw / f"{LABELS}.gz"
    with pytest.raises(UserError) as caught:
        load_collection(KNOWN)
    assert str(path) in caught.value.problem
    assert fault in caught.value.problem
    assert str(path) in caught.value.remedy


def test_a_folder_in_the_place_of_a_file(raw: Path) -> None:
    write(raw)
    (raw / f"{LABELS}.gz").unlink()
    (raw / f"{LABELS}.gz").mkdir()
    with pytest.raises(UserError, match=f"{LABELS}.gz: Is a directory"):
        load_collection(KNOWN)


def test_sizes_whose_product_is_enormous(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12)
    with pytest.raises(UserError, match=f"holds 0 values, not {(2**32 - 1) ** 3}"):
        read_idx(path, 3, "")


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damage_is_found_whatever_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes replaced, cut off and put on, of a plain and of a gzipped file."""
    name = data.draw(st.sampled_from(["labels.gz", "labels"]))
    whole = zipped(idx(20)) if name == "labels.gz" else idx(20)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    damaged = whole[:start] + data.draw(st.binary(max_size=30)) + whole[end:]
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(damaged)
    try:
        file = read_idx(path, 1, "copy the official file there")
    except UserError:
        return
    content = gzip.decompress(damaged) if name == "labels.gz" else damaged
    assert file.array.tobytes() == content[8:]
