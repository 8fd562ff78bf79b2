"""Arrays out of MATLAB files that may be damaged or something else."""

import ast
import io
import subprocess
import sys
from pathlib import Path

import numpy as np

from replication.base.errors import UserError

from . import matlab_child
from .files import refuse_web_page


def read_matlab(
    path: Path, names: tuple[str, ...], remedy: str, known: bool = False
) -> list[np.ndarray]:
    """The arrays called ``names`` in the file; a UserError if it is damaged or has others.

    A single wrong byte can crash scipy. A file is therefore read by another process (half a second
    and twice the memory), except one that is ``known`` by its hash.
    """
    try:
        with path.open("rb") as file:
            refuse_web_page(path, file.read(200))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "make the file readable") from None
    if not known:
        return read_apart(path, names, remedy)
    try:
        return matlab_child.read(path, names)
    except matlab_child.WrongFileError as error:
        raise UserError(f"{path}{error}", remedy) from None


def read_apart(path: Path, names: tuple[str, ...], remedy: str) -> list[np.ndarray]:
    """As ``read_matlab``, in a process of its own."""
    # -P: modules beside the script do not hide others of the same name.
    command = [sys.executable, "-P", matlab_child.__file__, str(path), *names]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == matlab_child.WRONG:
        fault = ast.literal_eval(done.stderr.decode().splitlines()[-1])
        raise UserError(f"{path}{fault}", remedy)
    if done.returncode:
        raise UserError(f"{path} is damaged: it crashes the process that reads it", remedy)
    out = io.BytesIO(done.stdout)
    return [np.lib.format.read_array(out, allow_pickle=False) for _ in names]
