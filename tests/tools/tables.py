"""A drawn table, read back from its .csv."""

from pathlib import Path

from replication.pages.stored_tables import read_tables


def shown_rows(stem: Path) -> dict[str, dict[str, str]]:
    """The texts of all tables of ``stem``, by row and column."""
    return {
        name: {cell["column"]: cell["text"] for cell in cells}
        for table in read_tables(stem)
        for name, cells in table.rows
    }
