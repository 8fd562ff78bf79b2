"""Files that the report shows: what is damaged is named in one line, with the remedy."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replication.base.errors import UserError
from replication.pages import explorer
from replication.pages.page import read_picture
from replication.pages.stored_tables import read_tables

HEADER = "table,row,column,metric,text,verdict,record\n"
TABLE = HEADER + "A table,ours,error,e,1.50,worse,quick/a/b\nA table,paper,error,e,1.40,,\n"


def assert_refused(path: Path, fault: str) -> None:
    """Reading the tables of ``path`` names it and says what is wrong and what to do."""
    with pytest.raises(UserError, match=fault) as caught:
        read_tables(path.with_suffix(""))
    assert str(path) in caught.value.problem
    assert "draw it again" in caught.value.remedy


def test_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "a.md").write_text("**The whole caption**\n\n| a |\n\nA note.\n")
    (table,) = read_tables(tmp_path / "a")
    assert (table.caption, table.notes, table.columns) == (
        "The whole caption",
        ["A note."],
        ["error"],
    )
    assert [(row, [cell["text"] for cell in cells]) for row, cells in table.rows] == [
        ("ours", ["1.50"]),
        ("paper", ["1.40"]),
    ]
    (tmp_path / "a.csv").write_text(HEADER)
    assert read_tables(tmp_path / "a") == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "has no column table"),
        (b"\xff\xfe", "not UTF-8"),
        (TABLE.replace("verdict", "judgement").encode(), "no column verdict"),
        (TABLE.replace("metric", "table").encode(), "no column table, or several"),
        (TABLE.replace(",worse,", ",").encode(), "its cell 1 has not 7 fields"),
        (TABLE.replace("1.40", "1.40,x").encode(), "its cell 2 has not 7 fields"),
        (TABLE.replace("1.40", '1.40"x').replace(",paper", ',"paper"x').encode(), "expected"),
        (TABLE.replace("paper", "ours").encode(), "row 'ours' of 'A table' has not each column"),
        ((TABLE + "A table,paper,more,e,1,,\n").encode(), "row 'ours' .* not each column once"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert_refused(path, fault)


def test_words_around_a_table_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "a.md").write_bytes(b"**\xff**")
    assert_refused(tmp_path / "a.md", "not UTF-8")
    (tmp_path / "a.md").unlink()
    (tmp_path / "a.md").mkdir()
    assert_refused(tmp_path / "a.md", "Is a directory")


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7)).save(buffer, kind)
    return buffer.getvalue()


def test_pictures_are_whole_pngs(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture("png"))
    assert (read_picture(path).width, read_picture(path, 2).height) == (9, 7)
    for content in (b"", picture("png")[:40], picture("gif"), picture("eps")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.png is no PNG that was drawn"):
            read_picture(path)
    path.unlink()
    with pytest.raises(UserError, match="No such file"):
        read_picture(path)


def test_codes_that_are_all_alike_have_places() -> None:
    """A frame without a width would divide by zero."""
    found = explorer.codes_of(np.ones((4, 2)), np.zeros(4))
    assert found["low"] == found["high"] == [1.0, 1.0]
