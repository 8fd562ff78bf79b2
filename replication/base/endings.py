"""How a command ends: one line and an exit code of its own, never a traceback.

A second Ctrl-C, and any that comes while something is being imported, ends it at once.
"""

import errno
import io
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from .errors import UserError
from .patience import hung

REQUESTS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "hung up",
}
AGAIN = "start it again to go on from the last checkpoint"
NO_MEMORY_LEFT = (
    "error: there is not enough memory; ask for less at once, or free some and start it again: "
    "training goes on from its last checkpoint"
)
# As torch says it, of the CPU and of a GPU.
LACK_OF_MEMORY = re.compile("(allocate|enough|out of) memory", re.IGNORECASE)


class Ended(KeyboardInterrupt):
    """Somebody asked the command to end; what is being written is cleaned up on the way out."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(number)


def end_at_once_on_request() -> None:
    """For the seconds of imports, when there is nothing to clean up."""
    _listen(_end_at_once)


def ended(command: Callable[[], None]) -> int:
    """Run ``command``; the exit code: 0 when done, 2 when the user can mend what is wrong.

    128 and the signal's number when asked to end: 130 on Ctrl-C, 143 on TERM. Where a call was left
    behind that hangs, the process ends here: libraries would wait for it, some of them for ever.
    """
    code = _code(command)
    if hung.is_set():
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    return code


def _code(command: Callable[[], None]) -> int:
    _listen(_end_in_order)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that it lacks must end nothing
        sys.stdout.reconfigure(errors="replace")
    try:
        command()
        sys.stdout.flush()
    except UserError as error:
        return _told(f"error: {error}", 2)
    except KeyboardInterrupt as request:
        number = request.number if isinstance(request, Ended) else signal.SIGINT
        return _told(_line(number), 128 + number)
    except BrokenPipeError:  # who reads, such as head, has enough
        _drop_output()
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _drop_output()
        return _told("error: standard output cannot be written: the disk is full", 2)
    except (MemoryError, RuntimeError) as error:
        if not is_lack_of_memory(error):
            raise
        return _told(NO_MEMORY_LEFT, 2)
    return 0


def is_lack_of_memory(error: Exception) -> bool:
    """Whether Python, or torch, has no memory left."""
    told = isinstance(error, RuntimeError) and LACK_OF_MEMORY.search(str(error))
    return isinstance(error, MemoryError) or bool(told)


def _listen(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in REQUESTS:
        # Who started it may want it to go on: nohup, or a shell in the background.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, f"{_line(number)}\n".encode())
    os._exit(128 + number)


def _end_in_order(number: int, frame: FrameType | None) -> NoReturn:
    if _is_importing(frame):
        # torch would abort on an exception there, and pydantic make another of it.
        _end_at_once(number, frame)
    _listen(_end_silently)
    raise Ended(number)


def _is_importing(frame: FrameType | None) -> bool:
    """``frame``, or one that it was called from, is Python's import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _end_silently(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def _line(number: int) -> str:
    said = REQUESTS[signal.Signals(number)]
    return f"{said}; {AGAIN}"


def _told(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def _drop_output() -> None:
    """What is buffered would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
