"""Ablations: what public replications of the semi-supervised experiments do otherwise.

None of this is in the paper. The question: public replications report 4 to 5.5 % error with 100
labels, one of them 23.5 %, where the paper has 1.90 %; which of the things that they do otherwise
would explain it? Every row is the literal recipe of Table 2 with one thing changed, after the same
short schedule, with the same seeds and label draws:

- ``he``: weights start with deviation sqrt(2 / inputs) instead of 0.01, as in conan7882's code;
- ``mean_error``: the squared error is averaged over pixels, ``labelled_epochs``: an epoch is a pass
  over the labelled images alone; TU Delft's code has both, as ``mean_and_labelled`` does, and
  fducau's the second;
- ``no_noise``: none on the encoder's input; ``discriminator_noise``: on the discriminators' inputs
  instead, as in musyoku's code;
- ``fresh_codes``: the generator's step encodes again, with new noise, as in fducau's code (whose
  noise is dropout);
- ``saturating``: the paper's minimax formula taken literally, which no public replication does;
- ``joint``: one optimiser descends the sum of the losses of encoder and decoder, as PyTorch-GAN's
  does (which has no labels and reports no error); here all weigh 1.

What each reported is in published.yaml with its source. They have other departures beside these,
Adam above all, and some have other numbers of labels: their numbers stand beside ours for
orientation and are not compared.

``same_labels`` and ``same_start`` are the literal recipe with one label draw for all, or with one
initialisation (and order of batches, and noise) for all: which of them makes seeds differ?
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .engine.cli import main
from .engine.drawing import Drawing, new_figure, not_run, percent
from .engine.published import published
from .engine.records import Record
from .engine.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .engine.job import Outcome, Run

ITEM = "ablations_semi_supervised"
METRIC = "test_error_percent"
LITERAL = "literal"
# By variant: what its runs differ in.
SPREADS = {
    LITERAL: "over both",
    "same_labels": "over initialisations with one label draw",
    "same_start": "over label draws with one initialisation",
}
COLUMNS = ("what is changed", "error, %", "difference (95 %)", "updates", "others reported, %")
PANELS = 4  # in a row


def train(run: "Run") -> "Outcome":
    """Train the network of Figure 8, with the settings' departures."""
    from .engine.semi_supervised import train_and_test

    return train_and_test(run)


def draw_table(drawing: Drawing) -> None:
    """A row for each variant: our error, its difference to the literal recipe's, and others'."""
    variants = drawing.description.variants
    rows = [
        [name_of(drawing, v), ours(drawing, v), gap(drawing, v), updates(drawing, v), reported(v)]
        for v in variants
    ]
    text = "Error on test images with 100 labels, one departure from the paper's recipe at a time"
    notes = [
        "Ours: mean ± sample deviation over seeds. The difference is that to the first row, with "
        "its 95 % interval by Welch; each interval stands for itself.",
        "Others: their own reports, not the paper's; they have further departures (see the "
        "script), and 100 labels where nothing else is said.",
        *(f"Beside them: {r.text} {r} %." for r in published().items[ITEM].remarks),
        *spread(drawing),
        *mean_images(drawing),
    ]
    Table(drawing.caption(text), COLUMNS, rows, notes).write(drawing.stem)


def name_of(drawing: Drawing, variant: str) -> str:
    return drawing.description.variants[variant].place.removeprefix("Ablation: ")


def errors(drawing: Drawing, variant: str) -> list[float]:
    """Those of the seeds that did not diverge."""
    record = drawing.record(variant)
    return record.values(METRIC) if record else []


def ours(drawing: Drawing, variant: str) -> str:
    """Our error: never blank, and with the seeds that diverged."""
    record = drawing.record(variant)
    if record is None:
        return "not run"
    values, seeds = record.values(METRIC), len(record.seeds)
    lost = f"{seeds - len(values)} of {seeds} diverged" if len(values) < seeds else ""
    if not values:
        return lost
    return f"{percent(values)} (n={len(values)}{lost and ', ' + lost})"


def gap(drawing: Drawing, variant: str) -> str:
    """The difference to the literal recipe; of that itself, and of its repetitions, none."""
    if variant in SPREADS:
        return ""
    values, literal = errors(drawing, variant), errors(drawing, LITERAL)
    if not (values and literal):
        return ""
    shown = f"{np.mean(values) - np.mean(literal):+.2f}"
    interval = welch(values, literal)
    return shown if interval is None else f"{shown} ({interval[0]:+.2f} to {interval[1]:+.2f})"


def welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the difference of two means, whose variances may differ.

    None where there is no variance to judge by.
    """
    from scipy.stats import t  # 1 s to import

    counts = np.array([len(first), len(second)])
    if counts.min() < 2:
        return None
    # Of each mean. scipy's own test warns where one of the two does not vary.
    variances = np.array([np.var(first, ddof=1), np.var(second, ddof=1)]) / counts
    if variances.sum() == 0:
        return None
    freedom = variances.sum() ** 2 / (variances**2 / (counts - 1)).sum()
    half = t.ppf(0.975, freedom) * variances.sum() ** 0.5
    gap = np.mean(first) - np.mean(second)
    return float(gap - half), float(gap + half)


def updates(drawing: Drawing, variant: str) -> str:
    """How many updates were made: the schedules count epochs."""
    record = drawing.record(variant)
    return f"{max(s.provenance.updates for s in record.seeds):,}" if record else ""


def reported(variant: str) -> str:
    """What public replications with this departure report."""
    others = published().items[ITEM].others
    found = [f"{o.values[variant]} ({o.method})" for o in others if variant in o.values]
    return "; ".join(found)


def spread(drawing: Drawing) -> list[str]:
    """How much the literal recipe's runs vary, and with what."""
    values = {v: errors(drawing, v) for v in SPREADS}
    parts = [
        f"{np.std(own, ddof=1):.2f} {SPREADS[v]} (n={len(own)})"
        for v, own in values.items()
        if len(own) > 1
    ]
    return [f"Deviation of the literal recipe's error: {', '.join(parts)}."] if parts else []


def mean_images(drawing: Drawing) -> list[str]:
    """Which variants decode no better than the mean image in a seed or more."""
    records = [(name_of(drawing, v), drawing.record(v)) for v in drawing.description.variants]
    failed = [name for name, record in records if record and any(s.warnings for s in record.seeds)]
    return [f"Decoded no better than the mean image: {'; '.join(failed)}."] if failed else []


def draw_figure(drawing: Drawing) -> None:
    """The learning curves of each variant, before the literal recipe's."""
    from matplotlib.ticker import LogLocator, NullFormatter

    variants = list(drawing.description.variants)
    rows = -(-len(variants) // PANELS)
    figure = new_figure(11, 2.4 * rows + 0.8)
    panels = figure.subplots(rows, PANELS, sharex=True, sharey=True, squeeze=False).flat
    literal = drawing.record(LITERAL)
    for axes, variant in zip(panels, variants, strict=False):
        axes.set(xscale="log", yscale="log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
        axes.set_title(name_of(drawing, variant))
        if literal is not None and variant != LITERAL:
            draw_curve(axes, literal, "0.6")
        record = drawing.record(variant)
        if record is None:
            not_run(axes)
        else:
            axes.set_title(f"{axes.get_title()}\n{ours(drawing, variant)}")
            draw_curve(axes, record, "C0" if variant in SPREADS else "C3")
    for axes in list(panels)[len(variants) :]:
        axes.axis("off")
    figure.supxlabel("updates")
    figure.supylabel("error on test images, %")
    text = "Learning curves with 100 labels: mean and range over seeds; grey, the literal recipe"
    figure.suptitle(drawing.caption(text))
    drawing.save(figure)


def draw_curve(axes: "Axes", record: Record, colour: str) -> None:
    """Mean and range of the error along the updates, over the seeds that did not diverge."""
    steps, values = learning_curve(record)
    if len(steps):
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.25, lw=0)
        axes.plot(steps, values.mean(0), ".-", color=colour, lw=1.2, ms=3)


def learning_curve(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The updates [N] at which the test error was measured, and it [S, N], of S healthy seeds."""
    histories = [seed.history for seed in record.seeds if seed.status == "ok"]
    rows = [[row for row in history if METRIC in row] for history in histories]
    steps = [row["updates"] for row in rows[0]] if rows else []
    return np.array(steps), np.array([[row[METRIC] for row in own] for own in rows])


if __name__ == "__main__":
    main(__file__)
