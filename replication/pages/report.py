"""The report: one page with every published number, ours beside it, and the evidence for both.

It is made from what is stored: records, published values, drawn tables and figures. The page needs
no network: style, script and images are inside it, and its own policy forbids it to load anything.
"""

from pathlib import Path

from replication.base.files import write_atomically
from replication.base.places import FIGURES, MEASURED, REPORT
from replication.evidence.bundle import BUNDLE
from replication.evidence.records import RESULTS
from replication.settings.experiments import experiments

from .drawing import Drawing
from .explorer import explored
from .explorer_picture import draw_explorer
from .forest import PATHS, SHAPES, draw_forest, margin, place, ticks
from .judged import MEANINGS, SOURCES
from .page import render
from .report_items import PRESETS, Shown, contents
from .report_numbers import number_table
from .report_reliability import reliability
from .report_speed import speed
from .report_summary import newest, presets_that_ran, summary

TITLE = "Adversarial Autoencoders (Makhzani et al., 2015): was it replicated?"


def write_report(
    path: Path = REPORT,
    results: Path = RESULTS,
    figures: Path = FIGURES,
    measured: Path = MEASURED,
    weights: Path = BUNDLE,
) -> None:
    """Write the page, and pictures of its forest plot and explorer among ``figures``.

    What was not run, drawn or ``measured`` (by the benches) is said to be so. Decoders of the
    bundle of ``weights`` run in it.
    """
    items = experiments().items
    stored = {i: {p: Drawing(p, i, results, figures) for p in PRESETS} for i in items}
    first, ran = summary(stored), presets_that_ran(stored)
    page = render(
        "page.html",
        title=TITLE,
        summary=first,
        numbers=number_table(stored),
        contents=contents([*items]),
        items=[Shown(item, stored[item], ran).view() for item in items],
        explored=explored(stored, weights),
        speed=speed(measured, results, figures),
        reliability=reliability(measured),
        verdicts=MEANINGS.items(),
        sources=SOURCES.items(),
        shapes=SHAPES.items(),
        paths=PATHS,
        margin=margin(),
        zero=place(0.0),
        ticks=ticks(),
        results=results.as_posix(),
        newest=newest(stored),
    )
    draw_forest(first.forest, figures / "forest.png")
    draw_explorer(stored, figures / "explorer.png", weights)
    write_atomically(path, page.encode())
