"""Tables: numbers in the .csv, what is read in the .md and .tex, all from the same cells."""

from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.published import Value, published
from replication.pages.drawing import Drawing, seeds_of
from replication.pages.stored_tables import read_tables
from replication.pages.tables import (
    MOST_ROWS,
    Cell,
    Table,
    cell,
    cell_if_measured,
    published_cell,
    write_tables,
)
from replication.settings.experiments import experiments
from tests.tools.builders import make_record, make_seed

ENDINGS = (".md", ".csv", ".tex")
OURS = Cell(mean=1.9, sd=0.1, n=3, metric="test_error_percent", unit="%", verdict="replicated")
SMALL = Table(
    "Error on test images, % (Table 9)",
    ["method", "digits (100)", "digits (all)"],
    [
        [
            "ours",
            replace(OURS, counted=True, record="quick/table9/small"),
            Cell(mean=1234, digits=0),
        ],
        ["A | B, C", "not run", Cell(mean=2.5, sd=0.25, source="memory")],
        ["gap", Cell(mean=0.5, half=0.25, signed=True), ""],
    ],
    ["The first note.", "The second note."],
)


def test_what_is_read_is_bounded_and_says_so(tmp_path: Path) -> None:
    """The .csv file has every row; the .md, the .tex and the report's table have the first."""
    count = 1000
    rows = [[f"variant {n}", Cell(mean=n)] for n in range(count)]
    table = Table("Many", ["variant", "error"], rows, ["A note."])
    table.write(tmp_path / "many")
    assert len(pandas.read_csv(tmp_path / "many.csv")) == count
    note = f"{count - MOST_ROWS} more rows: see the .csv file."
    text = (tmp_path / "many.md").read_text()
    assert text.count("| variant ") == MOST_ROWS + 1
    assert text.endswith(f"A note.\n\n{note}\n")
    assert note in (tmp_path / "many.tex").read_text()
    assert (tmp_path / "many.tex").read_text().count("variant ") == MOST_ROWS + 1
    (stored,) = read_tables(tmp_path / "many")
    assert [name for name, _ in stored.rows] == [f"variant {n}" for n in range(MOST_ROWS)]
    assert stored.notes == ["A note.", note]
    (tmp_path / "many.md").unlink()
    assert read_tables(tmp_path / "many")[0].notes == [note]


def test_a_table_that_is_read_whole_says_nothing_of_more() -> None:
    rows = [[f"variant {n}", ""] for n in range(MOST_ROWS)]
    assert "more rows" not in Table("Many", ["variant", "error"], rows).markdown()


def test_markdown() -> None:
    assert SMALL.markdown().splitlines() == [
        "**Error on test images, % (Table 9)**",
        "",
        "| method          | digits (100)      | digits (all)    |",
        "|-----------------|-------------------|-----------------|",
        "| ours            | 1.90 ± 0.10 (n=3) | 1,234           |",
        "| verdict on ours | replicated        |                 |",
        r"| A \| B, C       | not run           | 2.50 ± 0.25 [m] |",
        "| gap             | +0.50 ± 0.25      |                 |",
        "",
        "The first note.",
        "",
        "The second note.",
    ]


def test_csv_has_numbers_in_columns_of_their_own(tmp_path: Path) -> None:
    SMALL.write(tmp_path / "table9")
    frame = pandas.read_csv(tmp_path / "table9.csv")
    assert frame[["mean", "sd", "n", "half_interval"]].dtypes.map(str).eq("float64").all()
    first = frame.iloc[0]
    assert (first.row, first.column, first["mean"], first.sd, first.n) == (
        "ours",
        "digits (100)",
        1.9,
        0.1,
        3,
    )
    assert (first.verdict, first.record, first.unit) == ("replicated", "quick/table9/small", "%")
    published = frame[frame.source == "memory"]
    assert published[["mean", "sd"]].to_numpy().tolist() == [[2.5, 0.25]]
    assert frame[frame.text == "not run"]["mean"].isna().all()


