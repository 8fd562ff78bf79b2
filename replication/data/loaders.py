"""Data sets by the name that the settings give them."""

from collections.abc import Callable
from dataclasses import replace

import torch

from replication.settings.data import IdxFolder, NpzFile
from replication.settings.schema import Settings

from .dataset import Dataset, Scaling, hold_out, leave_out, standardised
from .digits import load_digits
from .emnist import load_emnist
from .faces import load_olivetti, load_tfd
from .mnist import FASHION_MNIST, KMNIST, MNIST, load_collection
from .own import load_idx, load_npz
from .svhn import load_svhn
from .synthetic import load_drawn_faces, load_street_digits

LOADERS: dict[str, Callable[[Settings], Dataset]] = {
    "digits": lambda settings: load_digits(),
    "mnist": lambda settings: load_collection(MNIST, settings.allow_subset),
    "fashion_mnist": lambda settings: load_collection(FASHION_MNIST, settings.allow_subset),
    "kmnist": lambda settings: load_collection(KMNIST, settings.allow_subset),
    "emnist_balanced": lambda settings: load_emnist("balanced", settings.allow_subset),
    "emnist_byclass": lambda settings: load_emnist("byclass", settings.allow_subset),
    "emnist_bymerge": lambda settings: load_emnist("bymerge", settings.allow_subset),
    "emnist_digits": lambda settings: load_emnist("digits", settings.allow_subset),
    "emnist_letters": lambda settings: load_emnist("letters", settings.allow_subset),
    "emnist_mnist": lambda settings: load_emnist("mnist", settings.allow_subset),
    "street_digits": lambda settings: load_street_digits(),
    "svhn": lambda settings: load_svhn(settings.allow_subset, settings.use_extra),
    "drawn_faces": lambda settings: load_drawn_faces(),
    "olivetti": lambda settings: load_olivetti(settings.allow_subset),
    "tfd": lambda settings: load_tfd(),
}


def load(settings: Settings) -> Dataset:
    """The data set that ``settings`` name; a UserError says which file is missing or wrong."""
    dataset = hold_out(whole(settings), settings.validation_images)
    if settings.held_out_class is not None:
        dataset = leave_out(dataset, settings.held_out_class)
    if settings.signed_pixels:
        half = torch.tensor(0.5)
        return replace(dataset, scaling=Scaling(half, half))
    return standardised(dataset) if settings.standardise else dataset


def whole(settings: Settings) -> Dataset:
    """All images to train on and to test on, before any is held out."""
    data = settings.data
    if isinstance(data, IdxFolder):
        return load_idx(data)
    if isinstance(data, NpzFile):
        return load_npz(data)
    return LOADERS[data](settings)
