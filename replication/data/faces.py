"""Faces: the Toronto Face Database, which is not public, and the Olivetti faces in its stead."""

import hashlib
import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch

from replication.base.errors import UserError
from replication.base.streams import generator

from .arrays import Stored
from .dataset import Dataset, Split, fingerprint
from .download import Source, obtain
from .files import data_root, demand_official
from .matlab import read_matlab

PEOPLE, PICTURES = 40, 10  # of Olivetti; the pictures of one person follow each other
PICTURES_TO_TRAIN = 7
# sha256 of the 400 pictures, row by row: the file itself differs with the program that stored it.
OLIVETTI_PIXELS = "a3f75007cc103363b61a63e06bec8ea4846407682ef6e7c9ae1eb9c1bd0e8a00"
TFD_TEST, TFD_VALIDATION = 3, 2


def load_olivetti(allow_subset: bool = False) -> Dataset:
    """The 400 Olivetti faces, 64x64 grey, of 40 people (the labels): 280 to train, 120 to test.

    Seven pictures of each person, drawn once for all, are to train on. It stands in for TFD, which
    has 100,000 faces; no number of the paper is comparable. AT&T Laboratories Cambridge. Other
    pixels are refused except with ``allow_subset``, which makes the data set a subset.
    """
    path = data_root() / "olivetti" / "olivettifaces.mat"
    if not path.exists():
        download_olivetti(data_root())
    remedy = f"delete {path} to download it again"
    (columns,) = read_matlab(path, ("faces",), remedy)
    Stored(path, "faces", columns, remedy).demand("uint8", (64 * 64, PEOPLE * PICTURES))
    # A column is a face, itself stored column by column.
    upright = columns.T.reshape(-1, 64, 64).transpose(0, 2, 1)
    pixels = np.ascontiguousarray(upright).reshape(-1, 64 * 64)
    same = hashlib.sha256(pixels.tobytes()).hexdigest() == OLIVETTI_PIXELS
    demand_official(path, same, allow_subset, "does not hold the Olivetti faces (pixels differ)")
    people = torch.arange(PEOPLE).repeat_interleave(PICTURES)
    faces = Split(torch.from_numpy(pixels), people)
    stream = generator(0, "olivetti split")
    order = torch.stack([torch.randperm(PICTURES, generator=stream) for _ in range(PEOPLE)])
    order += PICTURES * torch.arange(PEOPLE).unsqueeze(1)
    chosen = order[:, :PICTURES_TO_TRAIN].flatten()
    # Mixed, so that the last ones can be held out.
    train = faces[chosen[torch.randperm(len(chosen), generator=stream)]]
    test = faces[order[:, PICTURES_TO_TRAIN:].flatten()]
    sha256 = fingerprint(train, test)
    return Dataset("olivetti", (1, 64, 64), PEOPLE, train, test, sha256, subset=not same)


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


def load_tfd() -> Dataset:
    """The Toronto Face Database, 48x48 grey, from the user's own ``TFD/tfd.mat``.

    That is TFD_48x48.mat of the official distribution: ``images``, N x 48 x 48 unsigned bytes, and
    ``folds``, N x 5 integers: 0 without annotation, 1 to train, 2 to validate, 3 to test. The first
    fold is used: 3 is the test set, all others are to train on, those to validate last, so that
    ``validation`` holds them out. No labels are read: all are 0.
    """
    path = data_root() / "TFD" / "tfd.mat"
    expected = "images (N x 48 x 48, uint8) and folds (N x 5; 0, 1: train, 2: validate, 3: test)"
    if not path.exists():
        raise UserError(
            f"TFD cannot be downloaded and there is no {path}",
            f"ask the University of Toronto for it; it needs {expected}",
        )
    remedy = f"copy TFD_48x48.mat there: it needs {expected}"
    images, folds = read_matlab(path, ("images", "folds"), remedy)
    Stored(path, "images", images, remedy).demand("uint8", ("N", 48, 48))
    Stored(path, "folds", folds, remedy).demand("integers", ("N", 5))
    if len(images) != len(folds):
        raise UserError(
            f"{path} holds {len(images)} images, but {len(folds)} rows of folds", remedy
        )
    fold = torch.from_numpy(folds[:, 0].astype(np.int64))
    wrong = fold[(fold < 0) | (fold > TFD_TEST)]
    if len(wrong):
        raise UserError(f"{path}: the value {wrong[0]} of folds is not one of 0 to 3", remedy)
    pixels = torch.from_numpy(np.ascontiguousarray(images).reshape(len(images), -1))
    faces = Split(pixels, torch.zeros(len(pixels), dtype=torch.int64))
    to_train, to_validate = fold < TFD_VALIDATION, fold == TFD_VALIDATION
    order = torch.cat([to_train.nonzero().flatten(), to_validate.nonzero().flatten()])
    train, test = faces[order], faces[fold == TFD_TEST]
    if not (len(train) and len(test)):
        problem = f"{path}: the first fold has {len(train)} images to train and {len(test)} to test"
        raise UserError(problem, remedy)
    return Dataset("tfd", (1, 48, 48), 1, train, test, fingerprint(train, test))
