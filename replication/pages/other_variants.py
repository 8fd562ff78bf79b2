"""Below a table whose rows and columns are fixed: every other variant that was run."""

from collections.abc import Collection

from .drawing import Drawing
from .names import name_of
from .tables import Row, Table, cell_if_measured
from .titles import title_of


def other_variants(
    drawing: Drawing, shown: Collection[str], metrics: Collection[str]
) -> list[Table]:
    """The table of the variants that have a record and are not ``shown``; none if there are none.

    A column for each of ``metrics``: mean ± standard deviation over seeds.
    """
    rows: list[Row] = []
    for variant, described in drawing.description.variants.items():
        record = None if variant in shown else drawing.record(variant)
        if record is not None:
            own = [cell_if_measured(record, metric, counted=True) for metric in metrics]
            rows.append([f"{described.place} ({variant})", title_of(record.settings.data), *own])
    columns = ["variant", "data", *(name_of(metric).full for metric in metrics)]
    caption = drawing.title("Other variants that were run, without a published number")
    return [Table(caption, columns, rows)] if rows else []
