"""Every reader, given damaged files: a value or one line, never anything else."""

import json
from pathlib import Path
from random import Random

import pytest

from bench import damage, readers
from bench.every_reader import Reader
from bench.every_reader import readers as every_reader
from replication.base.errors import UserError

EVERY = {reader.name: reader for reader in every_reader()}


@pytest.mark.parametrize("reader", EVERY.values(), ids=EVERY)
def test_what_is_not_damaged_is_read(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / reader.place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(reader.make(damage.Undamaged()))
    reader.read(path)


@pytest.mark.faults
@pytest.mark.parametrize("name", EVERY)
def test_damaged_inputs_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """Other inputs than those of the long run, whose seed is 1."""
    found = readers.run(3000, seed=2, folder=tmp_path, only=[name])[name]
    assert found.errors == []
    assert found.inputs >= 1


def test_a_folder_in_a_files_place_is_one_line(tmp_path: Path) -> None:
    for reader in EVERY.values():
        path = tmp_path / reader.name / reader.place
        path.mkdir(parents=True)
        with pytest.raises(UserError):
            reader.read(path)


def test_the_same_seed_gives_the_same_damage() -> None:
    for reader in EVERY.values():
        first, again, *others = (reader.make(Random(seed)) for seed in (5, 5, 6, 7, 8, 9))
        assert first == again, reader.name
        assert any(other != first for other in others), reader.name


def test_another_exception_is_counted_and_its_input_kept(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        raise ValueError("two\nlines")

    reader = Reader("a reader", 1, "file", lambda random: b"content", read)
    found = readers.tried(reader, 1, 2, tmp_path)
    assert (found.inputs, found.refused, len(found.errors)) == (2, 0, 2)
    assert [p.read_bytes() for p in tmp_path.iterdir() if p.is_file()] == [b"content"] * 2


def test_the_figures_have_date_machine_and_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "readers.json"
    assert readers.main(["--inputs", "30", "--seed", "3", "--out", str(out)]) == 0
    values = json.loads(out.read_text())
    assert values["seed"] == 3
    assert values["date"]
    assert values["machine"]["torch"]
    assert values["readers"].keys() == EVERY.keys()
    assert all(row["inputs"] >= 1 for row in values["readers"].values())
    assert not any(row["errors"] for row in values["readers"].values())
    printed = capsys.readouterr().out
    assert "idx.gz" in printed
    assert str(out) in printed
