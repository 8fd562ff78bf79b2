"""The table and the figure of the ablations, from stored records."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from replication import ablations_semi_supervised as ablations
from replication import cli
from replication.evidence import records
from replication.evidence.published import published
from replication.pages import drawing as pages
from replication.pages.ablations import (
    learning_curve,
    learning_curves,
    legend_of,
    missing,
    name_of,
)
from replication.pages.drawing import Drawing
from replication.pages.style import new_figure
from replication.settings import experiments as config
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from tests.tools.builders import make_record, make_seed
from tests.tools.tables import shown_rows

ITEM = ablations.ITEM
VARIANTS = experiments().items[ITEM].variants


def drawing_of(folder: Path, **errors: list[float | None]) -> Drawing:
    """A drawing of stored runs with these test errors; None: the seed diverged."""
    for variant, values in errors.items():
        settings = experiments().settings_of("quick", ITEM, variant)
        seeds = [seed_of(run, value) for run, value in zip(settings.runs, values, strict=False)]
        names = {"preset": "quick", "item": ITEM, "variant": variant}
        record = make_record(settings=settings, seeds=seeds, **names)
        records.write(record, {}, records.path_of("quick", ITEM, variant, folder))
    return Drawing("quick", ITEM, folder, folder / "figures")


def seed_of(run: Seed, error: float | None) -> Any:
    numbers = {"seed": run.seed, "label_seed": run.label_seed}
    if error is None:
        return make_seed(**numbers, status="diverged", metrics={}, history=[])
    history = [
        {"epoch": 1, "updates": 600, "test_error_percent": 2 * error},
        {"epoch": 2, "updates": 1200, "test_error_percent": error},
    ]
    return make_seed(**numbers, metrics={"test_error_percent": error}, history=history)


def rows_of(drawing: Drawing) -> dict[str, dict[str, str]]:
    """The drawn table by variant and column."""
    ablations.draw_table(drawing)
    return dict(zip(VARIANTS, shown_rows(drawing.stem).values(), strict=True))


def notes_of(drawing: Drawing) -> str:
    return drawing.stem.with_suffix(".md").read_text(encoding="utf-8")


def test_a_row_has_our_error_its_difference_and_what_others_report(tmp_path: Path) -> None:
    drawing = drawing_of(tmp_path, literal=[2.0, 2.5, 3.0], mean_error=[6.0, 7.0, 8.0])
    rows = rows_of(drawing)
    assert rows["literal"]["error, %"] == "2.50 ± 0.50 (n=3)"
    assert rows["literal"]["difference (95 %)"] == ""
    assert rows["mean_error"]["error, %"] == "7.00 ± 1.00 (n=3)"
    low, high = ttest_rel([6.0, 7.0, 8.0], [2.0, 2.5, 3.0]).confidence_interval()
    assert 0 < low < 4.5 < high
    assert rows["mean_error"]["difference (95 %)"] == f"+4.50 ± {(high - low) / 2:.2f}"
    delft = published().items[ITEM].others[0]
    value = delft.values["mean_error"]
    assert rows["mean_error"]["others reported, %"] == f"{value} ({delft.method})"
    assert rows["joint"]["error, %"] == "not run"
    assert rows["joint"]["difference (95 %)"] == ""
    assert rows["joint"]["others reported, %"] == ""


def test_diverged_seeds_are_said_to_be_diverged(tmp_path: Path) -> None:
    drawing = drawing_of(
        tmp_path, literal=[2.0, 2.5, 3.0], he=[None, None, None], joint=[None, 5.0, None]
    )
    rows = rows_of(drawing)
    assert rows["he"]["error, %"] == "3 of 3 diverged"
    assert rows["he"]["difference (95 %)"] == ""
    assert rows["joint"]["error, %"] == "5.00 (n=1), 2 of 3 diverged"
    assert rows["joint"]["difference (95 %)"] == "+2.50"
    ablations.draw_figure(drawing)
    assert drawing.stem.with_suffix(".png").stat().st_size > 0


def test_both_sources_of_spread_are_told_apart(tmp_path: Path) -> None:
    drawing = drawing_of(
        tmp_path, literal=[1.0, 3.0, 5.0], same_labels=[1.0, 1.5, 2.0], same_start=[1.0, 2.0, 3.0]
    )
    rows_of(drawing)
    assert (
        "2.00 over both (n=3), 0.50 over initialisations with one label draw (n=3), "
        "1.00 over label draws with one initialisation (n=3)"
    ) in notes_of(drawing)


@pytest.mark.parametrize("preset", config.PRESETS)
def test_the_repetitions_of_the_literal_recipe_differ_in_one_source_of_chance(preset: str) -> None:
    literal, labels, start = (
        experiments().settings_of(preset, ITEM, v) for v in ("literal", "same_labels", "same_start")
    )
    assert literal.training_hash() == labels.training_hash() == start.training_hash()
    count = len(literal.runs)
    assert [r.seed for r in labels.runs] == [r.seed for r in literal.runs]
    assert [r.label_seed for r in start.runs] == [r.label_seed for r in literal.runs]
    assert [r.label_seed for r in labels.runs] == [r.seed for r in start.runs] == [0] * count
    assert len(set(labels.runs)) == len(set(start.runs)) == count


@pytest.mark.parametrize("preset", config.PRESETS)
def test_every_other_variant_changes_what_it_says_and_nothing_else(preset: str) -> None:
    literal = experiments().settings_of(preset, ITEM, "literal").model_dump()
    schedule = {"epochs", "evaluate_every"}
    expected = {
        "he": {"init_std"},
        "no_noise": {"input_noise_std"},
        "discriminator_noise": {"input_noise_std", "differences"},
        "longer": {"phases"} if preset == "quick" else set(),
    }
    for variant in VARIANTS.keys() - ablations.SPREADS.keys():
        values = experiments().settings_of(preset, ITEM, variant).model_dump()
        changed = {name for name in values if values[name] != literal[name]} - schedule
        assert changed == expected.get(variant, {"differences"}), variant


def test_the_literal_recipe_is_that_of_table_2() -> None:
    own = experiments().settings_of("paper", ITEM, "literal")
    assert own == experiments().settings_of("paper", "table2_semi_supervised", "mnist_100")


def test_a_figure_of_many_variants_draws_the_first_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand panels would take an hour, and nobody would look at them."""
    monkeypatch.setattr(pages, "MOST_ROWS", 3)
    variants = list(VARIANTS)
    drawing = drawing_of(tmp_path, **{key: [1.0] for key in variants})
    _, panels = learning_curves(drawing, ablations.METRIC, "literal")
    assert list(panels) == variants[:3]
    drawn: list[Any] = []
    monkeypatch.setattr(pages, "save_figure", lambda figure, stem: drawn.append(figure))
    drawing.save(new_figure(1, 1))
    note = f"The first 3 of {len(variants)} variants; the table's .csv file has all."
    assert drawn[0].get_suptitle().endswith(note)
    assert pages.enumerated(["a", "b", "c", "d", "e"]) == "a, b, c, 2 more"


