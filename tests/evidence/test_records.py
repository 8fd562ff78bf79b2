"""Records: read back as they were, refused when damaged or foreign, whole or absent."""

import io
import json
import math
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.evidence import records
from replication.evidence.arrays import read_arrays
from tests.tools.builders import make_record, make_seed, make_settings
from tests.tools.disk import fill_the_disk, names_in

ARRAYS = {
    "codes": np.arange(12, dtype=np.float32).reshape(6, 2),
    "labels": np.arange(6, dtype=np.uint8),
}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A record at its place, with arrays."""
    path = records.path_of("quick", "table9", "small", tmp_path)
    records.write(make_record(), ARRAYS, path)
    return path


# Records


def test_a_record_is_read_back_as_it_was(stored: Path) -> None:
    assert stored.parts[-3:] == ("quick", "table9", "small.json")
    assert records.read(stored) == make_record()
    assert records.read(stored).settings.training_hash() == make_record().training_hash


def test_history_keeps_counts_and_losses_apart(stored: Path) -> None:
    row = records.read(stored).seeds[0].history[0]
    assert {name: type(value) for name, value in row.items()} == {
        "epoch": int,
        "updates": int,
        "reconstruction": float,
    }


def test_a_seed_that_diverged_at_once_has_an_empty_history(tmp_path: Path) -> None:
    seeds = [make_seed(0, status="diverged", metrics={}, history=[]), make_seed(1)]
    path = records.path_of("quick", "table9", "small", tmp_path)
    records.write(make_record(seeds=seeds), {}, path)
    assert records.read(path).seeds == seeds


def test_arrays_are_read_back_as_they_were(stored: Path) -> None:
    arrays = read_arrays(stored)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_equal_records_are_equal_bytes(stored: Path, tmp_path: Path) -> None:
    again = records.path_of("quick", "table9", "small", tmp_path / "again")
    records.write(make_record(), ARRAYS, again)
    assert names_in(again.parent) == names_in(stored.parent) == ["small.json", "small.npz"]
    for ending in (".json", ".npz"):
        assert again.with_suffix(ending).read_bytes() == stored.with_suffix(ending).read_bytes()


def test_a_new_record_without_arrays_leaves_no_old_ones(stored: Path) -> None:
    """Every seed of the new record diverged: a figure must not draw the codes of the old one."""
    seeds = [make_seed(0, status="diverged", metrics={})]
    records.write(make_record(seeds=seeds), {}, stored)
    assert names_in(stored.parent) == ["small.json"]


def test_values_are_those_of_the_seeds_that_did_not_diverge() -> None:
    seeds = [make_seed(0), make_seed(1, status="diverged", metrics={}), make_seed(2)]
    record = make_record(seeds=seeds)
    assert record.values("test_error_percent") == [1.5, 2.0]
    with pytest.raises(UserError, match="no_such_metric"):
        record.values("no_such_metric")


@pytest.mark.parametrize(
    ("changes", "stable"),
    [({}, True), ({"status": "diverged", "metrics": {}}, False), ({"warnings": ["odd"]}, False)],
)
def test_a_record_with_a_suspect_seed_is_not_stable(changes: dict[str, Any], stable: bool) -> None:
    assert make_record(seeds=[make_seed(0), make_seed(1, **changes)]).stable == stable


@pytest.mark.parametrize(
    ("metrics", "count"),
    [
        ({}, 0),
        ({"test_reconstruction_per_pixel": 0.05}, 0),
        ({"mean_image_per_pixel": 0.05}, 0),
        ({"test_reconstruction_per_pixel": 0.02, "mean_image_per_pixel": 0.05}, 0),
        ({"test_reconstruction_per_pixel": 0.0495, "mean_image_per_pixel": 0.05}, 1),
        ({"test_reconstruction_per_pixel": 0.06, "mean_image_per_pixel": 0.05}, 1),
    ],
)
def test_a_model_that_answers_the_mean_image_is_warned_of(
    metrics: dict[str, float], count: int
) -> None:
    assert len(records.warnings_of(metrics)) == count


# Records that are refused


def assert_refused(path: Path, fault: str) -> None:
    """Reading ``path`` names it, says what is wrong and what to do, in one line."""
    with pytest.raises(UserError) as caught:
        records.read(path)
    assert str(path) in caught.value.problem
    assert re.search(fault, caught.value.problem)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_record_cut_at_any_byte_is_refused(stored: Path) -> None:
    """But for the line break at its end, which is not missed."""
    whole = len(stored.read_bytes().rstrip())
    for length in reversed(range(whole)):
        os.truncate(stored, length)
        assert_refused(stored, "is damaged")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_has_not_is_refused(stored: Path, constant: str) -> None:
    stored.write_text(stored.read_text().replace("1.75", constant))
    assert_refused(stored, f"is damaged: {constant}")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"", "is damaged", id="empty"),
        pytest.param(b"\x89PNG\r\n", "is damaged", id="image"),
        pytest.param(b"{}", "is no record: schema_version", id="empty object"),
        pytest.param(b"[]", "is no record", id="list"),
        pytest.param(b"1", "is no record", id="number"),
        pytest.param(b'{"schema_version": "1"}', "is no record: schema_version", id="text version"),
        pytest.param(b"[" * 10**5, "is damaged", id="deep"),
    ],
)
def test_a_foreign_file_is_refused(stored: Path, content: bytes, fault: str) -> None:
    stored.write_bytes(content)
    assert_refused(stored, fault)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"status": "ok"', '"status": "fine"', "seeds.0.status"),
        ('"seed": 0', '"seed": "0"', "seeds.0.seed"),
        ('"seed": 0', '"sead": 0', "seeds.0"),
        ('"epochs": 4', '"epochs": -4', "settings.epochs"),
        ('"dirty": false', '"dirty": 0', "seeds.0.provenance.dirty"),
        ("1.75", "1e999", "seeds.1.metrics.test_error_percent"),
    ],
)
def test_a_record_edited_into_nonsense_is_refused(
    stored: Path, old: str, new: str, key: str
) -> None:
    text = stored.read_text()
    assert old in text
    stored.write_text(text.replace(old, new))
    assert_refused(stored, f"is no record: {re.escape(key)}")


def test_a_record_of_a_newer_suite_is_refused(stored: Path) -> None:
    stored.write_text(json.dumps({**json.loads(stored.read_text()), "schema_version": 3}))
    with pytest.raises(UserError, match=r"newer version.*schema 3.*update the suite") as caught:
        records.read(stored)
    assert str(stored) in caught.value.problem


@pytest.mark.parametrize(
    "place", ["quick/table9/large", "quick/table8/small", "paper/table9/small"]
)
def test_a_record_at_anothers_place_is_refused(stored: Path, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / f"{place}.json"
    write_atomically(elsewhere, stored.read_bytes())
    assert_refused(elsewhere, "is the record of quick/table9/small")


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path / "quick" / "table9" / "small.json", "No such file")


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no zip file", id="foreign"),
        pytest.param(npz(codes=ARRAYS["codes"])[:-30], id="cut"),
        pytest.param(npz(codes=ARRAYS["codes"]).replace(b"\x80?", b"\x81?"), id="changed number"),
        pytest.param(npy(ARRAYS["codes"]), id="a lone array"),
        pytest.param(npz(codes=np.array([{}, {}], dtype=object)), id="array of objects"),
        pytest.param(pickle.dumps({"codes": 1}), id="pickle"),
    ],
)
def test_wrong_arrays_are_refused(stored: Path, content: bytes | None) -> None:
    path = stored.with_suffix(".npz")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_arrays(stored)
    assert str(path) in caught.value.problem
    assert "train that variant again" in caught.value.remedy


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_record_with_a_number_that_is_not_finite_cannot_be_made(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        make_seed(metrics={"test_error_percent": value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_writing_a_number_that_is_not_finite_leaves_no_file(tmp_path: Path, value: float) -> None:
    record = make_record()
    record.seeds[0].metrics["test_error_percent"] = value
    with pytest.raises(ValueError, match="float"):
        records.write(record, ARRAYS, records.path_of("quick", "table9", "small", tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_leaves_the_old_record(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_the_disk(monkeypatch)
    with pytest.raises(UserError, match="No space left on device"):
        records.write(make_record(seeds=[make_seed(7)]), {"codes": np.zeros(3)}, stored)
    assert records.read(stored) == make_record()
    assert read_arrays(stored).keys() == ARRAYS.keys()


def test_settings_in_a_record_keep_their_hash(stored: Path) -> None:
    record = records.read(stored)
    assert record.settings == make_settings()
    assert record.settings.training_hash() == record.training_hash


@pytest.mark.parametrize(
    ("seeds", "problem"),
    [([0, 0], "one stands twice"), ([0, 7], "not among those of the settings"), ([], "none")],
)
def test_a_record_has_seeds_of_its_settings_once_each(seeds: list[int], problem: str) -> None:
    values = make_record().model_dump() | {"seeds": [make_seed(seed) for seed in seeds]}
    with pytest.raises(ValueError, match=problem):
        records.Record.model_validate(values)


def test_a_record_may_have_fewer_seeds_than_its_settings() -> None:
    values = make_record().model_dump() | {"seeds": [make_seed(1)]}
    assert [seed.seed for seed in records.Record.model_validate(values).seeds] == [1]


def test_a_key_that_stands_twice_is_refused(stored: Path) -> None:
    """JSON lets the last one win in silence."""
    text = stored.read_text()
    stored.write_text(text.replace('"status": "ok"', '"status": "diverged", "status": "ok"', 1))
    assert_refused(stored, "is damaged: 'status' stands twice")


def test_verdicts_are_no_records_to_migrate(tmp_path: Path) -> None:
    path = tmp_path / "quick" / "verdicts" / "table9.json"
    write_atomically(path, b'{"preset": "quick"}')
    assert records.migrate(tmp_path) == []
    assert path.read_bytes() == b'{"preset": "quick"}'
