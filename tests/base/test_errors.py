"""An error is one line that a terminal can show, whatever the names in it are."""

import pytest

from replication.base.errors import UserError


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.npz", "a.npz"),
        ("ünï côdé 数", "ünï côdé 数"),
        ("two\nlines", r"two\nlines"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u2028\u202e", r"\u2028\u202e"),
        ("\udcff", r"\udcff"),
    ],
)
def test_an_error_is_one_line(name: str, shown: str) -> None:
    error = UserError(f"no {name}", f"copy {name}")
    assert str(error) == f"no {shown}; copy {shown}"
    assert (error.problem, error.remedy) == (f"no {shown}", f"copy {shown}")