def test_what_was_not_run_has_no_panel_and_is_named(tmp_path: Path) -> None:
    drawing = drawing_of(tmp_path, literal=[2.0], mean_error=[3.0], he=[None])
    figure, panels = learning_curves(drawing, ablations.METRIC, "literal")
    assert list(panels) == [v for v in VARIANTS if v in ("literal", "mean_error", "he")]
    legend_of(figure, drawing, {})
    told = figure.legends[0].get_title().get_text().split("mean (line)")[0].replace("\n", " ")
    for variant in VARIANTS:
        assert (f"“{name_of(drawing, variant)}”" in told) == (variant not in panels)
    drawing = drawing_of(tmp_path / "none")
    figure, panels = learning_curves(drawing, ablations.METRIC, "literal")
    assert panels == {}
    legend_of(figure, drawing, {})
    assert figure.legends[0].get_title().get_text().startswith("not run: all\n")
    drawing = drawing_of(tmp_path / "all", **{key: [1.0] for key in VARIANTS})
    assert missing(drawing) == ""


def test_titles_end_before_the_next_panel(tmp_path: Path) -> None:
    drawing = drawing_of(tmp_path, **{key: [1.0] for key in VARIANTS})
    figure, panels = learning_curves(drawing, ablations.METRIC, "literal")
    legend_of(figure, drawing, {})
    figure.draw_without_rendering()
    for left, right in pairwise(panels.values()):
        if (end := right.get_window_extent().x0) > left.get_window_extent().x0:
            assert left.title.get_window_extent().x1 < end


def test_learning_curves_are_those_of_the_healthy_seeds(tmp_path: Path) -> None:
    record = drawing_of(tmp_path, literal=[2.0, None, 3.0]).record("literal")
    assert record is not None
    steps, values = learning_curve(record, ablations.METRIC)
    assert steps.tolist() == [600, 1200]
    np.testing.assert_array_equal(values, [[4.0, 2.0], [6.0, 3.0]])


def test_runs_that_share_their_seed_share_a_worker(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes with the same seed would train the same runs, and one fail at the lock."""
    started: list[str] = []

    class Process:
        def __init__(self, command: list[str], **_: object):
            assert command[0] == sys.executable
            started.append(command[command.index("--only") + 1])

        def poll(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    for variant in ("same_start", "same_labels"):
        with pytest.raises(SystemExit) as error:
            cli.main(f"{ITEM}.py", ["train", "--variant", variant, "--workers", "2"])
        assert error.value.code == 0
    assert sorted(started[1:]) == ["0", "1"]
    assert started[0] == "0"
