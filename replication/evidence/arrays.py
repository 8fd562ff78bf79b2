"""The arrays beside a record: one schema for all items, by name, so that drawings may trust them.

Some lie there for the first seed that did not diverge (what figures draw), some for every seed.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from replication.base.errors import UserError

from .numbers import LARGEST

SQUARE = "²"


class Form(NamedTuple):
    """The type of an array, and its sizes: a number, or a name that is one number in a file.

    A name that ends in ² is of a square number. ``bytes`` are uint8, ``integers`` int64,
    ``numbers`` finite floats.
    """

    kind: str
    sizes: tuple[int | str, ...]


def of_bytes(*sizes: int | str) -> Form:
    return Form("bytes", sizes)


def of_numbers(*sizes: int | str) -> Form:
    return Form("numbers", sizes)


FORMS: dict[str, tuple[Form, ...]] = {
    # A plane of codes, the class of each, cluster heads in it; or the heads as images.
    "codes": (of_numbers("codes", 2),),
    "labels": (of_bytes("codes"),),
    "heads": (of_numbers("heads", 2), of_bytes("heads", "pixels²")),
    "members": (of_bytes("heads", "members", "pixels²"),),
    # What is decoded: over places of the plane, of samples, beside the images nearest to them.
    # Of images in colour, all their numbers.
    "grid": (of_numbers("places²", 2), of_bytes("rows", "columns", "numbers")),
    "plane": (of_bytes("places²", "pixels²"),),
    "origin": (of_bytes("pixels²"),),
    "samples": (of_bytes("rows", "columns", "pixels²"), of_bytes(64, "pixels²")),
    "nearest": (of_bytes("rows", "pixels²"),),
    "generated": (of_bytes("rows", "columns", "pixels²"),),
    "answers": (of_bytes(3, "images", "pixels²"),),
    # Whole sheets.
    "manifold": (of_bytes("height", "width"),),
    "walk": (of_bytes("height", "width"),),
    "components": (of_bytes("sheets", "height", "width"),),
    # Images with their channels.
    "sources": (of_bytes("rows", "channels", "height", "width"),),
    "reconstructed": (of_bytes("rows", "channels", "height", "width"),),
    "decoded": (of_bytes("rows", "classes", "channels", "height", "width"),),
    "sampled": (
        of_bytes("samples", "classes", "channels", "height", "width"),
        of_bytes("samples", "channels", "height", "width"),
    ),
    # Of every seed.
    "test_predictions": (of_bytes("seeds", "test images"),),
    "test_clusters": (of_bytes("seeds", "test images"),),
    "seed_numbers": (Form("integers", ("seeds", 2)),),
}
CURVE = of_numbers("bandwidths")  # of the names that begin with ``curve_``


class Arrays(dict[str, np.ndarray]):
    """Arrays by name; one that is asked for and missing is a UserError."""

    def __init__(self, arrays: Mapping[str, np.ndarray], path: Path):
        super().__init__(arrays)
        self.path = path

    def __missing__(self, name: str) -> np.ndarray:
        raise self.wrong(f"has no {name}")

    def wrong(self, fault: str) -> UserError:
        """The error that says so."""
        remedy = "restore it from the repository, or train that variant again"
        return UserError(f"{self.path} {fault}", remedy)


def read_arrays(record: Path) -> Arrays:
    """The arrays stored beside ``record``.

    A UserError if the file is missing or damaged, or an array is not what its name stands for.
    """
    found = Arrays({}, record.with_suffix(".npz"))
    try:
        with np.load(found.path, allow_pickle=False) as stored:
            # What does not begin as an array does comes as bytes.
            found.update({name: np.asarray(stored[name]) for name in stored.files})
    except Exception as error:  # numpy and zipfile raise many kinds
        raise found.wrong(f"cannot be read: {error}") from None
    if fault := first_fault(found):
        raise found.wrong(f"is damaged: {fault}")
    return found


def first_fault(arrays: Mapping[str, np.ndarray]) -> str | None:
    """Which of ``arrays`` is not what its name stands for, and why."""
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        if fault := fault_of(name, array, sizes):
            return f"{name} {fault}"
    return None


def fault_of(name: str, array: np.ndarray, sizes: dict[str, int]) -> str | None:
    """What is wrong with ``array``; ``sizes`` are those that names have so far, and grow."""
    if array.dtype.kind not in "biuf":
        return f"holds {array.dtype}, not numbers"
    if not array.size:
        return "is empty"
    # Squares of float32 fit into float64, but not those of float64.
    if array.dtype.kind == "f" and not (np.abs(array.astype(float)) <= LARGEST).all():
        return "holds what is no finite number of float32"
    forms = (CURVE,) if name.startswith("curve_") else FORMS.get(name, ())
    for form in forms:
        if (own := matched(form, array, sizes)) is not None:
            sizes |= own
            return None
    if not forms:
        return None
    wanted = " or ".join(f"{' x '.join(map(str, f.sizes))} {f.kind}" for f in forms)
    return (
        f"is {' x '.join(map(str, array.shape)) or 'a single value'} of {array.dtype}, not {wanted}"
    )


def matched(form: Form, array: np.ndarray, sizes: Mapping[str, int]) -> dict[str, int] | None:
    """The sizes that ``array`` gives to the names in ``form``; None if it has another form."""
    kinds = {"bytes": array.dtype == np.uint8, "integers": array.dtype == np.int64}
    if not kinds.get(form.kind, array.dtype.kind == "f") or array.ndim != len(form.sizes):
        return None
    own: dict[str, int] = {}
    for wanted, size in zip(form.sizes, array.shape, strict=True):
        expected = {**sizes, **own}.get(wanted, size) if isinstance(wanted, str) else wanted
        square = not str(wanted).endswith(SQUARE) or math.isqrt(size) ** 2 == size
        if size != expected or not square or (wanted == "channels" and size not in (1, 3)):
            return None
        if isinstance(wanted, str):
            own[wanted] = size
    return own
