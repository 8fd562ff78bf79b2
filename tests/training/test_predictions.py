"""What every model says of every test image is stored: of all seeds, also of those added later."""

from pathlib import Path

import numpy as np
import pytest

from replication import cli
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.arrays import read_arrays
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.jobs.predictions import predictions
from replication.training.run import Run
from tests.training.test_weights import ITEM, RECORD, run, shrink


def test_predictions_are_those_that_the_errors_are_of(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    run("train")
    stored = read_arrays(RECORD)["test_predictions"]
    labels = load(experiments().settings_of("smoke", ITEM, "mnist_100")).test.labels.numpy()
    assert (stored.dtype, stored.shape) == (np.uint8, (2, len(labels)))
    errors = [100 * float((own != labels).mean()) for own in stored]
    assert errors == records.read(RECORD).values("test_error_percent")


def test_seeds_that_are_added_join_those_that_are_there(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[1])
    run("train")
    one = read_arrays(RECORD)["test_predictions"]
    shrink(monkeypatch, seeds=[0, 1])
    run("train")
    both = read_arrays(RECORD)["test_predictions"]
    assert both.shape == (2, one.shape[1])
    assert np.array_equal(both[1], one[0])
    assert not np.array_equal(both[0], both[1])


def test_a_seed_that_diverged_has_none(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)
    run("train")
    record, arrays = records.read(RECORD), read_arrays(RECORD)
    lost = record.seeds[0].model_copy(update={"status": "diverged", "metrics": {}})
    kept = arrays["test_predictions"].copy()
    records.write(record.model_copy(update={"seeds": [lost, record.seeds[1]]}), arrays, RECORD)
    shrink(monkeypatch, seeds=[0, 1, 2])
    run("train")
    grown = read_arrays(RECORD)["test_predictions"]
    assert (grown[0] == records.NO_PREDICTION).all()
    assert np.array_equal(grown[1], kept[1])
    assert grown[2].max() <= 9


def test_clusters_are_stored_as_such_and_pictures_of_one_seed(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    cli.run("table3_clustering", ["train", "--variant", "clusters_16"])
    path = records.path_of("smoke", "table3_clustering", "clusters_16")
    arrays = read_arrays(path)
    record = records.read(path)
    assert arrays["test_clusters"].shape == (len(record.seeds), 397)
    assert "test_predictions" not in arrays
    used = [len(np.unique(own)) for own in arrays["test_clusters"]]
    assert used == record.values("clusters_used")
    assert arrays["heads"].shape[0] == 16


def test_a_model_without_a_label_has_none(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)
    cli.run("figure2_prior_matching", ["train", "--variant", "aae_gaussian"])
    arrays = read_arrays(records.path_of("smoke", "figure2_prior_matching", "aae_gaussian"))
    assert "codes" in arrays
    assert not {*records.EVERY_SEED} & {*arrays}


@pytest.mark.parametrize(("size", "names"), [(255, ["test_clusters"]), (256, []), (300, [])])
def test_more_clusters_than_a_byte_can_number_are_not_stored(size: int, names: list[str]) -> None:
    """Cluster 299 would be read as 43, and cluster 255 as no prediction."""
    settings = experiments().settings_of("smoke", "table3_clustering", "clusters_16")
    settings = settings.model_copy(update={"label_dim": size, "hidden_sizes": [16]})
    found = predictions(Run(settings, load(settings), [Seed(0, 0)]))
    assert [*found] == names
