"""A command ends with one line and an exit code of its own."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replication.base import endings
from replication.base.endings import REQUESTS, ended
from replication.base.errors import UserError

AGAIN = "start it again to go on from the last checkpoint"
NO_MEMORY_LEFT = (
    "error: there is not enough memory; ask for less at once, or free some and start it again: "
    "training goes on from its last checkpoint"
)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """None is ignored, as SIGINT is by what a shell starts in the background."""
    before = {number: signal.getsignal(number) for number in REQUESTS}
    for number in REQUESTS:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def failing(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("it is broken", "mend it"), 2, "error: it is broken; mend it"),
        (KeyboardInterrupt(), 130, f"interrupted; {AGAIN}"),
        (MemoryError(), 2, NO_MEMORY_LEFT),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
            2,
            NO_MEMORY_LEFT,
        ),
    ],
)
def test_what_the_user_can_mend(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    assert ended(failing(error)) == code
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), OSError(errno.ENOSPC, "full", "a file")]
)
def test_what_he_cannot_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        ended(failing(error))


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_ends_it_in_order(
    capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    assert ended(lambda: os.kill(os.getpid(), number)) == 128 + number
    assert capsys.readouterr().err == f"{REQUESTS[number]}; {AGAIN}\n"


def test_a_second_request_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(endings.os, "_exit", codes.append)

    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    assert ended(command) == 143
    assert codes == [130]


def test_a_request_that_is_ignored_stays_so() -> None:
    """As nohup asks, or a shell that starts it in the background."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert ended(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_request_during_a_late_import_is_not_lost(tmp_path: Path) -> None:
    """Libraries swallow what is raised while they are imported, or abort."""
    (tmp_path / "swallows.py").write_text(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    sum(range(10**6))\nexcept BaseException:\n    pass\n"
    )
    code = (
        "import signal, sys\n"
        "from replication.base.endings import ended\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "sys.exit(ended(lambda: __import__('swallows')))\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, f"interrupted; {AGAIN}\n")
