"""Waiting for what may never answer, such as a tracker that has lost its service.

Python cannot end a call that hangs. It is made in a thread of its own, which is left behind.
"""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

hung = threading.Event()  # whether a thread was left behind
interrupted = threading.Event()  # by Ctrl-C, not by the end of the time


def in_time(call: Callable[[], Answer], seconds: float) -> Answer:
    """What ``call`` returns or raises; a TimeoutError where it takes longer than ``seconds``.

    So is every call after one that was left behind, at once: what hangs may hold them, too.
    """
    answers: queue.SimpleQueue[tuple[Answer | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:
            answers.put((None, error))

    told = f"no answer within {seconds:g} seconds"
    if hung.is_set():
        raise TimeoutError("an earlier call had no answer")
    threading.Thread(target=work, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        hung.set()
        raise TimeoutError(told) from None
    except BaseException:  # interrupted while it waited: it is not to wait again
        hung.set()
        interrupted.set()
        raise
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
