"""Numbers among a command's options: what is refused, and that the line says what is expected."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replication.base.durations import duration
from replication.base.errors import UserError
from replication.base.options import (
    amount,
    endings,
    folder_to_read,
    positive,
    whole,
    whole_numbers,
)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (positive, "1", 1),
        (positive, "60000", 60000),
        (whole(0), "0", 0),
        (whole(1000, 60000), "60000", 60000),
        (amount("number of hours"), "2.5", 2.5),
        (amount("number of hours"), "0", 0.0),
        (amount("share", most=1), "1", 1.0),
        (whole_numbers("seeds", "0,2"), "0,2", [0, 2]),
        (whole_numbers("seeds", "0,2"), "7", [7]),
    ],
)
def test_numbers_are_read(read: Callable[[str], Any], text: str, value: Any) -> None:
    assert read(text) == value
    assert type(read(text)) is type(value)


HUGE = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    ("read", "wrong", "line"),
    [
        (positive, ["0", "-1", "1.5", "1e3", "x", "", HUGE], "is no whole number of at least 1"),
        (
            whole(2, why="one has no interval"),
            ["1"],
            "is no whole number of at least 2: one has no interval",
        ),
        (whole(1000, 60000), ["999", "60001", "x"], "is no whole number from 1000 to 60000"),
        (
            amount("number of hours"),
            ["-1", "nan", "inf", "abc", ""],
            "is no number of hours, 0 or more",
        ),
        (amount("share", most=1), ["1.5", "-0.1"], "is no share, from 0 to 1"),
        (
            whole_numbers("seeds", "0,2"),
            ["a", "0,", "0,-2", "1.5"],
            "is no list of seeds such as 0,2",
        ),
    ],
)
def test_what_is_no_such_number_is_refused(
    read: Callable[[str], Any], wrong: list[str], line: str
) -> None:
    for text in wrong:
        with pytest.raises(ArgumentTypeError) as error:
            read(text)
        assert str(error.value) == f"'{text}' {line}"


def test_the_ending_of_a_file_to_write_is_known_before_the_work() -> None:
    read = endings(".png", ".npy")
    assert read("a/b.npy") == Path("a/b.npy")
    for text in ("codes.csv", "codes", ".npy", ""):
        with pytest.raises(UserError, match=r"name a file that ends in \.png or \.npy"):
            read(text)


def test_a_folder_to_read_is_there(tmp_path: Path) -> None:
    assert folder_to_read(str(tmp_path)) == tmp_path
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(UserError, match=f"there is no folder .*{name}; correct its name"):
            folder_to_read(str(tmp_path / name))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(41.6, "42 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
