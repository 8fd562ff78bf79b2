"""A table, and the three ways it is written: Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replication.base.files import write_atomically

LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"±": r"$\pm$", "≤": r"$\leq$"}
)


@dataclass
class Table:
    """Cells are texts; ``notes`` stand below."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

        ruler = "|" + "---|" * len(self.columns)
        lines = [f"**{self.caption}**", "", line(self.columns), ruler]
        lines += [line(row) for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return buffer.getvalue()

    def latex(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return " & ".join(c.translate(LATEX) for c in cells) + r" \\"

        layout = "l" + "r" * (len(self.columns) - 1)
        lines = [rf"\begin{{tabular}}{{{layout}}}", r"\hline", line(self.columns), r"\hline"]
        lines += [*(line(row) for row in self.rows), r"\hline", r"\end{tabular}"]
        texts = (self.caption, *self.notes)
        notes = [f"% {line}" for text in texts for line in text.splitlines()]
        return "\n".join([*notes, *lines]) + "\n"

    def write(self, stem: Path) -> None:
        """``stem`` with the endings .md, .csv and .tex."""
        for ending, text in (("md", self.markdown()), ("csv", self.csv()), ("tex", self.latex())):
            write_atomically(stem.with_suffix(f".{ending}"), text.encode())
