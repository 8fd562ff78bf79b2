"""Where the data lie, and what is said of files that are missing or not the official ones."""

import hashlib
import os
from pathlib import Path

from replication.base.errors import UserError


def data_root() -> Path:
    """The folder of the data sets: ``$REPLICATION_DATA``, else ``data/`` in the current folder.

    It is laid out as torchvision does it. A UserError where the variable names no folder: a
    mistyped name is not to become a new folder and a download.
    """
    given = os.environ.get("REPLICATION_DATA")
    if given and not Path(given).is_dir():
        problem = f"REPLICATION_DATA names {given}, which is not a folder"
        raise UserError(problem, "correct it, or create the folder")
    return Path(given or "data")


def read_bytes(path: Path) -> bytes:
    """The file's content; a UserError where it cannot be read or is a web page."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "make the file readable") from None
    refuse_web_page(path, content)
    return content


def md5_of(path: Path) -> str:
    """The file's md5; a UserError where it cannot be read or is a web page."""
    try:
        with path.open("rb") as file:
            refuse_web_page(path, file.read(200))
            file.seek(0)
            return hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "make the file readable") from None


def refuse_web_page(path: Path, content: bytes) -> None:
    """A UserError if ``content``, or its start, is HTML: what a failed download often leaves."""
    start = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        remedy = f"delete {path} to download it again, or copy the data file there"
        raise UserError(f"{path} is a web page, not a data file", remedy)


def demand_official(path: Path, same: bool, allow_subset: bool, fault: str) -> bool:
    """Whether the file is the official one (``same``); a UserError if it has to be and is not.

    ``fault`` goes on from the file's name and says what tells it apart.
    """
    if not (same or allow_subset):
        remedy = "set allow_subset: true to take it as it is, "
        remedy += f"or delete {path} to download the official one"
        raise UserError(f"{path} {fault}", remedy)
    return same
