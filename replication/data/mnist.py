"""MNIST, and the two collections of its format and size: Fashion-MNIST and KMNIST."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from .arrays import Stored, dataset_of
from .dataset import Dataset
from .download import Source, import_datasets, obtain
from .files import data_root, demand_official
from .idx import IdxFile, find, read_idx


@dataclass(frozen=True)
class Official:
    """What identifies a file: the sha256 of what it holds, or else the md5 of the ``.gz``.

    torchvision publishes the second alone.
    """

    content_sha256: str | None = None
    gz_md5: str | None = None

    def same(self, file: IdxFile) -> bool:
        if self.content_sha256:
            return hashlib.sha256(file.content).hexdigest() == self.content_sha256
        return hashlib.md5(file.stored).hexdigest() == self.gz_md5


@dataclass(frozen=True)
class Collection:
    """Four idx files in ``folder``/raw, named after torchvision's class."""

    name: str
    folder: str
    files: dict[str, Official]


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

MNIST = Collection(
    "mnist",
    "MNIST",
    {
        TRAIN_IMAGES: Official("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        TRAIN_LABELS: Official("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        TEST_IMAGES: Official("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        TEST_LABELS: Official("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    },
)
FASHION_MNIST = Collection(
    "fashion_mnist",
    "FashionMNIST",
    {
        TRAIN_IMAGES: Official(gz_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        TRAIN_LABELS: Official(gz_md5="25c81989df183df01b3e8a0aad5dffbe"),
        TEST_IMAGES: Official(gz_md5="bef4ecab320f06d8554ea6380940ec79"),
        TEST_LABELS: Official(gz_md5="bb300cfdad3c16e7a12a480ee83cd310"),
    },
)
KMNIST = Collection(
    "kmnist",
    "KMNIST",
    {
        TRAIN_IMAGES: Official(gz_md5="bdb82020997e1d708af4cf47b453dcf7"),
        TRAIN_LABELS: Official(gz_md5="e144d726b3acfaa3e44228e80efcd344"),
        TEST_IMAGES: Official(gz_md5="5c965bf0a639b31b8f53240b1b52f4d7"),
        TEST_LABELS: Official(gz_md5="7320c461ea6c1c855c0b718fb2a4b134"),
    },
)


def load_collection(collection: Collection, allow_subset: bool = False) -> Dataset:
    """60,000 images of 28x28 to train on, and 10,000 to test on, from the four official files.

    They are taken as they were published or unpacked, under either spelling. A file with other
    content is refused except with ``allow_subset``, which makes the data set a subset.
    """
    folder = data_root() / collection.folder / "raw"
    if not all(find(folder, name) for name in NAMES):
        download_collection(data_root(), collection)
    stored, official = [], []
    for name in NAMES:
        path = find(folder, name) or folder / f"{name}.gz"
        remedy = f"delete {path} to download it again, or copy the official file there"
        file = read_idx(path, dimensions=3 if "images" in name else 1, remedy=remedy)
        same, fault = collection.files[name].same(file), fault_of(collection.files[name], path)
        official.append(demand_official(path, same, allow_subset, fault))
        stored.append(Stored(path, "images" if "images" in name else "labels", file.array, remedy))
    train, test = (stored[0], stored[1]), (stored[2], stored[3])
    return dataset_of(collection.name, train, test, subset=not all(official))


def fault_of(official: Official, path: Path) -> str:
    """What is said of a file that is not known to be the official one."""
    if official.content_sha256:
        return "is not the official file (the sha256 of its content differs)"
    if path.suffix == ".gz":
        return "is not the official file (its md5 differs)"
    return "is not the official file, which is known by the md5 of its .gz"


def download_collection(root: Path, collection: Collection) -> None:
    """Put the official files that are missing into their folder below ``root``."""
    folder = f"{collection.folder}/raw"

    def fetch(temporary: Path, missing: list[str]) -> None:
        for name in NAMES:  # torchvision keeps what is intact
            if f"{name}.gz" not in missing and (root / folder / f"{name}.gz").exists():
                shutil.copyfile(root / folder / f"{name}.gz", temporary / folder / f"{name}.gz")
        getattr(import_datasets(), collection.folder)(temporary, download=True)

    def present(path: Path) -> bool:
        return find(path.parent, path.stem) is not None

    files = tuple(f"{name}.gz" for name in NAMES)
    obtain(root, Source(collection.folder, folder, files, 70, fetch, present))
