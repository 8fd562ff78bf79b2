"""Faces: Olivetti's split and pictures, the user's own TFD, drawn faces; held-out images."""

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
from replication.data import dataset as data
from replication.data.dataset import load, load_digits
from replication.data.faces import load_olivetti, load_tfd
from replication.data.synthetic import load_drawn_faces
from tests.tools.builders import make_settings

# Face k: what is in row r and column c is told apart by k, r and c.
FACES = np.arange(400)[:, None, None] + 2 * np.arange(64)[:, None] + 3 * np.arange(64)
FACES = (FACES % 243).astype(np.uint8)
COLUMNS = FACES.transpose(2, 1, 0).reshape(4096, 400)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


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
    held_out = load(make_settings(data="tfd", validation=2)).validation
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


# Images held out


def test_the_last_images_are_held_out() -> None:
    whole, split = load_digits(), load(make_settings(data="digits", validation=150))
    assert split.train.images.equal(whole.train.images[:1250])
    assert split.train.labels.equal(whole.train.labels[:1250])
    assert split.validation.images.equal(whole.train.images[1250:])
    assert split.validation.labels.equal(whole.train.labels[1250:])
    assert split.test.images.equal(whole.test.images)
    assert split.sha256 == whole.sha256
    assert len(split.to(torch.device("cpu")).validation) == 150


def test_nothing_is_held_out_unless_asked() -> None:
    digits = load(make_settings(data="digits"))
    assert len(digits.train) == 1400
    assert digits.validation.images.shape == (0, 64)
    assert len(load_digits().validation) == 0


@pytest.mark.parametrize("count", [1400, 1401])
def test_something_must_be_left_to_train_on(count: int) -> None:
    with pytest.raises(UserError, match=f"validation: {count} leaves none of the 1400 images"):
        load(make_settings(data="digits", validation=count))


def test_new_settings_leave_old_hashes_alone() -> None:
    explicit = make_settings(validation=0, use_extra=False, allow_subset=False)
    assert explicit.training_hash() == make_settings().training_hash()
    assert make_settings(validation=1).training_hash() != make_settings().training_hash()
    assert make_settings(use_extra=True).training_hash() != make_settings().training_hash()


def test_every_data_set_has_a_loader(root: Path) -> None:
    root.write_text("a file where the folder should be")
    names = data.Settings.model_fields["data"].annotation.__args__  # type: ignore[union-attr]
    for name in names:
        try:
            assert load(make_settings(data=name)).name == name
        except UserError:
            assert name in ("mnist", "svhn", "olivetti", "tfd")
