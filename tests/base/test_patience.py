"""A call that hangs is left behind; others are as if they were made here."""

import threading
from collections.abc import Iterator

import pytest

from replication.base.patience import hung, in_time


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    yield
    hung.clear()


def test_an_answer_is_returned() -> None:
    assert in_time(lambda: 3, 60) == 3
    assert not hung.is_set()


def test_an_error_is_raised() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        in_time(fail, 60)
    assert not hung.is_set()


def test_after_a_call_that_hangs_no_other_is_made() -> None:
    made: list[int] = []
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 seconds"):
        in_time(threading.Event().wait, 0.1)
    assert hung.is_set()
    with pytest.raises(TimeoutError, match="an earlier call had no answer"):
        in_time(lambda: made.append(1), 60)
    assert made == []
