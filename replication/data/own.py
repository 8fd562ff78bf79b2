"""Data sets of the user's own: a folder of idx files, or an npz file."""

from pathlib import Path

import numpy as np

from replication.base.errors import UserError
from replication.settings.data import IdxFolder, NpzFile

from .arrays import Stored, dataset_of
from .dataset import Dataset
from .files import data_root, refuse_web_page
from .idx import find, read_idx
from .mnist import NAMES

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def load_idx(data: IdxFolder) -> Dataset:
    """Grey images N x H x W and labels N, named and stored as MNIST's four files are.

    A relative path starts from the folder of the data sets.
    """
    folder = data_root() / Path(data.idx).expanduser()
    expected = f"the files {', '.join(NAMES)}, or these with .gz"
    if not folder.is_dir():
        raise UserError(f"data.idx: there is no folder {folder}", f"it has to hold {expected}")
    remedy = f"it has to be one of {expected}, of unsigned bytes"
    stored = []
    for name in NAMES:
        path = find(folder, name)
        if path is None:
            raise UserError(f"data.idx: there is no {name} in {folder}", f"it needs {expected}")
        what, dimensions = ("images", 3) if "images" in name else ("labels", 1)
        stored.append(Stored(path, what, read_idx(path, dimensions, remedy).array, remedy))
    return dataset_of(data.name, (stored[0], stored[1]), (stored[2], stored[3]))


def load_npz(data: NpzFile) -> Dataset:
    """Images N x H x W or N x H x W x C and labels N, in four arrays of one file (``KEYS``).

    A relative path starts from the folder of the data sets.
    """
    path = data_root() / Path(data.npz).expanduser()
    remedy = f"it has to hold {', '.join(KEYS)}: images N x H x W or N x H x W x C of uint8, "
    remedy += "labels N integers from 0"
    if not path.exists():
        raise UserError(f"data.npz: there is no file {path}", remedy)
    arrays = read_npz(path, remedy)
    stored = [Stored(path, key, arrays[key], remedy) for key in KEYS]
    return dataset_of(data.name, (stored[0], stored[1]), (stored[2], stored[3]))


def read_npz(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """The four arrays of the file; never an object that would have to be unpickled."""
    try:
        with path.open("rb") as file:
            refuse_web_page(path, file.read(200))
        with np.load(path, allow_pickle=False) as archive:
            absent = [key for key in KEYS if key not in archive]
            # What does not begin as an array does comes as bytes.
            arrays = {key: np.asarray(archive[key]) for key in KEYS if key not in absent}
            found = ", ".join(archive) or "nothing"
    except UserError:
        raise
    except Exception as error:  # numpy and zipfile raise many kinds
        raise UserError(f"{path} is no readable npz file ({error})", remedy) from None
    if absent:
        raise UserError(f"{path} has no {', '.join(absent)}, only {found}", remedy)
    return arrays
