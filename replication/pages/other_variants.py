"""Beside what a table or figure of the paper has: every other variant that was run."""

from collections.abc import Collection
from string import ascii_lowercase
from typing import TYPE_CHECKING

from replication.settings.experiments import experiments

from .drawing import Drawing, highest_label
from .names import name_of
from .style import DIGITS, TINY
from .tables import Row, Table, cell_if_measured
from .titles import title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def other_variants(
    drawing: Drawing, shown: Collection[str], metrics: Collection[str]
) -> list[Table]:
    """The table of the variants that have a record and are not ``shown``; none if there are none.

    A column for each of ``metrics``: mean ± standard deviation over seeds.
    """
    rows: list[Row] = []
    for variant, place in others(drawing, shown).items():
        record = drawing.record(variant)
        if record is not None:
            own = [cell_if_measured(record, metric, counted=True) for metric in metrics]
            rows.append([f"{place} ({variant})", title_of(record.settings.data), *own])
    columns = ["variant", "data", *(name_of(metric).full for metric in metrics)]
    caption = drawing.title("Other variants that were run, without a published number")
    return [Table(caption, columns, rows)] if rows else []


def others(drawing: Drawing, shown: Collection[str]) -> dict[str, str]:
    """The variants of an item that have a record and are not ``shown``, with their places."""
    every = experiments().items[drawing.source].variants.items()
    return {v: own.place for v, own in every if v not in shown and drawing.record(v)}


def further_panels(
    drawing: Drawing, shown: Collection[str], arrays: Collection[str], first: str
) -> dict[str, str]:
    """The others that a figure has a panel for, lettered from ``first``, with their titles.

    They have all of ``arrays`` and at most ten classes. A damaged file is a UserError.
    """
    found = {}
    letters = iter(ascii_lowercase[ascii_lowercase.index(first) :])
    for variant, place in others(drawing, shown).items():
        record = drawing.record(variant)
        if record is None or not record.healthy:
            continue
        own = drawing.stored_arrays(variant)
        drawable = highest_label(own) < len(DIGITS) and all(name in own for name in arrays)
        if drawable and (letter := next(letters, "")):
            found[variant] = f"({letter}) {place}"
    return found


def tell_others(figure: "Figure", drawing: Drawing, shown: Collection[str]) -> None:
    """Below a figure: which variants were run and have no panel, and where they are."""
    if places := others(drawing, shown).values():
        where = "the report has their numbers"
        if drawing.description.borrows:
            where = f"see {experiments().items[drawing.source].title}"
        text = f"Also run, without a panel: {'; '.join(places)} ({where})."
        figure.supxlabel(text, fontsize=TINY, wrap=True)
