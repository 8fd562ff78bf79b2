"""The setting ``data``: a name, or files of the user's own; how it is stored and merged."""

from typing import Any

import pytest

from replication.base.errors import UserError
from replication.settings.data import IdxFolder, NpzFile
from replication.settings.experiments import merge
from replication.settings.reading import parse
from replication.settings.schema import Settings
from tests.tools.builders import SETTINGS, make_experiments, make_settings


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("digits", "digits"),
        ({"idx": "letters"}, IdxFolder(idx="letters")),
        ({"npz": "/elsewhere/mine.npz"}, NpzFile(npz="/elsewhere/mine.npz")),
    ],
)
def test_data_are_stored_as_they_are_written(data: Any, expected: object) -> None:
    settings = make_settings(data=data)
    assert settings.data == expected
    assert settings.model_dump(mode="json")["data"] == data
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert Settings.model_validate(settings.model_dump()) == settings


def test_other_data_ask_for_another_training() -> None:
    others: list[Any] = ["digits", "mnist", {"npz": "a"}, {"npz": "b"}, {"idx": "a"}]
    assert len({make_settings(data=data).training_hash() for data in others}) == len(others)


def test_own_data_are_called_by_their_file() -> None:
    assert NpzFile(npz="some/where/mine.npz").name == "npz:mine"
    assert IdxFolder(idx="some/letters/").name == "idx:letters"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (3, "data: Input should be a name, {idx: folder} or {npz: file}"),
        ({"csv": "mine.csv"}, "data: Input should be a name, {idx: folder} or {npz: file}"),
        ({"idx": "a", "npz": "b"}, "data.idx.npz: Extra inputs are not permitted"),
        ({"npz": ""}, "at least 1 character"),
        ({"idx": 3}, "data.idx: Input should be a valid string"),
    ],
)
def test_wrong_data_are_named(data: Any, fault: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Settings, {**SETTINGS, "data": data}, "here")
    assert fault in caught.value.problem


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    experiments = make_experiments({"settings": {"data": "fashion_mist"}})
    with pytest.raises(UserError, match="there is no 'fashion_mist'; did you mean fashion_mnist"):
        experiments.settings_of("smoke", "table9", "small")


@pytest.mark.parametrize("below", ["digits", {"idx": "letters"}])
def test_data_replace_what_is_below_as_a_whole(below: Any) -> None:
    assert merge({"data": below}, {"data": {"npz": "mine"}}) == {"data": {"npz": "mine"}}
    assert merge({"data": {"npz": "mine"}}, {"data": below}) == {"data": below}