def test_a_published_plus_minus_stands_under_its_kind(tmp_path: Path) -> None:
    """Only a standard deviation over runs is one."""
    known = {"value": 1.9, "plus_minus": 0.1, "source": "secondhand", "cite": "a test"}
    of_runs = Value(**known, plus_minus_kind="standard_deviation", runs=10)
    images = published().items["table1_log_likelihood"].targets["mnist"]
    rows = [["unknown", published_cell(Value(**known), "%")]]
    rows += [["runs", published_cell(of_runs)], ["images", published_cell(images)]]
    Table("caption", ["row", "error"], rows).write(tmp_path / "table9")
    frame = pandas.read_csv(tmp_path / "table9.csv").set_index("row").astype(object)
    kinds = frame[["mean", "sd", "n", "plus_minus", "plus_minus_kind", "text"]]
    assert kinds.where(kinds.notna(), None).T.to_dict("list") == {
        "unknown": [1.9, None, None, 0.1, "unknown", "1.90 ± 0.10 [s]"],
        "runs": [1.9, 0.1, 10, None, None, "1.90 ± 0.10 [s]"],
        "images": [340, None, None, 2, "over_test_images", "340 ± 2 [s]"],
    }


# The csv module cannot write a lone carriage return or NUL, nor a file a lone surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@profile(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(contents=st.lists(st.tuples(texts, texts), max_size=4))
def test_csv_keeps_any_text(contents: list[tuple[str, str]], tmp_path: Path) -> None:
    rows = [[f"row {i}", *own] for i, own in enumerate(contents)]
    Table("caption", ["name", "a", "b"], rows).write(tmp_path / "table9")
    tables = list(read_tables(tmp_path / "table9"))
    read = [[name, *(cell["text"] for cell in cells)] for t in tables for name, cells in t.rows]
    assert read == rows


def test_several_tables_share_a_file(tmp_path: Path) -> None:
    other = Table("Another\nSTALE", ["a", "b"], [["ours", "1"]], ["Its note."])
    write_tables(tmp_path / "table9", [SMALL, other])
    first, second = read_tables(tmp_path / "table9")
    assert (first.caption, first.notes) == (SMALL.caption, SMALL.notes)
    assert (second.caption, second.notes) == (other.caption, other.notes)
    assert [name for name, _ in first.rows] == ["ours", "A | B, C", "gap"]
    assert second.columns == ["b"]


def test_two_cells_at_one_place_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="row 'ours', column 'b'"):
        Table("caption", ["a", "b"], [["ours", "1"], ["ours", "2"]]).frame()


def test_latex() -> None:
    assert SMALL.latex("table9").splitlines() == [
        r"% \usepackage{booktabs}",
        r"\begin{table}[htbp]",
        r"\centering",
        r"\caption{Error on test images, \% (Table 9). The first note. The second note.}",
        r"\label{tab:table9}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"method & digits (100) & digits (all) \\",
        r"\midrule",
        r"ours & 1.90 $\pm$ 0.10 (n=3) & 1,234 \\",
        r"verdict on ours & replicated &  \\",
        r"A \textbar{} B, C & not run & 2.50 $\pm$ 0.25 [m] \\",
        r"gap & +0.50 $\pm$ 0.25 &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
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
        ("|", r"\textbar{}"),
        ("<", r"\textless{}"),
        (">", r"\textgreater{}"),
    ],
)
def test_characters_that_latex_reads_as_commands(character: str, escaped: str) -> None:
    content = [[f"c{character}d", f"e{character}f"]]
    text = Table(f"x{character}y", ["row", f"a{character}b"], content).latex("t")
    assert rf"\caption{{x{escaped}y.}}" in text.splitlines()
    assert rf"row & a{escaped}b \\" in text.splitlines()
    assert rf"c{escaped}d & e{escaped}f \\" in text.splitlines()


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
    monkeypatch.setattr(Drawing, "measured_otherwise", lambda self, variant: False)
    monkeypatch.setattr(Drawing, "stale", lambda self, variant: variant == "clusters_16")
    caption = drawing.caption("Heads")
    assert caption.splitlines()[0] == "Heads"
    assert "STALE (clusters_16)" in caption
    assert r"STALE (clusters\_16)" in Table(caption, ["a", "b"], [["1", "2"]]).latex("t")
    monkeypatch.setattr(Drawing, "stale", lambda self, variant: False)
    assert drawing.caption("Heads") == "Heads"
    assert Drawing("smoke", "figure9_clusters").caption("Heads").startswith("SMOKE")


