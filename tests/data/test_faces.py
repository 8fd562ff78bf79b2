"""Faces: Olivetti's split and pictures, the user's own TFD, drawn faces; held-out images."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from scipy.io import savemat

from replication.base.errors import UserError
from replication.data import faces as faces_module
from replication.data.faces import load_olivetti, load_tfd
from replication.data.loaders import load
from replication.data.synthetic import load_drawn_faces
from tests.tools.builders import make_settings

pytestmark = pytest.mark.usefixtures("read_in_this_process")

# Face k: what is in row r and column c is told apart by k, r and c.
FACES = np.arange(400)[:, None, None] + 2 * np.arange(64)[:, None] + 3 * np.arange(64)
FACES = (FACES % 243).astype(np.uint8)
COLUMNS = FACES.transpose(2, 1, 0).reshape(4096, 400)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, in which ``FACES`` would be the official Olivetti faces."""
    sha256 = hashlib.sha256(FACES.tobytes()).hexdigest()
    monkeypatch.setattr(faces_module, "OLIVETTI_PIXELS", sha256)
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    return tmp_path


def store(path: Path, **arrays: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, arrays)
    return path


# Olivetti


def test_olivetti(root: Path) -> None:
    store(root / "olivetti" / "olivettifaces.mat", faces=COLUMNS)
    faces = load(make_settings(data="olivetti"))
    assert faces.shape == (1, 64, 64)
    assert faces.classes == 40
    for split, each in ((faces.train, 7), (faces.test, 3)):
        assert split.images.shape == (40 * each, 4096)
        assert split.images.dtype == torch.uint8
        assert split.labels.bincount().tolist() == [each] * 40
    assert faces.train.labels[-40:].unique().numel() > 15, "the last are of many people"
    assert faces.sha256 == load_olivetti().sha256


def test_olivetti_pictures_are_upright_and_used_once(root: Path) -> None:
    store(root / "olivetti" / "olivettifaces.mat", faces=COLUMNS)
    faces = load_olivetti()
    images = torch.cat([faces.train.images, faces.test.images]).view(-1, 64, 64).int()
    labels = torch.cat([faces.train.labels, faces.test.labels])
    assert ((images[:, 1, 0] - images[:, 0, 0]) % 243 == 2).all(), "down"
    assert ((images[:, 0, 1] - images[:, 0, 0]) % 243 == 3).all(), "right"
    first = images[:, 0, 0]
    for person in range(40):
        own = {(10 * person + picture) % 243 for picture in range(10)}
        assert set(first[labels == person].tolist()) == own


def test_olivetti_is_known_by_its_pixels(root: Path) -> None:
    path = root / "olivetti" / "olivettifaces.mat"
    store(path, faces=COLUMNS, others=np.zeros(3))
    assert not load_olivetti().subset
    store(path, faces=COLUMNS ^ (np.arange(400) == 7).astype(np.uint8))
    with pytest.raises(UserError) as caught:
        load_olivetti()
    assert f"{path} does not hold the Olivetti faces" in caught.value.problem
    assert f"delete {path}" in caught.value.remedy
    assert load(make_settings(data="olivetti", allow_subset=True)).subset


@pytest.mark.data
def test_olivetti_of_the_data_folder() -> None:
    faces = load_olivetti()
    assert (len(faces.train), len(faces.test)) == (280, 120)
    images = torch.cat([faces.train.images, faces.test.images])
    assert images.max() == 242
    images = images.view(-1, 64, 64).double()
    assert len(images.flatten(1).unique(dim=0)) == 400
    mirrored = (images.mean(0) - images.mean(0).flip(1)).abs().mean()
    upside_down = (images.mean(0) - images.mean(0).flip(0)).abs().mean()
    assert mirrored < upside_down / 2, "faces are upright"


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"portraits": COLUMNS}, "has no faces, only portraits"),
        ({"faces": COLUMNS.T}, "faces is 400 x 4096, not 4096 x 400"),
        ({"faces": COLUMNS / 255}, "faces holds float64, not uint8"),
    ],
)
def test_wrong_olivetti_file(root: Path, arrays: dict[str, np.ndarray], fault: str) -> None:
    path = store(root / "olivetti" / "olivettifaces.mat", **arrays)
    with pytest.raises(UserError) as caught:
        load_olivetti()
    assert f"{path}" in caught.value.problem
    assert fault in caught.value.problem
    assert f"delete {path}" in caught.value.remedy


def test_truncated_olivetti_file(root: Path) -> None:
    path = store(root / "olivetti" / "olivettifaces.mat", faces=COLUMNS)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="truncated"):
        load_olivetti()


