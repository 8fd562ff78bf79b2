"""Drawn tables, read back for the report: from their .csv file, with the words of the .md file."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from replication.base.errors import UserError

from .tables import MOST_ROWS, more_rows

# What the report needs of a line, which is a cell.
NEEDED = ("table", "row", "column", "text", "verdict", "record")


@dataclass(frozen=True)
class StoredTable:
    """A table as the report shows it: its texts and, cell by cell, its lines of the .csv."""

    caption: str
    notes: list[str]
    columns: list[str]
    rows: list[tuple[str, list[dict[str, str]]]]


def read_tables(stem: Path) -> list[StoredTable]:
    """The tables in ``stem``.csv, with the captions and notes of ``stem``.md.

    A UserError names the file that is damaged, or the row that lacks a cell.
    """
    path, around = stem.with_suffix(".csv"), stem.with_suffix(".md")
    texts = _around(_text(around)) if around.exists() else []
    tables = []
    for place, (caption, lines) in enumerate(_grouped(_lines(path), "table").items()):
        whole, notes = texts[place] if place < len(texts) else (caption, [])
        columns = list(dict.fromkeys(line["column"] for line in lines))
        rows = list(_grouped(lines, "row").items())
        for row, cells in rows:
            if [cell["column"] for cell in cells] != columns:
                raise _wrong(path, f"row '{row}' of '{caption}' has not each column once")
        more = [note for note in more_rows(len(rows)) if note not in notes]
        tables.append(StoredTable(whole, notes + more, columns, rows[:MOST_ROWS]))
    return tables


def _lines(path: Path) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise _wrong(path, str(error)) from None
    names = reader.fieldnames or []
    if absent := [name for name in NEEDED if names.count(name) != 1]:
        raise _wrong(path, f"it has no column {absent[0]}, or several")
    for number, line in enumerate(lines, 1):
        # DictReader keeps what is too much under None, and fills what is missing with it.
        if None in line or None in line.values():
            raise _wrong(path, f"its cell {number} has not {len(names)} fields")
    return lines


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise _wrong(path, error.strerror or "unreadable") from None
    except UnicodeDecodeError as error:
        raise _wrong(path, f"it is not UTF-8: {error.reason}") from None


def _wrong(path: Path, fault: str) -> UserError:
    problem = f"{path} is no table that was drawn: {fault}"
    return UserError(problem, f"delete {path} and draw it again")


def _grouped(lines: list[dict[str, str]], name: str) -> dict[str, list[dict[str, str]]]:
    """The lines by what they have under ``name``, in the order in which it first stands."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        found.setdefault(line[name], []).append(line)
    return found


def _around(text: str) -> list[tuple[str, list[str]]]:
    """Caption and notes of each table of a .md file."""
    found: list[tuple[str, list[str]]] = []
    for block in text.strip().split("\n\n"):
        if block.startswith("**") and block.endswith("**"):
            found.append((block.strip("*"), []))
        elif found and not block.startswith("|"):
            found[-1][1].append(block)
    return found
