"""Records of schema 1 in today's words: names change, numbers do not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from replication.base.errors import UserError
from replication.evidence import migration, records
from replication.settings.schema import Settings

ROOT = Path(__file__).parents[2]
OLD = Path(__file__).parent / "old"
PLACE = Path("quick") / "companion_alae" / "floors.json"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A committed record of schema 1, at its place."""
    path = tmp_path / PLACE
    path.parent.mkdir(parents=True)
    path.write_bytes((OLD / "floors.json").read_bytes())
    return path


def test_an_old_record_is_read_as_a_new_one(old: Path) -> None:
    before, record = json.loads(old.read_text()), records.read(old)
    assert (before["schema_version"], record.schema_version) == (1, 2)
    assert record.settings.hidden_sizes == before["settings"]["hidden"]
    assert not any(seed.provenance.captured for seed in record.seeds)
    assert record.settings.svm_images == before["settings"]["alae"]["classified"]
    assert record.training_hash == record.settings.training_hash()
    assert record.measuring_hash == record.settings.measuring_hash()
    assert record.code_hash == before["code_hash"]


def test_no_number_changes(old: Path) -> None:
    before = json.loads(old.read_text())
    assert records.migrate(old.parents[2]) == [old]
    after = json.loads(old.read_text())
    assert after["dataset"] == before["dataset"]
    for new, was in zip(after["seeds"], before["seeds"], strict=True):
        assert [*new["metrics"].values()] == [*was["metrics"].values()]
        assert [[*row.values()] for row in new["history"]] == [
            [*row.values()] for row in was["history"]
        ]
        assert {k: new["provenance"][k] for k in was["provenance"]} == was["provenance"]
        for key in ("seed", "label_seed", "status", "warnings"):
            assert new[key] == was[key]


def test_a_rewritten_record_is_sealed_and_left_alone_afterwards(old: Path) -> None:
    records.migrate(old.parents[2])
    content = old.read_bytes()
    assert records.migrate(old.parents[2]) == []
    assert old.read_bytes() == content
    values = json.loads(content)
    assert values["seal"] == records.seal_of(values)


def test_a_number_that_was_edited_is_found(old: Path) -> None:
    records.migrate(old.parents[2])
    values = json.loads(old.read_text())
    name = next(iter(values["seeds"][0]["metrics"]))
    values["seeds"][0]["metrics"][name] += 0.01
    old.write_text(json.dumps(values))
    with pytest.raises(UserError, match="was edited"):
        records.read(old)


def test_optimisers_have_the_names_of_torch() -> None:
    adam = {"method": "adam", "rate": {"0": 0.1}, "momentum": 0.5, "second_momentum": 0.99}
    phases = {"discriminator": adam, "generator": None, "reconstruction": {"rate": {"0": 1.0}}}
    new = migration.settings_to_two({"phases": phases})["phases"]
    assert new["discriminator"] == {
        "method": "adam",
        "learning_rate": {"0": 0.1},
        "momentum": 0.0,
        "betas": [0.5, 0.99],
    }
    assert new["generator"] is None
    assert new["reconstruction"] == {"learning_rate": {"0": 1.0}}


@pytest.mark.parametrize(
    ("old_name", "new_name"),
    [
        ("deviation_10000", "bandwidth_10000"),
        ("deviation_all_training_images", "bandwidth_all_training_images"),
        ("fid_floor", "fid_sampling_noise"),
        ("test_error_percent", "test_error_percent"),
    ],
)
def test_metrics_have_the_names_of_the_field(old_name: str, new_name: str) -> None:
    seed = {"metrics": {old_name: 1.5}, "history": [{"epoch": 1, old_name: 2.5}]}
    record = {"settings": json.loads((OLD / "floors.json").read_text())["settings"]}
    new = migration.one_to_two(record | {"seeds": [seed]})["seeds"][0]
    assert new == {"metrics": {new_name: 1.5}, "history": [{"epoch": 1, new_name: 2.5}]}


@pytest.mark.parametrize("content", [{}, {"schema_version": 1}, {"schema_version": 1, "seeds": 3}])
def test_a_broken_old_record_is_one_line(old: Path, content: dict) -> None:
    old.write_text(json.dumps(content))
    with pytest.raises(UserError, match="is no record"):
        records.read(old)


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*/*/*.json")), ids=str)
def test_a_committed_record_is_of_todays_schema(path: Path) -> None:
    if path.parent.name == "verdicts":
        return
    values = json.loads(path.read_text())
    assert values["schema_version"] == migration.SCHEMA
    settings = Settings.model_validate_json(json.dumps(values["settings"]))
    assert values["training_hash"] == settings.training_hash()
    assert values["measuring_hash"] == settings.measuring_hash()
    assert records.read(path)


def test_the_command_says_what_it_rewrote(old: Path) -> None:
    command = [sys.executable, "-m", "replication", "migrate", "--results", str(old.parents[2])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(old), "1 records rewritten"]
