"""A table in Markdown, CSV and LaTeX: each reads back as the cells that went in."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from replication.base.errors import UserError
from replication.pages.drawing import Drawing, measured, seeds_of
from replication.pages.tables import Table
from tests.tools.builders import make_record, make_seed

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


def test_a_measure_is_the_mean_over_healthy_seeds_or_why_there_is_none() -> None:
    per_pixel = {"metrics": {"test_error_percent": 2.0, "error_per_pixel": 0.02}}
    lost = make_seed(2, status="diverged", **per_pixel)
    record = make_record(seeds=[make_seed(0), make_seed(1), lost])  # 1.5 and 1.75 per cent
    assert measured(record, "test_error_percent") == "1.62 ± 0.18"
    assert measured(record, "test_error_percent", counted=True) == "1.62 ± 0.18 (n=2)"
    assert seeds_of(record) == 2
    same = make_record(seeds=[make_seed(0, **per_pixel), make_seed(1, **per_pixel)])
    assert measured(same, "error_per_pixel") == "20.00"
    assert measured(make_record(seeds=[lost]), "test_error_percent", counted=True) == "diverged"
    assert measured(None, "test_error_percent") == "not run"
    assert seeds_of(None) == 0
    with pytest.raises(UserError, match="lacks fid"):
        measured(record, "fid")
