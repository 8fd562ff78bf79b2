"""Asked to end by Ctrl-C or another signal: one line, an exit code of its own, nothing lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.faults.kills import Victim
from bench.faults.miniature import WORKERS, bits, environment
from tests.faults.conftest import PLAIN, Life, alive

pytestmark = pytest.mark.faults
AGAIN = "start it again to go on from the last checkpoint"


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, f"interrupted; {AGAIN}"),
        (signal.SIGTERM, 143, f"terminated; {AGAIN}"),
        (signal.SIGHUP, 129, f"hung up; {AGAIN}"),
    ],
)
@pytest.mark.parametrize("moment", [40, 90, 130])
def test_while_it_trains_and_writes(
    victim: Victim, tmp_path: Path, number: int, code: int, line: str, moment: int
) -> None:
    life = Life(victim, tmp_path, PLAIN)
    assert life.run(asked=[(moment, number)]) == (code, [line])
    assert not list(tmp_path.rglob("*-part")), "what was being written is cleaned up"
    assert life.run()[0] == 0
    assert bits(tmp_path) == life.wanted


def test_twice(victim: Victim, tmp_path: Path) -> None:
    """The second one does not wait, and shows no traceback either."""
    life = Life(victim, tmp_path, PLAIN)
    code, lines = life.run(asked=[(60, signal.SIGINT), (61, signal.SIGINT)])
    assert code == 130
    assert lines in ([], [f"interrupted; {AGAIN}"])
    assert life.run()[0] == 0
    assert bits(tmp_path) == life.wanted


def started(suite: Path, folder: Path, *command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment(suite),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What a shell starts in the background ignores interrupts, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("seconds", [0, 0.2, 0.5, 1])
@pytest.mark.parametrize("module", ["replication", "replication.table2_semi_supervised"])
def test_while_it_imports(suite: Path, tmp_path: Path, seconds: float, module: str) -> None:
    """Python tells each import: the signal comes after that of the package's first module."""
    process = started(suite, tmp_path, "-X", "importtime", "-m", module, "draw")
    assert process.stderr is not None
    for line in process.stderr:
        if line.split("|")[-1].strip() == "replication":
            break
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130
    lines = [line for line in rest.splitlines() if not line.startswith("import time:")]
    assert lines == [f"interrupted; {AGAIN}"]


def test_twice_with_a_process_for_each_seed(suite: Path, tmp_path: Path) -> None:
    process = started(suite, tmp_path, *WORKERS.command[1:])
    while not list(tmp_path.rglob("stack_*")):
        assert process.poll() is None
        time.sleep(0.05)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    _, errors = process.communicate(timeout=200)
    # The second may end Python by the signal itself, which a shell tells as 130, too.
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in errors
    assert not alive(process.pid)
