"""SVHN: what is loaded, which files are refused and why, how it is fetched; its stand-in."""

import hashlib
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.sparse import csc_matrix

from replication.base.errors import UserError
from replication.data import download, svhn
from replication.data.dataset import hold_out, leave_out
from replication.data.digits import load_digits
from replication.data.loaders import load
from replication.data.svhn import SVHN_FILES, Official, load_svhn
from replication.data.synthetic import load_street_digits
from replication.settings.schema import Seed
from replication.training.run import Run
from tests.tools.builders import make_settings

pytestmark = pytest.mark.usefixtures("read_in_this_process")

TRAIN, TEST, EXTRA = SVHN_FILES
LABELS = np.array([[1], [9], [10], [2], [10]], np.uint8)


def pixels(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3, count), np.uint8)


def matlab(arrays: Mapping[str, object], compressed: bool = True) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays, do_compression=compressed)
    return file.getvalue()


GOOD = matlab({"X": pixels(), "y": LABELS})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small SVHN in a data folder of its own."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "SVHN"
    folder.mkdir(parents=True)
    for name in (TRAIN, TEST):
        (folder / name).write_bytes(GOOD)
    return folder


@pytest.fixture
def small_is_official(monkeypatch: pytest.MonkeyPatch) -> None:
    official = Official(hashlib.md5(GOOD).hexdigest(), 5)
    monkeypatch.setattr(svhn, "SVHN_FILES", dict.fromkeys(SVHN_FILES, official))


# Loading


def test_small_svhn(folder: Path, small_is_official: None) -> None:
    dataset = load_svhn()
    assert dataset.name == "svhn"
    assert dataset.shape == (3, 32, 32)
    assert dataset.classes == 10
    assert not dataset.subset
    for split in (dataset.train, dataset.test):
        assert split.images.shape == (5, 3072)
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert split.labels.tolist() == [1, 9, 0, 2, 0], "the file calls a zero 10"
    image = dataset.train.images[3].view(3, 32, 32).numpy()
    assert (image.transpose(1, 2, 0) == pixels()[..., 3]).all()
    assert dataset.sha256 == load_svhn().sha256


def test_extra_digits_follow_those_to_train_on(folder: Path, small_is_official: None) -> None:
    (folder / EXTRA).write_bytes(GOOD)
    assert len(load_svhn().train) == 5
    dataset = load_svhn(use_extra=True)
    assert dataset.train.labels.tolist() == [1, 9, 0, 2, 0] * 2
    assert dataset.train.images[5:].equal(dataset.train.images[:5])
    assert len(dataset.test) == 5
    assert (dataset.extra, load_svhn().extra) == (5, 0)
    assert dataset.sha256 != load_svhn().sha256


def test_labels_are_kept_of_the_digits_to_train_on_alone(folder: Path) -> None:
    """The easier extra digits would be most of them. Where all keep theirs, they do, too."""
    ten = matlab({"X": pixels(10), "y": np.arange(1, 11, dtype=np.uint8)[:, None]})
    for name in (TRAIN, EXTRA):
        (folder / name).write_bytes(ten)
    data = load_svhn(allow_subset=True, use_extra=True)
    settings = make_settings(data="svhn", use_extra=True, labels=10)
    for seed in range(5):
        labelled = Run(settings, data, [Seed(seed, seed)]).batches().labelled
        assert labelled is not None
        assert sorted(labelled[0].tolist()) == list(range(10))
    every = settings.model_copy(update={"labels": "all"})
    labelled = Run(every, data, [Seed(0, 0)]).batches().labelled
    assert labelled is not None
    assert labelled.tolist() == [list(range(20))]


def test_what_is_held_out_is_taken_from_the_extra_digits_first(
    folder: Path, small_is_official: None
) -> None:
    (folder / EXTRA).write_bytes(GOOD)
    dataset = load_svhn(use_extra=True)
    assert [hold_out(dataset, count).extra for count in (2, 5, 7)] == [3, 0, 0]
    assert leave_out(dataset, 0).extra == 3, "of the five extra digits two are zeros"


def test_settings_decide(folder: Path) -> None:
    (folder / EXTRA).write_bytes(GOOD)
    settings = make_settings(data="svhn", allow_subset=True, use_extra=True, validation_images=4)
    dataset = load(settings)
    assert dataset.subset
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (6, 4, 5)


