"""What tables and figures call the data sets."""

from replication.settings.data import IdxFolder, NpzFile

TITLES = {
    "digits": "8x8 digits",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "emnist_balanced": "EMNIST (balanced)",
    "emnist_byclass": "EMNIST (by class)",
    "emnist_bymerge": "EMNIST (by merge)",
    "emnist_digits": "EMNIST (digits)",
    "emnist_letters": "EMNIST (letters)",
    "emnist_mnist": "EMNIST (MNIST)",
    "street_digits": "drawn street digits",
    "svhn": "SVHN",
    "drawn_faces": "drawn faces",
    "olivetti": "Olivetti faces",
    "tfd": "TFD",
}


def title_of(data: str | IdxFolder | NpzFile) -> str:
    """The title of the data in the settings; for the user's own, the name of the file."""
    return TITLES.get(data, data) if isinstance(data, str) else data.name
