"""A process that runs commands of the suite in forks of itself, which die where they are told.

A fork has all modules imported, so that nothing but the command itself is killed, many times a
second. It reads a task a line from standard input and answers each with a line.
"""

import fcntl
import importlib
import json
import mmap
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

# The file operations of a command; each has a moment before it and one after it.
STEPS = [(os, n) for n in ("open", "fchmod", "fsync", "replace", "unlink", "mkdir")]
COUNTER = mmap.mmap(-1, 8)  # shared with the forks: the moments that have passed


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Run ``task["arguments"]`` of ``task["item"]`` in ``task["folder"]``, killed as told."""
    count(0)
    began = time.monotonic()
    if (child := os.fork()) == 0:
        perform(task)
    for after, seconds, number in task.get("signals", ()):
        send_at_a_moment(child, after, seconds, number)
    _, status = os.waitpid(child, 0)
    modules = Path(task["log"]).with_suffix(".modules")
    if modules.exists():  # what the command imported, for the forks to come
        warm(modules.read_text().split(), task["item"])
        modules.unlink()
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "steps": count(), "seconds": time.monotonic() - began}


def warm(modules: list[str], item: str) -> None:
    """Import ``modules`` here, and read what every command of ``item`` reads."""
    for name in modules:
        with suppress(Exception):  # some are made while others are imported
            importlib.import_module(name)
    from replication.evidence.code_hash import code_hash, weights_code
    from replication.evidence.published import published
    from replication.settings.experiments import experiments

    experiments(), published(), weights_code()
    if item:
        code_hash(importlib.import_module(f"replication.{item}"))


def send_at_a_moment(child: int, after: int, seconds: float, number: int) -> None:
    """A signal for the group of ``child``, so long after so many moments have passed."""
    while count() < after:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.0005)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.killpg(child, number)  # not waited for: the number is still the child's


def perform(task: dict[str, Any]) -> NoReturn:
    """In the fork: the command, its output in ``task["log"]``."""
    code = 1
    os.setpgid(0, 0)
    # What a shell starts in the background ignores interrupts, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        os.chdir(task["folder"])
        exec(task.get("before", ""), {})  # what surrounds the command
        listen(task.get("step", 0), task.get("bytes", 0), dict(task.get("asked", ())))
        code = command(task["item"], task["arguments"])
        sys.stdout.flush()
        if task.get("learn"):
            Path(task["log"]).with_suffix(".modules").write_text("\n".join(importable()))
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def command(item: str, arguments: list[str]) -> int:
    from replication import __main__ as suite
    from replication import cli

    if not item:
        return suite.main(arguments)
    try:
        cli.main(item, arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def importable() -> list[str]:
    return [n for n, m in sys.modules.items() if getattr(m, "__spec__", None) is not None]


def listen(deadly: int, limit: int, asked: dict[int, int]) -> None:
    """Count the moments of this process; at the one numbered ``deadly`` it kills its group.

    At those in ``asked`` it sends itself a signal. With a ``limit``, the kernel kills it within
    the next write that goes beyond so many bytes.
    """
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)

    def pass_moment() -> None:
        count(count() + 1)
        if number := asked.get(count()):
            os.kill(os.getpid(), number)
        if count() != deadly:
            return
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        else:
            os.killpg(0, signal.SIGKILL)

    def between(step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            pass_moment()
            try:
                return step(*arguments, **named)
            finally:
                pass_moment()

        return counted

    for module, name in [*STEPS, (fcntl, "flock")]:
        setattr(module, name, between(getattr(module, name)))


def count(new: int | None = None) -> int:
    if new is not None:
        COUNTER[:] = new.to_bytes(8, "little")
    return int.from_bytes(COUNTER[:], "little")


if __name__ == "__main__":
    main()
