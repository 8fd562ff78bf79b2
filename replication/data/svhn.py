"""SVHN, the house numbers: its official MATLAB files, or a subset in the same format."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from replication.base.errors import UserError

from .arrays import Stored
from .dataset import Dataset, Split, fingerprint
from .download import Source, import_datasets, obtain
from .files import data_root, demand_official, md5_of
from .matlab import read_matlab


@dataclass(frozen=True)
class Official:
    """What identifies an official file, and how many digits it holds."""

    md5: str
    count: int


# http://ufldl.stanford.edu/housenumbers/
SVHN_FILES = {
    "train_32x32.mat": Official("e26dedcc434d2e4c54c9b2d4a06d8373", 73257),
    "test_32x32.mat": Official("eb5a983be6a315427106f1b164d9cef3", 26032),
    "extra_32x32.mat": Official("a93ce644f1a588dc4d68dda5feec44a7", 531131),
}


def load_svhn(allow_subset: bool = False, use_extra: bool = False) -> Dataset:
    """SVHN's cropped digits: 73,257 to train and 26,032 to test, colour, channel first.

    With ``use_extra`` its 531,131 easier digits follow those to train on; a number of images that
    keep their label is drawn from the others, as is usual. A file with other digits is refused
    except with ``allow_subset``, and then makes the data set a subset.
    """
    names = [n for n in SVHN_FILES if use_extra or n != "extra_32x32.mat"]
    folder = data_root() / "SVHN"
    if not all((folder / name).exists() for name in names):
        download_svhn(data_root(), names)
    official = [is_official(folder / name, allow_subset) for name in names]
    splits = [read_digits(folder / n, known) for n, known in zip(names, official, strict=True)]
    train, test, *extra = splits
    if extra:
        images, labels = [train.images, extra[0].images], [train.labels, extra[0].labels]
        train = Split(torch.cat(images), torch.cat(labels))
    sha256, count = fingerprint(train, test), sum(map(len, extra))
    subset = not all(official)
    return Dataset("svhn", (3, 32, 32), 10, train, test, sha256, subset=subset, extra=count)


def is_official(path: Path, allow_subset: bool) -> bool:
    """Whether the file is the official one; a UserError if it is not but must be."""
    official = SVHN_FILES[path.name]
    same = md5_of(path) == official.md5
    fault = f"is not the official file of {official.count:,} digits (its md5 differs)"
    return demand_official(path, same, allow_subset, fault)


def read_digits(path: Path, known: bool) -> Split:
    """Images, uint8 [N, 3 * 32 * 32], and labels 0 to 9; the file calls a zero 10.

    The file has X, 32 x 32 x 3 x N unsigned bytes, and y, N x 1. A UserError names what differs.
    """
    remedy = f"delete {path} to download it again, or copy the official file there"
    pixels, digits = read_matlab(path, ("X", "y"), remedy, known)
    Stored(path, "X", pixels, remedy).demand("uint8", (32, 32, 3, "N"))
    Stored(path, "y", digits, remedy).demand("integers", ("N", 1))
    if pixels.shape[3] != len(digits):
        problem = f"{path} holds {pixels.shape[3]} images, but {len(digits)} labels"
        raise UserError(problem, remedy)
    wrong = digits[(digits < 1) | (digits > 10)]
    if wrong.size:
        raise UserError(f"{path}: the label {wrong[0]} is not one of 1 to 10", remedy)
    images = np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)).reshape(len(digits), -1)
    return Split(torch.from_numpy(images), torch.from_numpy(digits[:, 0].astype(np.int64) % 10))


def download_svhn(root: Path, files: Sequence[str]) -> None:
    """Put those of SVHN's official ``files`` that are missing into ``root``/SVHN."""

    def fetch(temporary: Path, missing: list[str]) -> None:
        datasets = import_datasets()
        for address, name, md5 in datasets.SVHN.split_list.values():
            if name in missing:  # its constructor would read the file too
                datasets.utils.download_url(address, temporary / "SVHN", name, md5)

    megabytes = 1600 if "extra_32x32.mat" in files else 250
    obtain(root, Source("SVHN", "SVHN", tuple(files), megabytes, fetch))
