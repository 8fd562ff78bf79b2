"""The controls of Table 1: samples that take no model, and their table and figure."""

from pathlib import Path

import numpy as np
import pytest
import torch

from replication import cli
from replication import controls_log_likelihood as controls
from replication.data.dataset import scaled
from replication.data.loaders import load
from replication.evidence import records
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from tests.tools.tables import shown_rows

ITEM = "controls_log_likelihood"
SETTINGS = experiments().settings_of("smoke", ITEM, controls.VARIANT)


def test_training_images_are_drawn_without_repetition_and_none_is_held_out() -> None:
    data = load(SETTINGS)
    drawn = controls.control_samples(data, 200, Seed(3, 3))
    chosen = {tuple(row) for row in drawn["training_images"].tolist()}
    every = {tuple(row) for row in scaled(data.train.images).tolist()}
    assert len(drawn["training_images"]) == 200
    assert chosen <= every
    assert len(chosen) > 190, "a few digits of 8x8 pixels are equal"
    assert len(drawn["all_training_images"]) == len(data.train)
    assert len(drawn["centroids"]) == 200
    again = controls.control_samples(data, 200, Seed(3, 3))
    for name, samples in drawn.items():
        torch.testing.assert_close(again[name], samples, rtol=0, atol=0)


def test_centroids_of_tight_groups_are_their_means() -> None:
    stream = torch.Generator().manual_seed(0)
    centres = torch.eye(4, 9)
    images = centres.repeat(300, 1) + 0.01 * torch.randn(1200, 9, generator=stream)
    # As many means as groups could share a group at the start; with spare ones each has its own.
    found = controls.centroids(images, 20, seed=0)
    nearest = torch.cdist(centres, found).amin(1)
    assert (nearest < 0.05).all()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controls")
    arguments = ["train", "--preset", "smoke", "--variant", controls.VARIANT, "--seeds", "0,1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cli.run(ITEM, [*arguments, "--results", str(folder)])
    return folder


def test_a_measure_that_prefers_copies_shows_it(stored: Path) -> None:
    record = records.read(records.path_of("smoke", ITEM, controls.VARIANT, stored))
    for name in controls.CONTROLS:
        values = np.array(record.values(f"log_likelihood_{name}"))
        assert np.isfinite(values).all()
        assert len(values) == 2
    memory = record.values("log_likelihood_all_training_images")
    assert memory[0] == memory[1], "there is no chance in all of the images"
    assert record.values("samples_all_training_images")[0] == record.dataset.train


def test_table_and_figure_do_without_the_models(stored: Path, tmp_path: Path) -> None:
    drawing = Drawing("smoke", ITEM, stored, tmp_path)
    controls.draw_table(drawing)
    controls.draw_figure(drawing)
    rows = shown_rows(drawing.stem)
    assert rows["AAE"]["log-likelihood"] == "not run"
    for text in controls.CONTROLS.values():
        assert "(n=2)" in rows[text]["log-likelihood"]
    assert drawing.stem.with_suffix(".png").stat().st_size > 0


def test_nothing_stored_is_said_to_be_not_run(tmp_path: Path) -> None:
    drawing = Drawing("quick", ITEM, tmp_path, tmp_path / "figures")
    controls.draw_table(drawing)
    controls.draw_figure(drawing)
    text = drawing.stem.with_suffix(".md").read_text(encoding="utf-8")
    assert text.count("not run") == len(controls.CONTROLS) + len(controls.MODELS)
