"""The idx format of MNIST: a magic number, the sizes, then unsigned bytes; plain or gzipped."""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replication.base.errors import UserError

from .files import read_bytes, refuse_web_page


@dataclass(frozen=True)
class IdxFile:
    """The bytes of a file, these unpacked (the same for a plain file), and the array in them."""

    stored: bytes
    content: bytes
    array: np.ndarray


def find(folder: Path, name: str) -> Path | None:
    """The file ``name``, such as ``train-images-idx3-ubyte``, in one of its four spellings.

    Gzipped or not, with a hyphen or, as 7-Zip unpacks it, with a dot before ``idx``.
    """
    dotted = ".idx".join(name.rsplit("-idx", 1))
    spellings = (f"{name}.gz", name, f"{dotted}.gz", dotted)
    return next((folder / s for s in spellings if (folder / s).exists()), None)


def read_idx(path: Path, dimensions: int, remedy: str) -> IdxFile:
    """The idx file ``path``, which is gzipped if it says so; see ``array_of``."""
    stored = read_bytes(path)
    content = unpacked(str(path), stored, remedy) if path.suffix == ".gz" else stored
    refuse_web_page(path, content)  # servers zip theirs
    return IdxFile(stored, content, array_of(str(path), content, dimensions, remedy))


def unpacked(where: str, stored: bytes, remedy: str) -> bytes:
    try:
        return gzip.decompress(stored)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{where} is truncated or not a gzip file", remedy) from None


def array_of(where: str, content: bytes, dimensions: int, remedy: str) -> np.ndarray:
    """An array of unsigned bytes with 1 dimension (labels) or 3 (images).

    A UserError says what is wrong with the ``content`` of ``where``.
    """
    magic = bytes([0, 0, 8, dimensions])
    if len(content) >= 4 and content[:4] != magic:
        found = f"{content[:4].hex()}, not {magic.hex()}"
        raise UserError(f"{where} has a wrong magic number ({found})", remedy)
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise UserError(f"{where} ends inside its header", remedy)
    shape = np.frombuffer(content[4:header], ">u4").tolist()
    if len(content) != header + math.prod(shape):
        fault = f"holds {len(content) - header} values, not {math.prod(shape)}"
        raise UserError(f"{where} {fault}", remedy)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()
