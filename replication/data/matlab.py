"""Arrays out of MATLAB files that may be damaged or something else."""

from pathlib import Path
from typing import Literal

import numpy as np

from replication.base.errors import UserError


def read_matlab(path: Path, names: tuple[str, ...], remedy: str) -> dict[str, np.ndarray]:
    """The arrays called ``names`` in the file; a UserError if it is damaged or has others."""
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            content = loadmat(file, variable_names=names)
            others = [] if all(name in content for name in names) else variables(path)
    except OSError as error:
        if error.strerror:  # else scipy's own, which says that the file ends too early
            raise UserError(f"{path}: {error.strerror}", "make the file readable") from None
        raise UserError(f"{path} is truncated", remedy) from None
    except Exception:  # scipy raises many kinds at bytes that it cannot make sense of
        raise UserError(f"{path} is truncated or not a MATLAB file", remedy) from None
    absent = ", ".join(name for name in names if name not in content)
    if absent:
        found = ", ".join(others) or "nothing"
        raise UserError(f"{path} has no {absent}, only {found}", remedy)
    for name in names:
        if not isinstance(content[name], np.ndarray):
            raise UserError(f"{path}: {name} is not an array of numbers", remedy)
    return {name: content[name] for name in names}


def variables(path: Path) -> list[str]:
    from scipy.io import whosmat

    return sorted(name for name, _, _ in whosmat(path, appendmat=False))


def demand(
    path: Path,
    name: str,
    array: np.ndarray,
    holds: Literal["uint8", "integers"],
    shape: tuple[int, ...],
    remedy: str,
) -> None:
    """A UserError unless the file's ``array`` has the type and shape.

    A zero in ``shape`` stands for any number of images, but for none.
    """
    if array.dtype != np.uint8 if holds == "uint8" else array.dtype.kind not in "iu":
        raise UserError(f"{path}: {name} holds {array.dtype}, not {holds}", remedy)
    fits = array.ndim == len(shape) and array.size > 0
    if not (fits and all(w in (0, h) for w, h in zip(shape, array.shape, strict=True))):
        actual = " x ".join(map(str, array.shape))
        expected = " x ".join(str(size or "N") for size in shape)
        raise UserError(f"{path}: {name} is {actual}, not {expected}", remedy)
