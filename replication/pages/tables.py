"""Tables: a tidy data frame first, and the three files that are made from it.

The .csv file has a line for each cell, with its number in columns of its own; the .md and .tex
files have the table as it is read. Several tables may share a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from replication.base.files import write_atomically
from replication.evidence.published import Value
from replication.evidence.records import Record

from .names import name_of

if TYPE_CHECKING:
    from pandas import DataFrame

LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"±": r"$\pm$", "≤": r"$\leq$", "×": r"$\times$"}
    | {"|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)
MARKS = {"paper": "", "secondhand": "[s]", "memory": "[m]", "code": "[c]", "guess": "[g]"}
# What is read has no more rows; the .csv file has all.
MOST_ROWS = 60
NOT_RUN, DIVERGED, NOT_MEASURED = "not run", "diverged", "not measured"


@dataclass(frozen=True)
class Cell:
    """A number with what is known of it, or the ``note`` that stands in its place.

    Over ``n`` seeds, with the standard deviation ``sd`` between them; ``half`` is half the 95 %
    interval of a difference, ``standard_error`` is one over test images. A published value has its
    ``source``, and its ± of any other kind than ``sd`` in ``plus_minus`` with the kind's name
    (``published.PLUS_MINUS``). ``record`` is preset/item/variant of ours.
    """

    mean: float | None = None
    sd: float | None = None
    n: int | None = None
    half: float | None = None
    standard_error: float | None = None
    plus_minus: float | None = None
    plus_minus_kind: str = ""
    metric: str = ""
    unit: str = ""
    source: str = ""
    verdict: str = ""
    note: str = ""
    record: str = ""
    digits: int = 2
    counted: bool = False  # whether n is shown
    signed: bool = False

    def __str__(self) -> str:
        if self.mean is None:
            return self.note
        spreads = (self.sd, self.half, self.plus_minus)
        spread = next((known for known in spreads if known is not None), None)
        sign = "+" if self.signed else ""
        parts = [f"{self.mean:{sign},.{self.digits}f}"]
        if spread is not None:
            parts.append(f"± {spread:.{self.digits}f}")
        if self.standard_error is not None:
            parts.append(f"[{self.standard_error:.2f}]")
        if self.counted and self.n is not None:
            parts.append(f"(n={self.n})")
        if mark := MARKS.get(self.source):
            parts.append(mark)
        return " ".join(parts) + (f", {self.note}" if self.note else "")


def published_cell(value: Value, unit: str = "") -> Cell:
    """A published number, with the digits that it was published with and its source's mark."""
    shown = Cell(mean=value.value, unit=unit, source=value.source, digits=value.digits)
    if value.plus_minus is None:
        return shown
    if value.plus_minus_kind == "standard_deviation":
        return replace(shown, sd=value.plus_minus, n=value.runs)
    return replace(shown, plus_minus=value.plus_minus, plus_minus_kind=value.plus_minus_kind)


def cell(
    record: Record | None, metric: str, *, counted: bool = False, verdict: str = "", note: str = ""
) -> Cell:
    """``metric`` over the seeds that did not diverge, or why there is none: never blank.

    Standard deviation as a sample's; what is the same for all seeds has none.
    """
    if record is None:
        return Cell(note=NOT_RUN, metric=metric, verdict=verdict)
    place = f"{record.preset}/{record.item}/{record.variant}"
    values, name = record.values(metric), name_of(metric)
    if not values:
        return Cell(note=DIVERGED, metric=metric, verdict=verdict, record=place)
    found = number([name.scale * value for value in values])
    return Cell(
        mean=found.mean,
        sd=found.sd,
        n=len(values),
        metric=metric,
        unit=name.unit,
        verdict=verdict,
        note=note,
        record=place,
        digits=name.digits,
        counted=counted,
    )


def cell_if_measured(record: Record | None, metric: str, *, counted: bool = False) -> Cell:
    """As ``cell``, of a metric that older records lack: they say so."""
    healthy = [s for s in record.seeds if s.status == "ok"] if record else []
    if healthy and all(metric not in seed.metrics for seed in healthy):
        return Cell(note=NOT_MEASURED, metric=metric)
    return cell(record, metric, counted=counted)


def number(values: Sequence[float], digits: int = 2) -> Cell:
    """Mean and sample standard deviation of ``values``."""
    import statistics

    sd = statistics.stdev(values) if len(set(values)) > 1 else None
    return Cell(mean=statistics.fmean(values), sd=sd, n=len(values), digits=digits)


