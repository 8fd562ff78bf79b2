"""Progress: one line that never wraps, the time of the whole command, plain lines in a log."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from replication.training.jobs import progress
from replication.training.jobs.progress import Progress, fitting

ROOT = Path(__file__).parents[2]
LOSSES = {"reconstruction": 2.98, "discriminator": 2.83, "test_error_percent": 11.59}
RUNS = """
import time
from replication.training.jobs.progress import Progress
for run in (1, 2, 3):
    told = Progress("table2_semi_supervised mnist_100 (quick) seed 0", 3, run, 3)
    for epoch in range(3):
        for step in range(4):
            time.sleep(0.07)
            told.step(epoch, step, 4)
        told.epoch([{"epoch": epoch + 1, "updates": 4 * (epoch + 1), **LOSSES}])
print("stored", flush=True)
""".replace("LOSSES", repr(LOSSES))


def at_a_terminal(columns: int) -> str:
    """What a terminal of that width is sent by three runs."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )
    os.close(follower)
    sent = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(leader)
    assert process.wait() == 0, sent
    return sent.decode()


@pytest.mark.parametrize("columns", [40, 120])
def test_the_live_line_never_wraps_and_nothing_of_it_stays(columns: int) -> None:
    sent = at_a_terminal(columns)
    rows = sent.removesuffix("stored\r\n").split("\r")
    assert len(rows) > 9
    assert "\n" not in "".join(rows), "one line, renewed"
    plain = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", row) for row in rows]
    assert max(map(len, plain)) <= columns
    for run in (1, 2, 3):
        assert any(row.startswith(f"seed {run} of 3  ") and " left" in row for row in plain)
    assert any("reconstruction 2.98" in row for row in plain) == (columns == 120)
    assert plain[-1] == "", "the line is empty before the next one is written"


def test_without_tqdm_there_are_lines_as_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "tqdm", None)
    told = Progress("name", 1, live=True)
    told.step(0, 0, 1)
    told.epoch([{"epoch": 1, "updates": 1, "loss": 2.5}])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("name: epoch 1/1")


def test_time_left_is_that_of_the_whole_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An update a second, 3 seeds of 100 epochs of 10: after 50 epochs, 2,500 s."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    told = Progress("name", 100, 1, 3, live=False)
    for epoch in range(50):
        for step in range(10):
            clock[0] += 1
            told.step(epoch, step, 10)
        told.epoch([{"epoch": epoch + 1, "updates": 10 * (epoch + 1)}])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("name: epoch 50/100  41 min 40 s left  1.0 updates/s")


def test_a_resumed_run_counts_its_rate_from_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    told = Progress("name", 100, live=False)
    for step in range(10):
        clock[0] += 2
        told.step(89, step, 10)
    told.epoch([{"epoch": 90, "updates": 900}])
    assert "3 min 20 s left  0.5 updates/s" in capsys.readouterr().err


def test_a_log_has_a_line_now_and_then_and_the_last_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    told = Progress("name", 100, live=False)
    for epoch in range(100):
        clock[0] += 1
        told.step(epoch, 0, 1)
        told.epoch([{"epoch": epoch + 1, "updates": epoch + 1, "loss": 0.5}])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "name: epoch 100/100  0 s left  1.0 updates/s  loss 0.5"


def test_divergence_of_all_seeds_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Progress("name", 3, live=False).epoch([None, None])
    assert capsys.readouterr().err == "name: diverged\n"


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    parts = ["seed 2 of 3", "3 min 05 s left", "epoch 12/54", "41.2 updates/s"]
    assert fitting(parts, 40) == "seed 2 of 3  3 min 05 s left"
    assert fitting(parts, 41) == "seed 2 of 3  3 min 05 s left  epoch 12/54"
    assert fitting(parts, 5) == "seed "
