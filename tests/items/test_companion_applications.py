"""The companion's uses as a whole: trained, stored, its table and figure."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from replication import companion_applications as companion
from replication.data.loaders import load
from replication.evidence import records
from replication.pages.drawing import Drawing
from replication.pages.stored_tables import read_tables
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings
from replication.training.run import Outcome, Run
from tests.tools.builders import make_record, make_seed
from tests.tools.tables import shown_rows

ITEM = "companion_applications"
SMOKE = experiments().runnable(ITEM, "smoke")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Settings, Outcome]]:
    """Of each smoke variant, two stacked seeds after one epoch."""
    found = {}
    small = {
        "augmentation": {"generated_images": 100, "classifier_updates": 20},
        "features": {"label_counts": [10, 100]},
    }
    for variant in SMOKE:
        torch.set_num_threads(1)
        settings = experiments().settings_of("smoke", ITEM, variant)
        assert settings.application is not None
        less = small.get(settings.application.kind, {})
        application = settings.application.model_copy(update=less)
        changes = {"epochs": 1, "evaluate_every": 1, "application": application}
        settings = settings.model_copy(update=changes)
        seeds = [Seed(0, 0), Seed(1, 1)]
        run = Run(settings, load(settings), seeds)
        found[variant] = settings, companion.train(run)
    return found


@pytest.fixture
def stored(trained: dict[str, tuple[Settings, Outcome]], tmp_path: Path) -> Callable[..., Drawing]:
    def store(*left_out: str, diverged: bool = False) -> Drawing:
        for variant in set(SMOKE) - set(left_out):
            (settings, outcome), seeds = trained[variant], []
            for i in range(2):
                metrics = {name: float(own[i]) for name, own in outcome.metrics.items()}
                status = {"status": "diverged", "metrics": {}} if diverged else {"metrics": metrics}
                seeds.append(make_seed(i, **status))
            names = {"preset": "smoke", "item": ITEM, "variant": variant}
            record = make_record(settings=settings, seeds=seeds, **names)
            arrays = {} if diverged else {n: a[0].numpy() for n, a in outcome.arrays.items()}
            records.write(record, arrays, records.path_of("smoke", ITEM, variant, tmp_path))
        return Drawing("smoke", ITEM, tmp_path, tmp_path / "figures")

    return store


def rows_of(drawing: Drawing) -> dict[str, dict[str, str]]:
    companion.draw_table(drawing)
    return shown_rows(drawing.stem)


def test_every_application_measures_every_seed(
    trained: dict[str, tuple[Settings, Outcome]],
) -> None:
    for variant, (_, outcome) in trained.items():
        assert len(outcome.metrics) > 3, variant
        for name, own in outcome.metrics.items():
            assert own.shape == (2,), (variant, name)
            assert own.isfinite().all(), (variant, name)
    assert trained["generation_aae"][1].arrays["samples"].shape == (2, 64, 64)
    assert trained["augmentation_100"][1].arrays["generated"].shape == (2, 8, 10, 64)
    first, second = trained["augmentation_100"][1].arrays["generated"]
    assert (first != second).any()


def test_each_use_has_a_table_with_what_it_is_compared_with(stored: Callable[..., Drawing]) -> None:
    drawing = stored()
    rows = rows_of(drawing)
    assert len(list(read_tables(drawing.stem))) == 5
    assert not any("not run" in text for row in rows.values() for text in row.values())
    assert [*rows["FID to test images"]] == ["AAE", "VAE, same networks", "real images"]
    assert "AUROC, mean over 2 digits" in rows
    assert rows["AUROC, digit 0"]["chance"] == "50.00"
    assert "with copies" in rows["100 labels"]
    assert "largest class" in rows["10 labels, logistic regression"]
    found = {name: float(text.split()[0]) for name, text in rows["precision at 100"].items()}
    assert 8 < found["chance"] < 12 < found["bits of principal components"] < found["pixels"]


def test_what_was_not_run_and_what_diverged_says_so(stored: Callable[..., Drawing]) -> None:
    rows = rows_of(stored("generation_vae", "anomaly_1", "augmentation_100", "features"))
    assert rows["AUROC, digit 1"]["prior's density"] == "not run"
    assert "not run" not in rows["AUROC, digit 0"].values()
    assert rows["FID to test images"]["VAE, same networks"] == "not run"
    assert set(rows["10 labels, nearest neighbours"].values()) == {"not run"}
    rows = rows_of(stored(diverged=True))
    assert rows.pop("AUROC, mean over 0 digits")["discriminator"] == "diverged"
    assert all("diverged" in row.values() for name, row in rows.items())


@pytest.mark.parametrize("diverged", [False, True])
def test_the_figure_is_drawn(stored: Callable[..., Drawing], diverged: bool) -> None:
    drawing = stored(diverged=diverged)
    companion.draw_figure(drawing)
    assert drawing.stem.with_suffix(".png").stat().st_size > 0


def test_nothing_stored_is_drawn(tmp_path: Path) -> None:
    rows = rows_of(Drawing("quick", ITEM, tmp_path, tmp_path / "figures"))
    assert all("not run" in row.values() for row in rows.values())
    assert sum(", digit " in name for name in rows) == 20
    # A variant of the preset quick alone.
    assert rows["FID to test images"]["AAE, 30 epochs"] == "not run"
    companion.draw_figure(Drawing("quick", ITEM, tmp_path, tmp_path / "figures"))