# The name of the row comes first.
Row = Sequence[str | Cell]


@dataclass
class Table:
    """Rows of cells, the first of which names the row; ``notes`` stand below."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    notes: list[str] = field(default_factory=list)

    def frame(self) -> "DataFrame":
        """A line for each cell; a ValueError where two lie at the same place."""
        import pandas

        lines = [
            _line(row[0], column, content)
            for row in self.rows
            for column, content in zip(self.columns[1:], row[1:], strict=True)
        ]
        frame = pandas.DataFrame(lines, columns=[*_line("", "", "")])
        if frame.duplicated(["row", "column"]).any():
            twice = frame[frame.duplicated(["row", "column"])].iloc[0]
            raise ValueError(f"two cells at row '{twice.row}', column '{twice.column}'")
        return frame

    def wide(self) -> "DataFrame":
        """The table as it is read: texts, and below a row its verdicts; ``MOST_ROWS`` at most."""
        import pandas

        lines = []
        for name, *cells in self.rows[:MOST_ROWS]:
            lines.append([str(name), *map(str, cells)])
            judged = [c.verdict if isinstance(c, Cell) else "" for c in cells]
            lines += [[f"verdict on {name}", *judged]] if any(judged) else []
        return pandas.DataFrame(lines, columns=list(self.columns), dtype=str)

    def markdown(self) -> str:
        shown = self.wide().map(lambda text: text.replace("|", "\\|"))
        shown.columns = [c.replace("|", "\\|") for c in shown.columns]
        body = shown.to_markdown(index=False, disable_numparse=True, tablefmt="github")
        notes = [*self.notes, *more_rows(len(self.rows))]
        return "\n\n".join([f"**{self.caption}**", body, *notes]) + "\n"

    def latex(self, label: str) -> str:
        """A floating table with rules of booktabs; the notes are part of the caption."""
        shown = self.wide().map(escaped)
        shown.columns = [escaped(c) for c in shown.columns]
        told = (self.caption, *self.notes, *more_rows(len(self.rows)))
        texts = [" ".join(t.split()).rstrip(".") + "." for t in told]
        package = "% \\usepackage{booktabs}\n"
        return package + shown.style.hide(axis="index").to_latex(
            hrules=True,
            caption=escaped(" ".join(texts)),
            label=f"tab:{label}",
            column_format="l" + "r" * (len(self.columns) - 1),
            position="htbp",
            position_float="centering",
        )

    def write(self, stem: Path) -> None:
        """``stem`` with the endings .md, .csv and .tex."""
        write_tables(stem, [self])


def _line(row: object, column: str, content: str | Cell) -> dict[str, object]:
    known = content if isinstance(content, Cell) else Cell(note=content)
    return {
        "row": str(row),
        "column": column,
        "metric": known.metric,
        "unit": known.unit,
        "mean": known.mean,
        "sd": known.sd,
        "n": known.n,
        "half_interval": known.half,
        "standard_error": known.standard_error,
        "plus_minus": known.plus_minus,
        "plus_minus_kind": known.plus_minus_kind,
        "source": known.source,
        "verdict": known.verdict,
        "record": known.record,
        "text": str(known),
    }


def more_rows(count: int) -> list[str]:
    """The note below a table of ``count`` rows that says how many of them are not shown."""
    left = count - MOST_ROWS
    return [f"{left:,} more rows: see the .csv file."] if left > 0 else []


def escaped(text: str) -> str:
    return text.translate(LATEX)


def write_tables(stem: Path, tables: Sequence[Table]) -> None:
    """All tables of an item in ``stem`` with the endings .md, .csv and .tex."""
    import pandas

    frames = [t.frame().assign(table=t.caption.splitlines()[0]) for t in tables]
    frame = pandas.concat(frames, ignore_index=True).astype({"n": "Int64"})
    frame = frame[["table", *frame.columns.drop("table")]]
    labels = [f"{stem.name}{f'_{i}' if i else ''}" for i in range(len(tables))]
    texts = {
        "md": "\n".join(t.markdown() for t in tables),
        "csv": frame.to_csv(index=False, lineterminator="\n", float_format="%.10g"),
        "tex": "\n".join(t.latex(label) for t, label in zip(tables, labels, strict=True)),
    }
    for ending, text in texts.items():
        write_atomically(stem.with_suffix(f".{ending}"), text.encode())
