"""A table in Markdown, CSV and LaTeX: each reads back as the cells that went in."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from replication.engine.drawing import Drawing
from replication.engine.tables import Table

ENDINGS = (".md", ".csv", ".tex")
SMALL = Table(
    "Error on test images, % (Table 9)",
    ["method", "digits (100)"],
    [["ours", "1.90 ± 0.10"], ["A | B, C", "not run"]],
    ["The first note.", "The second note."],
)


def test_markdown() -> None:
    assert SMALL.markdown().splitlines() == [
        "**Error on test images, % (Table 9)**",
        "",
        "| method | digits (100) |",
        "|---|---|",
        "| ours | 1.90 ± 0.10 |",
        r"| A \| B, C | not run |",
        "",
        "The first note.",
        "",
        "The second note.",
    ]


def test_csv() -> None:
    rows = list(csv.reader(io.StringIO(SMALL.csv(), newline="")))
    assert rows == [list(SMALL.columns), *SMALL.rows]


# The csv module cannot write a lone carriage return or NUL, nor a file a lone surrogate.
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@profile(deadline=None, max_examples=50)
@given(rows=st.lists(st.tuples(cells, cells), max_size=4), columns=st.tuples(cells, cells))
def test_csv_keeps_any_text(rows: list[tuple[str, str]], columns: tuple[str, str]) -> None:
    text = Table("caption", columns, rows).csv()
    again = list(csv.reader(io.StringIO(text.encode().decode(), newline="")))
    assert again == [list(columns), *(list(row) for row in rows)]


def test_latex() -> None:
    assert SMALL.latex().splitlines() == [
        "% Error on test images, % (Table 9)",
        "% The first note.",
        "% The second note.",
        r"\begin{tabular}{lr}",
        r"\hline",
        r"method & digits (100) \\",
        r"\hline",
        r"ours & 1.90 $\pm$ 0.10 \\",
        r"A | B, C & not run \\",
        r"\hline",
        r"\end{tabular}",
    ]


@pytest.mark.parametrize(
    ("character", "escaped"),
    [
        ("&", r"\&"),
        ("%", r"\%"),
        ("$", r"\$"),
        ("#", r"\#"),
        ("_", r"\_"),
        ("{", r"\{"),
        ("}", r"\}"),
        ("\\", r"\textbackslash{}"),
        ("~", r"\textasciitilde{}"),
        ("^", r"\textasciicircum{}"),
        ("±", r"$\pm$"),
        ("≤", r"$\leq$"),
    ],
)
def test_characters_that_latex_reads_as_commands(character: str, escaped: str) -> None:
    text = Table("caption", [f"a{character}b"], [[f"c{character}d"]]).latex()
    assert rf"a{escaped}b \\" in text.splitlines()
    assert rf"c{escaped}d \\" in text.splitlines()


def test_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        SMALL.write(tmp_path / folder / "table9")
    for ending in ENDINGS:
        first, second = (tmp_path / folder / f"table9{ending}" for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "first" / "table9.md").read_text(encoding="utf-8") == SMALL.markdown()
    assert len(list((tmp_path / "first").iterdir())) == len(ENDINGS)


def test_a_drawing_of_stale_runs_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing("quick", "figure9_clusters")
    monkeypatch.setattr(Drawing, "stale", lambda self, variant: variant == "clusters_16")
    caption = drawing.caption("Heads")
    assert caption.splitlines()[0] == "Heads"
    assert "STALE (clusters_16)" in caption
    latex = Table(caption, ["a"], [["1"]]).latex()
    assert all(line.startswith("%") for line in latex.split(r"\begin")[0].splitlines())
    monkeypatch.setattr(Drawing, "stale", lambda self, variant: False)
    assert drawing.caption("Heads") == "Heads"
    assert Drawing("smoke", "figure9_clusters").caption("Heads").startswith("SMOKE")