def fake_scikit_learn(monkeypatch: pytest.MonkeyPatch, fetch: Callable[..., Any]) -> None:
    monkeypatch.setattr("sklearn.datasets.fetch_olivetti_faces", fetch)


def test_olivetti_is_fetched(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fetch(data_home: Path, n_retries: int) -> SimpleNamespace:
        print("downloading Olivetti faces")
        return SimpleNamespace(images=FACES.astype(np.float32) / np.float32(242))

    fake_scikit_learn(monkeypatch, fetch)
    fetched = load_olivetti()
    fake_scikit_learn(monkeypatch, lambda **_: pytest.fail("fetched again"))
    assert load_olivetti().sha256 == fetched.sha256
    store(root / "olivetti" / "olivettifaces.mat", faces=COLUMNS)
    assert load_olivetti().sha256 == fetched.sha256, "as from the file itself"
    assert not (root / ".download").exists()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("error", [URLError("no route"), OSError("its checksum differs")])
def test_olivetti_without_a_network(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def fetch(**_: object) -> None:
        raise error

    fake_scikit_learn(monkeypatch, fetch)
    with pytest.raises(UserError) as caught:
        load_olivetti()
    folder = root / "olivetti"
    assert f"Olivetti: no olivettifaces.mat in {folder}" in caught.value.problem
    assert str(error) in caught.value.problem
    assert caught.value.remedy.startswith("connect to the network")
    assert not folder.exists()


# The Toronto Face Database

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 48, 48), np.uint8)
FOLDS = np.array([[3], [2], [0], [1], [3], [2], [0]], np.int16).repeat(5, axis=1)
FOLDS[:, 1:] = 1  # only the first fold counts


def test_tfd(root: Path) -> None:
    labels = np.zeros((7, 1))
    store(root / "TFD" / "tfd.mat", images=IMAGES, folds=FOLDS, labs_ex=labels, labs_id=labels)
    faces = load_tfd()
    assert faces.shape == (1, 48, 48)
    rows = IMAGES.reshape(7, -1)
    assert (faces.train.images.numpy() == rows[[2, 3, 6, 1, 5]]).all()
    assert (faces.test.images.numpy() == rows[[0, 4]]).all()
    held_out = load(make_settings(data="tfd", validation_images=2)).validation
    assert (held_out.images.numpy() == rows[[1, 5]]).all(), "those of the official validation set"


def test_tfd_absent(root: Path) -> None:
    with pytest.raises(UserError, match="TFD cannot be downloaded") as caught:
        load_tfd()
    assert str(root / "TFD" / "tfd.mat") in caught.value.problem
    assert "images (N x 48 x 48, uint8)" in caught.value.remedy


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"images": None, "faces": IMAGES}, "has no images, only faces, folds"),
        ({"folds": None, "labs_id": FOLDS}, "has no folds, only images, labs_id"),
        ({"images": IMAGES[:, :40]}, "images is 7 x 40 x 48, not N x 48 x 48"),
        ({"images": IMAGES / 255}, "images holds float64, not uint8"),
        ({"folds": FOLDS[:, :4]}, "folds is 7 x 4, not N x 5"),
        ({"folds": FOLDS / 2}, "folds holds float64, not integers"),
        ({"folds": FOLDS[:6]}, "holds 7 images, but 6 rows of folds"),
        ({"folds": FOLDS + 1}, "the value 4 of folds is not one of 0 to 3"),
        ({"folds": FOLDS * 0}, "the first fold has 7 images to train and 0 to test"),
    ],
)
def test_wrong_tfd_file(root: Path, changes: dict[str, Any], fault: str) -> None:
    arrays = {"images": IMAGES, "folds": FOLDS, **changes}
    path = store(root / "TFD" / "tfd.mat", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(UserError) as caught:
        load_tfd()
    assert str(path) in caught.value.problem
    assert fault in caught.value.problem
    assert "TFD_48x48.mat" in caught.value.remedy


# Drawn faces


def test_drawn_faces() -> None:
    faces = load(make_settings(data="drawn_faces"))
    assert faces.shape == (1, 16, 16)
    assert faces.classes == 10
    for split, count in ((faces.train, 1200), (faces.test, 300)):
        assert split.images.shape == (count, 256)
        assert split.images.dtype == torch.uint8
        assert split.labels.unique().tolist() == list(range(10))
    assert len(faces.train.images.unique(dim=0)) == 1200
    assert faces.sha256 == load_drawn_faces().sha256


def test_drawn_people_look_like_themselves() -> None:
    faces = load_drawn_faces()
    distances = torch.cdist(faces.test.images.double(), faces.train.images.double())
    nearest = faces.train.labels[distances.argmin(1)]
    assert (nearest == faces.test.labels).double().mean() > 0.7
