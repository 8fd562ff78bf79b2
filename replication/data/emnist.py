"""EMNIST: handwritten digits and letters in the format of MNIST, in six selections."""

import zipfile
from pathlib import Path
from typing import Literal

from replication.base.errors import UserError

from .arrays import Stored, dataset_of
from .dataset import Dataset
from .download import Source, import_datasets, obtain
from .files import data_root, demand_official, md5_of
from .idx import array_of, unpacked

Selection = Literal["balanced", "byclass", "bymerge", "digits", "letters", "mnist"]
# Where torchvision leaves the archive; the md5 is that which it publishes.
ARCHIVE, MD5 = "EMNIST/raw/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e"


def load_emnist(selection: Selection, allow_subset: bool = False) -> Dataset:
    """A selection of EMNIST's grey images of 28x28, upright, from its official archive.

    Cohen et al. (2017). The letters are numbered from 0. An archive with other content is refused
    except with ``allow_subset``, which makes the data set a subset.
    """
    path = data_root() / ARCHIVE
    if not path.exists():
        download_emnist(data_root())
    same = md5_of(path) == MD5
    demand_official(path, same, allow_subset, "is not the official archive (its md5 differs)")
    train, test = (read_split(path, f"emnist-{selection}-{part}") for part in ("train", "test"))
    return dataset_of(f"emnist_{selection}", train, test, subset=not same)


def read_split(path: Path, name: str) -> tuple[Stored, Stored]:
    """The images and labels of a selection's part ``name``."""
    remedy = f"delete {path} to download it again"
    arrays = []
    for what, dimensions in (("images", 3), ("labels", 1)):
        member = f"gzip/{name}-{what}-idx{dimensions}-ubyte.gz"
        where = f"{path}: {member}"
        try:
            with zipfile.ZipFile(path) as archive:
                stored = archive.read(member)
        except Exception as error:  # zipfile raises many kinds at bytes that it cannot read
            raise UserError(f"{where} cannot be read ({error})", remedy) from None
        arrays.append(array_of(where, unpacked(where, stored, remedy), dimensions, remedy))
    images, labels = arrays
    if "letters" in name:
        labels = labels.astype("int64") - 1  # they start at 1
    upright = images.transpose(0, 2, 1)  # they are stored column by column
    return (
        Stored(path, f"{name}-images", upright, remedy),
        Stored(path, f"{name}-labels", labels, remedy),
    )


def download_emnist(root: Path) -> None:
    """Put the official archive into its place below ``root``."""
    archive = Path(ARCHIVE)

    def fetch(temporary: Path, _: list[str]) -> None:
        datasets = import_datasets()
        folder = temporary / archive.parent
        datasets.utils.download_url(datasets.EMNIST.url, folder, archive.name, MD5)

    obtain(root, Source("EMNIST", str(archive.parent), (archive.name,), 600, fetch))