def test_a_drawing_says_what_was_measured_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apart from what is stale: training did not change."""
    drawing = Drawing("quick", "table3_clustering")
    monkeypatch.setattr(Drawing, "stale", lambda self, variant: False)
    monkeypatch.setattr(Drawing, "measured_otherwise", lambda self, v: v == "clusters_30")
    caption = drawing.caption("Clusters")
    assert caption.splitlines()[1:] == [
        "Measured by other settings than today's: clusters_30",
    ]


def test_precisions_and_uncommitted_changes_are_noted(tmp_path: Path) -> None:
    item = "table3_clustering"
    for variant, changes in (("clusters_16", {"dirty": True}), ("clusters_30", {})):
        precision = "float32" if changes else "bf16-products"
        seed = make_seed()
        made = seed.provenance.model_copy(update={"precision": precision, **changes})
        seeds = [seed.model_copy(update={"provenance": made})]
        names = {"preset": "quick", "item": item, "variant": variant}
        record = make_record(settings=experiments().settings_of(**names), seeds=seeds, **names)
        records.write(record, {}, records.path_of("quick", item, variant, tmp_path))
    assert Drawing("quick", item, tmp_path).provenance_notes() == [
        "Trained in several precisions. float32: clusters_16; bf16-products: clusters_30.",
        "Made with uncommitted changes of the code: clusters_16.",
    ]
    assert Drawing("paper", item, tmp_path).provenance_notes() == []


def test_what_older_records_lack_is_not_measured() -> None:
    record = make_record(seeds=[make_seed(0), make_seed(1)])
    assert str(cell_if_measured(record, "new_percent")) == "not measured"
    assert str(cell_if_measured(record, "test_error_percent")) == "1.62 ± 0.18"
    assert str(cell_if_measured(None, "new_percent")) == "not run"
    lost = make_record(seeds=[make_seed(status="diverged", metrics={})])
    assert str(cell_if_measured(lost, "new_percent")) == "diverged"


def test_a_cell_is_the_mean_over_healthy_seeds_or_why_there_is_none() -> None:
    per_pixel = {"metrics": {"test_error_percent": 2.0, "error_per_pixel": 0.02}}
    lost = make_seed(2, status="diverged", metrics={})
    record = make_record(seeds=[make_seed(0), make_seed(1), lost])  # 1.5 and 1.75 per cent
    assert str(cell(record, "test_error_percent")) == "1.62 ± 0.18"
    found = cell(record, "test_error_percent", counted=True, note="subset")
    assert str(found) == "1.62 ± 0.18 (n=2), subset"
    assert (found.unit, found.n, found.record) == ("%", 2, "quick/table9/small")
    assert seeds_of(record) == 2
    same = make_record(seeds=[make_seed(0, **per_pixel), make_seed(1, **per_pixel)])
    assert str(cell(same, "error_per_pixel")) == "20.00"
    assert str(cell(make_record(seeds=[lost]), "test_error_percent", counted=True)) == "diverged"
    assert str(cell(None, "test_error_percent")) == "not run"
    assert seeds_of(None) == 0
    with pytest.raises(UserError, match="lacks fid"):
        cell(record, "fid")