@pytest.mark.parametrize("name", [TRAIN, TEST])
def test_subset_must_be_allowed(folder: Path, small_is_official: None, name: str) -> None:
    (folder / name).write_bytes(matlab({"X": pixels(4), "y": LABELS[:4]}))
    with pytest.raises(UserError) as caught:
        load_svhn()
    assert f"{folder / name} is not the official file of 5 digits" in str(caught.value)
    assert "allow_subset: true" in caught.value.remedy
    assert load_svhn(allow_subset=True).subset


@pytest.mark.parametrize(
    ("name", "count"), [(TRAIN, "73,257"), (TEST, "26,032"), (EXTRA, "531,131")]
)
def test_official_counts(folder: Path, name: str, count: str) -> None:
    (folder / name).write_bytes(GOOD)
    with pytest.raises(UserError, match=f"{name} is not the official file of {count} "):
        svhn.is_official(folder / name, allow_subset=False)


@pytest.mark.data
def test_svhn_of_the_data_folder() -> None:
    dataset = load_svhn(allow_subset=True)
    assert dataset.train.images.shape[1] == dataset.test.images.shape[1] == 3072
    assert dataset.train.labels[:10].tolist() == [1, 9, 2, 3, 2, 5, 9, 3, 3, 1]
    assert dataset.test.labels[:5].tolist() == [5, 2, 1, 0, 6]
    assert dataset.subset == (len(dataset.train) != 73257 or len(dataset.test) != 26032)
    for split in (dataset.train, dataset.test):
        assert split.labels.unique().tolist() == list(range(10))


# Files that are wrong


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(matlab({"y": LABELS}), "has no X, only y", id="no X"),
        pytest.param(matlab({"X": pixels()}), "has no y, only X", id="no y"),
        pytest.param(matlab({"Z": LABELS}), "has no X, y, only Z", id="others"),
        pytest.param(matlab({}), "has no X, y, only nothing", id="no variables"),
        pytest.param(matlab({"X": pixels(), "y": LABELS * 2}), "label 18 is", id="high label"),
        pytest.param(matlab({"X": pixels(), "y": LABELS - 1}), "label 0 is", id="zero label"),
        pytest.param(
            matlab({"X": pixels()[:28], "y": LABELS}),
            "X is 28 x 32 x 3 x 5, not 32 x 32 x 3 x N",
            id="not 32x32",
        ),
        pytest.param(
            matlab({"X": pixels()[:, :, 0], "y": LABELS}), "X is 32 x 32 x 5, not", id="grey"
        ),
        pytest.param(
            matlab({"X": pixels().transpose(3, 0, 1, 2), "y": LABELS}),
            "X is 5 x 32 x 32 x 3, not",
            id="images first",
        ),
        pytest.param(matlab({"X": pixels(0), "y": LABELS}), "X is", id="no images"),
        pytest.param(
            matlab({"X": pixels(), "y": LABELS.T}), "y is 1 x 5, not N x 1", id="row of labels"
        ),
        pytest.param(
            matlab({"X": pixels(), "y": LABELS[:4]}), "holds 5 images, but 4 labels", id="lengths"
        ),
        pytest.param(
            matlab({"X": pixels() / 255, "y": LABELS}), "X holds float64, not uint8", id="floats"
        ),
        pytest.param(
            matlab({"X": pixels().astype(np.int16), "y": LABELS}), "X holds int16", id="shorts"
        ),
        pytest.param(
            matlab({"X": pixels(), "y": LABELS + 0.5}), "y holds float64, not integers", id="half"
        ),
        pytest.param(
            matlab({"X": pixels(), "y": csc_matrix(LABELS.astype(float))}),
            "y is not an array of numbers",
            id="sparse",
        ),
        pytest.param(matlab({"X": "text", "y": LABELS}), "X holds <U4, not uint8", id="text"),
        pytest.param(matlab({"X": {"a": 1}, "y": LABELS}), "X is not an array", id="struct"),
        pytest.param(GOOD[:-100], "truncated", id="truncated"),
        pytest.param(b"", "truncated", id="empty"),
        pytest.param(b"<html>404 Not Found</html>" * 9, "is a web page", id="a web page"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(200), "not a MATLAB file", id="hdf5"),
    ],
)
def test_wrong_file_is_named(folder: Path, content: bytes, fault: str) -> None:
    path = folder / TEST
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_svhn(allow_subset=True)
    assert str(path) in caught.value.problem
    assert fault in caught.value.problem
    assert f"delete {path}" in caught.value.remedy


