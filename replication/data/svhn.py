"""SVHN, the house numbers: its official MATLAB files, or a subset in the same format."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from replication.base.errors import UserError

from .dataset import Dataset, Split, data_root, fingerprint
from .matlab import demand, read_matlab


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

    With ``use_extra`` its 531,131 easier digits follow those to train on. A file with other digits
    is refused but for ``allow_subset``, and then makes the data set a subset.
    """
    names = [n for n in SVHN_FILES if use_extra or n != "extra_32x32.mat"]
    folder = data_root() / "SVHN"
    if not all((folder / name).exists() for name in names):
        from .download import download_svhn  # torchvision takes seconds to import

        download_svhn(data_root(), names)
    splits = [read_digits(folder / name) for name in names]
    official = [
        is_official(folder / name, len(split), allow_subset)
        for name, split in zip(names, splits, strict=True)
    ]
    train, test, *extra = splits
    if extra:
        images, labels = [train.images, extra[0].images], [train.labels, extra[0].labels]
        train = Split(torch.cat(images), torch.cat(labels))
    sha256 = fingerprint(train, test)
    return Dataset("svhn", (3, 32, 32), 10, train, test, sha256, subset=not all(official))


def read_digits(path: Path) -> Split:
    """Images, uint8 [N, 3 * 32 * 32], and labels 0 to 9; the file calls a zero 10.

    The file has X, 32 x 32 x 3 x N unsigned bytes, and y, N x 1. A UserError names what differs.
    """
    remedy = f"delete {path} to download it again, or copy the official file there"
    arrays = read_matlab(path, ("X", "y"), remedy)
    pixels, digits = arrays["X"], arrays["y"]
    demand(path, "X", pixels, "uint8", (32, 32, 3, 0), remedy)
    demand(path, "y", digits, "integers", (0, 1), remedy)
    if pixels.shape[3] != len(digits):
        problem = f"{path} holds {pixels.shape[3]} images, but {len(digits)} labels"
        raise UserError(problem, remedy)
    wrong = digits[(digits < 1) | (digits > 10)]
    if wrong.size:
        raise UserError(f"{path}: the label {wrong[0]} is not one of 1 to 10", remedy)
    images = np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)).reshape(len(digits), -1)
    return Split(torch.from_numpy(images), torch.from_numpy(digits[:, 0].astype(np.int64) % 10))


def is_official(path: Path, count: int, allow_subset: bool) -> bool:
    """Whether the file, of ``count`` digits, is official; a UserError if it is not but must be."""
    official = SVHN_FILES[path.name]
    with path.open("rb") as file:
        same = hashlib.file_digest(file, "md5").hexdigest() == official.md5
    if not (same or allow_subset):
        raise UserError(
            f"{path} holds {count:,} digits and is not the official file of {official.count:,} "
            "(its md5 differs)",
            "set allow_subset: true to take it as it is, "
            f"or delete {path} to download the official one",
        )
    return same
