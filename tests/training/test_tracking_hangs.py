"""Tracking by a W&B that never answers: it is waited for once, and costs no training."""

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import wandb

from replication.base import patience
from replication.base.errors import UserError
from replication.training.jobs.tracking import Tracker, check_mode
from tests.training.test_tracking import ROWS, tracker

pytestmark = pytest.mark.usefixtures("no_wandb_session")
NAME = "table2/mnist_100/smoke"
BRIEF = "0.2"  # seconds


@pytest.fixture
def trackers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tracker]]:
    """Two that W&B has started; from now on it is waited for a moment. Nothing hangs afterwards."""
    monkeypatch.setenv("REPLICATION_WANDB_SECONDS", "60")
    started = [tracker(0), tracker(1)]
    monkeypatch.setenv("REPLICATION_WANDB_SECONDS", BRIEF)
    yield started
    patience.hung.clear()
    patience.interrupted.clear()


def hang(*arguments: object, **named: object) -> None:
    threading.Event().wait(60)  # "for ever": far longer than the test waits


@pytest.mark.usefixtures("trackers")
def test_a_start_that_hangs_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb, "init", hang)
    with pytest.raises(UserError) as error:
        tracker(2)
    assert error.value.problem == f"W&B does not start: no answer within {BRIEF} seconds"


@pytest.mark.parametrize("method", ["log", "finish"])
def test_what_hangs_later_is_waited_for_once(
    trackers: list[Tracker],
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(wandb.Run, method, hang)
    began = time.monotonic()
    for each in trackers:
        for row in ROWS:
            each.log(row)
        each.finish({}, "ok")
    assert time.monotonic() - began < 30
    assert capsys.readouterr().err.splitlines() == [
        f"note: W&B no longer tracks {NAME}/seed0-labels10: no answer within {BRIEF} seconds",
        f"note: W&B no longer tracks {NAME}/seed1-labels11: an earlier call had no answer",
    ]


def test_what_hung_costs_no_later_seed_its_training(
    trackers: list[Tracker], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wandb.Run, "log", hang)
    trackers[0].log(ROWS[0])
    later = tracker(2)
    later.log(ROWS[0])
    later.finish({}, "ok")
    assert later.id is None
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"note: W&B does not track {NAME}/seed2-labels12: it hangs"
    ]


def test_ctrl_c_while_it_is_waited_for_adds_no_line(
    trackers: list[Tracker], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("queue.SimpleQueue", lambda: SimpleNamespace(get=interrupt, put=print))
    with pytest.raises(KeyboardInterrupt):
        trackers[0].log(ROWS[0])
    trackers[0].cut()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "1e30"])
def test_a_patience_that_is_no_number_is_refused(
    seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATION_WANDB_SECONDS", seconds)
    with pytest.raises(UserError) as error:
        check_mode()
    told = f"REPLICATION_WANDB_SECONDS is '{seconds}', which is no number of seconds above 0"
    assert error.value.problem == told
