"""Our own recipe: what is compared on held-out images, and how the table tells it."""

from pathlib import Path

import pytest
import torch

from replication import ours_earlier_recipes as ours
from replication.data.loaders import load
from replication.evidence import records
from replication.measures.evaluate import validation_error
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.run import Run
from tests.tools.builders import make_record, make_seed, make_settings
from tests.tools.tables import shown_rows

ITEM = "ours_earlier_recipes"


def run_of(validation: int) -> Run:
    settings = make_settings(validation_images=validation, epochs=2)
    return Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)])


def test_the_validation_error_is_that_of_the_held_out_images() -> None:
    """By hand, from q(y|x) of each model; not that of the images trained on or tested."""
    run = run_of(300)
    found = validation_error(run.stack, run.dataset)
    held_out = load(make_settings()).train[-300:]
    for index in range(2):
        with torch.no_grad():
            logits = run.stack.model(index).encoder(held_out.images / 255)["label"]
        wrong = (logits.argmax(-1) != held_out.labels).double().mean()
        assert found[index].item() == pytest.approx(100 * wrong.item())


@pytest.mark.parametrize("validation", [0, 300])
def test_held_out_images_are_measured_where_there_are_any(validation: int) -> None:
    outcome = ours.train(run_of(validation))
    assert ("validation_error_percent" in outcome.metrics) == bool(validation)
    assert "test_error_percent" in outcome.fitted.histories[0][-1]


def stored(results: Path, variant: str, values: list[float], validation: int = 300) -> None:
    """A record with these test errors; on held-out images, if there are any, one point more."""
    seeds = []
    for number, value in enumerate(values):
        metrics = {"test_error_percent": value}
        if validation:
            metrics["validation_error_percent"] = value + 1
        rows = [{"epoch": epoch, "updates": epoch, **metrics} for epoch in (1, 2)]
        seeds.append(make_seed(number, metrics=metrics, history=rows))
    settings = make_settings(validation_images=validation)
    names = {"preset": "quick", "item": ITEM, "variant": variant}
    path = records.path_of("quick", ITEM, variant, results)
    records.write(make_record(seeds=seeds, settings=settings, **names), {}, path)


def test_the_table_tells_what_was_tried_and_what_was_not_run(tmp_path: Path) -> None:
    stored(tmp_path, "tried_average", [7.0])
    stored(tmp_path, "mnist_100", [2.0, 4.0], validation=0)
    drawing = Drawing("quick", ITEM, tmp_path, tmp_path / "figures")
    ours.draw_table(drawing)
    ours.draw_figure(drawing)
    rows = [[name, *texts.values()] for name, texts in shown_rows(drawing.stem).items()]
    averaged = next(row for row in rows if "averaged" in row[0])
    assert averaged[1:] == [str(make_settings().epochs), "8.00 (n=1)", "7.00 (n=1)"]
    chosen = next(row for row in rows if row[0].startswith("Our recipe"))
    assert chosen[2:] == ["", "3.00 ± 1.41 (n=2)"], "the chosen recipe trains on all images"
    assert sum(row[2] == "not run" for row in rows) >= 3
    assert drawing.stem.with_suffix(".png").stat().st_size > 10_000


def test_what_is_tried_is_tried_at_quick_alone() -> None:
    assert experiments().runnable(ITEM, "smoke") == ["mnist_100"]
    assert len(experiments().runnable(ITEM, "quick")) > 4
