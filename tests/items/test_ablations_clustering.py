"""The table and the figure of the clustering's ablations, from stored records."""

from pathlib import Path
from typing import Any

import pytest

from replication import ablations_clustering as ablations
from replication.evidence import records
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments
from tests.tools.builders import make_record, make_seed
from tests.tools.tables import shown_rows

ITEM = "ablations_clustering"
VARIANTS = experiments().items[ITEM].variants


def seed_of(number: int, error: float | None, reconstruction: float) -> Any:
    if error is None:
        return make_seed(seed=number, label_seed=number, status="diverged", metrics={}, history=[])
    metrics = {ablations.METRIC: error} | dict.fromkeys(ablations.MEASURES, 0.5)
    rows = [
        {"epoch": n, "updates": 500 * n, "reconstruction": reconstruction / n, **metrics}
        for n in (1, 2)
    ]
    return make_seed(seed=number, label_seed=number, metrics=metrics, history=rows)


def drawing_of(folder: Path, **seeds: list[tuple[float | None, float]]) -> Drawing:
    """A drawing of stored runs with these test errors and reconstruction errors in training."""
    for variant, own in seeds.items():
        settings = experiments().settings_of("quick", ITEM, variant)
        results = [seed_of(n, *values) for n, values in enumerate(own)]
        names = {"preset": "quick", "item": ITEM, "variant": variant}
        record = make_record(settings=settings, seeds=results, **names)
        records.write(record, {}, records.path_of("quick", ITEM, variant, folder))
    return Drawing("quick", ITEM, folder, folder / "figures")


def rows_of(drawing: Drawing) -> dict[str, dict[str, str]]:
    ablations.draw_table(drawing)
    return dict(zip(VARIANTS, shown_rows(drawing.stem).values(), strict=True))


def test_the_choice_without_labels_goes_by_the_reconstruction_alone(tmp_path: Path) -> None:
    """The seed of the least error is another: whoever has no labels cannot know."""
    rows = rows_of(drawing_of(tmp_path, literal=[(30.0, 21.0), (20.0, 25.0), (40.0, 20.0)]))
    assert rows["literal"]["best"] == "20.00"
    assert rows["literal"]["chosen without labels"] == "40.00"


def test_the_last_panel_of_every_row_has_the_axis_of_the_entropies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [v for v, own in VARIANTS.items() if "quick" in own.presets][:6]
    drawing = drawing_of(tmp_path, **{key: [(30.0, 21.0)] for key in few})
    drawn: list[Any] = []
    monkeypatch.setattr(Drawing, "save", lambda self, figure: drawn.append(figure))
    ablations.draw_figure(drawing)
    beside = [axes for axes in drawn[0].axes if axes.yaxis.get_label_position() == "right"]
    labelled = [bool(axes.get_ylabel()) for axes in beside]
    assert labelled == [False, False, False, True, False, True]


def test_diverged_seeds_are_neither_chosen_nor_forgotten(tmp_path: Path) -> None:
    drawing = drawing_of(
        tmp_path, literal=[(30.0, 21.0), (None, 0.0)], scale_2=[(None, 0.0), (None, 0.0)]
    )
    rows = rows_of(drawing)
    assert rows["literal"]["chosen without labels"] == "30.00"
    assert rows["literal"]["error, %"] == "30.00 (n=1), 1 of 2 diverged"
    assert rows["scale_2"]["error, %"] == "2 of 2 diverged"
    assert rows["scale_2"]["chosen without labels"] == ""
    assert rows["noise"]["error, %"] == "not run"
    ablations.draw_figure(drawing)
    assert drawing.stem.with_suffix(".png").stat().st_size > 0