def test_folder_in_the_place_of_a_file(folder: Path) -> None:
    (folder / TRAIN).unlink()
    (folder / TRAIN).mkdir()
    with pytest.raises(UserError, match=f"{TRAIN}: Is a directory"):
        load_svhn()


# The download


class FakeTorchvision:
    """Stands for torchvision: ``download_url`` writes ``content``, or raises it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes | Exception):
        self.fetched: list[str] = []
        self.content = content
        package, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
        files = {n.split("_")[0]: [f"http://x/{n}", n, o.md5] for n, o in SVHN_FILES.items()}
        vars(datasets)["SVHN"] = SimpleNamespace(split_list=files)
        vars(datasets)["utils"] = SimpleNamespace(download_url=self.download_url)
        monkeypatch.setitem(sys.modules, "torchvision", package)
        monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)

    def download_url(self, address: str, folder: Path, name: str, md5: str) -> None:
        assert (address, md5) == (f"http://x/{name}", SVHN_FILES[name].md5)
        self.fetched.append(name)
        if isinstance(self.content, Exception):
            (folder / name).write_bytes(b"half")
            raise self.content
        (folder / name).write_bytes(self.content)


def files_below(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*.mat"))


def test_only_missing_files_are_fetched(
    folder: Path, small_is_official: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / TEST).unlink()
    torchvision = FakeTorchvision(monkeypatch, GOOD)
    assert len(load_svhn().test) == 5
    assert torchvision.fetched == [TEST]
    assert files_below(folder.parent) == [TEST, TRAIN]
    assert not (folder.parent / ".download").exists()
    assert len(load_svhn(use_extra=True).train) == 10
    assert torchvision.fetched == [TEST, EXTRA]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (URLError("no route to host"), "connect to the network"),
        (RuntimeError("File not found or corrupted."), "connect to the network"),
        (OSError(28, "No space left on device"), "free 250 MB"),
    ],
)
def test_no_download(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, remedy: str
) -> None:
    (folder / TRAIN).unlink()
    FakeTorchvision(monkeypatch, error)
    with pytest.raises(UserError) as caught:
        load_svhn()
    assert f"SVHN: no {TRAIN} in {folder}" in caught.value.problem
    assert TEST not in caught.value.problem
    assert remedy in caught.value.remedy
    assert "REPLICATION_DATA to the folder that holds SVHN" in caught.value.remedy
    assert files_below(folder.parent) == [TEST]
    assert not (folder.parent / ".download").exists()


def test_torchvision_has_the_same_files() -> None:
    """The real torchvision: what is used of it is there."""
    datasets = download.import_datasets()
    assert callable(datasets.utils.download_url)
    files = {name: md5 for _, name, md5 in datasets.SVHN.split_list.values()}
    assert files == {name: official.md5 for name, official in SVHN_FILES.items()}


# The stand-in


def test_street_digits() -> None:
    street = load(make_settings(data="street_digits"))
    digits = load_digits()
    assert street.shape == (3, 16, 16)
    assert street.classes == 10
    for split, source in ((street.train, digits.train), (street.test, digits.test)):
        assert split.images.shape == (len(source), 768)
        assert split.images.dtype == torch.uint8
        assert split.labels.equal(source.labels)
    assert street.sha256 == load_street_digits().sha256


def test_street_digits_are_coloured_and_legible() -> None:
    """A digit stands out in the middle, dark on bright and bright on dark."""
    street, digits = load_street_digits().train, load_digits().train
    images = street.images.view(-1, 3, 8, 2, 8, 2).double().mean((3, 5))
    assert (images.amax(1) - images.amin(1)).mean() > 20, "colour"
    grey = images.mean(1).flatten(1)
    ink = digits.images.double()
    pairs = torch.stack([grey - grey.mean(1, keepdim=True), ink - ink.mean(1, keepdim=True)])
    likeness = torch.nn.functional.cosine_similarity(pairs[0], pairs[1])
    assert likeness.abs().mean() > 0.5
    assert 0.25 < (likeness > 0).double().mean() < 0.75
