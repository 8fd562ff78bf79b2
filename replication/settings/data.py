"""Which data: a data set by its name, or files of the user's own."""

from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from .strict import Strict

DataName = Literal[
    "digits",
    "mnist",
    "fashion_mnist",
    "kmnist",
    "emnist_balanced",
    "emnist_byclass",
    "emnist_bymerge",
    "emnist_digits",
    "emnist_letters",
    "emnist_mnist",
    "street_digits",
    "svhn",
    "drawn_faces",
    "olivetti",
    "tfd",
]
Place = Annotated[str, Field(min_length=1)]


class IdxFolder(Strict):
    """A folder of four idx files, named as those of MNIST are."""

    idx: Place

    @property
    def name(self) -> str:
        """How tables and messages call the data."""
        return f"idx:{PurePath(self.idx).name}"


class NpzFile(Strict):
    """A file with ``train_images``, ``train_labels``, ``test_images`` and ``test_labels``."""

    npz: Place

    @property
    def name(self) -> str:
        """How tables and messages call the data."""
        return f"npz:{PurePath(self.npz).stem}"


def kind(value: Any) -> str | None:
    """Which of the three ``Data`` the value is meant to be."""
    if isinstance(value, str):
        return "name"
    keys = value if isinstance(value, dict) else getattr(type(value), "model_fields", ())
    return next((key for key in ("idx", "npz") if key in keys), None)


Data = Annotated[
    Annotated[DataName, Tag("name")]
    | Annotated[IdxFolder, Tag("idx")]
    | Annotated[NpzFile, Tag("npz")],
    Discriminator(
        kind,
        custom_error_type="data",
        custom_error_message="Input should be a name, {idx: folder} or {npz: file}",
    ),
]
