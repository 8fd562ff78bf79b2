"""What every model says of every test image is stored: of all seeds, also of those added later."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from replication import cli
from replication.base.errors import UserError
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.arrays import read_arrays
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.jobs.arrays import arrays_of
from replication.training.jobs.predictions import predictions
from replication.training.run import Run
from tests.tools.builders import make_record, make_seed
from tests.training.test_weights import ITEM, RECORD, run, shrink

EACH = (*records.EVERY_SEED, records.SEEDS)


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


def forget_checkpoints() -> None:
    """As in a fresh clone."""
    for path in Path(".checkpoints").rglob("*"):
        if path.is_file():
            path.unlink()


def cut_between_the_two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training ends when the arrays are stored and the record is not."""
    write = records.write_atomically

    def limited(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(records, "write_atomically", limited)
        with pytest.raises(KeyboardInterrupt):
            run("train")


@pytest.mark.parametrize("seeds", [[0, 1, 2], [3, 2, 1, 0], [1, 2]])
def test_arrays_that_a_kill_left_without_their_record_are_taken_by_seed(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, seeds: list[int]
) -> None:
    """Of seed 1 nothing else is left; it is at another place among the seeds now."""
    shrink(monkeypatch, seeds=seeds)
    run("train")
    whole = read_arrays(RECORD)
    monkeypatch.chdir(workdir.joinpath("cut").mkdir() or workdir / "cut")
    shrink(monkeypatch, seeds=[1])
    run("train")
    forget_checkpoints()
    shrink(monkeypatch, seeds=[0, 1, 2])
    cut_between_the_two_files(monkeypatch)
    assert [len(records.read(RECORD).seeds), len(read_arrays(RECORD)["test_predictions"])] == [1, 3]
    shrink(monkeypatch, seeds=seeds)
    run("train")
    healed = read_arrays(RECORD)
    assert [seed.seed for seed in records.read(RECORD).seeds] == seeds
    assert healed.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(healed[name], array)


def test_what_is_drawn_is_of_the_first_seed_that_did_not_diverge(tmp_path: Path) -> None:
    """Seed 0 was added and has diverged; a kill came before the record said so."""
    path = records.path_of("quick", "table9", "small", tmp_path)
    record = make_record(seeds=[make_seed(1)])
    codes = np.ones((3, 2), np.float32)
    records.write(record, {"codes": codes, records.SEEDS: np.array([[0, 0], [1, 1]])}, path)
    results = [make_seed(0, status="diverged", metrics={}), *record.seeds]
    variant: Any = SimpleNamespace(record=path)
    found = arrays_of({Seed(0, 0): {"codes": torch.zeros(3, 2)}}, results, variant)
    np.testing.assert_array_equal(found["codes"], codes)


@pytest.mark.parametrize("told", [True, False])
def test_arrays_of_fewer_seeds_than_the_record_has_are_refused(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Those of an older commit, say, which may tell their seeds or not."""
    shrink(monkeypatch)
    run("train")
    arrays = dict(read_arrays(RECORD))
    fewer = {name: array[:1] for name, array in arrays.items() if name in EACH}
    if not told:
        del arrays[records.SEEDS], fewer[records.SEEDS]
    records.write(records.read(RECORD), arrays | fewer, RECORD)
    shrink(monkeypatch, seeds=[0, 1, 2])
    message = "has nothing of seed 1" if told else "test_predictions is of 1 seeds, not 2"
    with pytest.raises(UserError, match=f"{message}.*; measure that variant again"):
        run("train")
    run("measure")
    assert len(read_arrays(RECORD)["test_predictions"]) == 3


def test_arrays_that_do_not_tell_their_seeds_are_of_those_of_the_record(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[1])
    run("train")
    older = {n: array for n, array in read_arrays(RECORD).items() if n != records.SEEDS}
    records.write(records.read(RECORD), older, RECORD)
    forget_checkpoints()
    shrink(monkeypatch, seeds=[0, 1])
    run("train")
    grown = read_arrays(RECORD)
    assert np.array_equal(grown["test_predictions"][1], older["test_predictions"][0])
    assert grown[records.SEEDS].tolist() == [[0, 0], [1, 1]]


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
