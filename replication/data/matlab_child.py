"""Read MATLAB files; also as a process of its own, since damaged files can crash scipy.

``python matlab_child.py FILE NAME...`` writes the arrays of these names to standard output, one
after the other in numpy's format, or what is wrong, as a literal, to standard error and exits with
``WRONG``. It imports nothing of this package, so that it starts from anywhere.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

WRONG = 3  # Python's own exit codes are 1 and 2


class WrongFileError(Exception):
    """What is wrong with a file; the text goes on from its name."""


def read(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The arrays called ``names``; a WrongFileError if the file is damaged or has others."""
    from scipy.io import loadmat, whosmat

    try:
        content = loadmat(path, variable_names=names, appendmat=False)
        absent = ", ".join(name for name in names if name not in content)
        others = [name for name, _, _ in whosmat(path, appendmat=False)] if absent else []
    except OSError as error:
        # A strerror is the system's; without one it is scipy's, which met the end of the file.
        raise WrongFileError(f": {error.strerror}" if error.strerror else " is truncated") from None
    except Exception:  # scipy raises many kinds at bytes that it cannot make sense of
        raise WrongFileError(" is truncated or not a MATLAB file") from None
    if absent:
        raise WrongFileError(f" has no {absent}, only {', '.join(sorted(others)) or 'nothing'}")
    for name in names:
        if not isinstance(content[name], np.ndarray) or content[name].dtype.hasobject:
            raise WrongFileError(f": {name} is not an array of numbers")
    return [content[name] for name in names]


def main(path: str, *names: str) -> None:
    try:
        arrays = read(Path(path), names)
    except WrongFileError as error:
        print(ascii(str(error)), file=sys.stderr)  # one line, whatever the names are
        sys.exit(WRONG)
    out = io.BytesIO()
    for array in arrays:
        np.save(out, array, allow_pickle=False)
    sys.stdout.buffer.write(out.getbuffer())


if __name__ == "__main__":
    main(*sys.argv[1:])
