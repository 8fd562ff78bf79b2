"""What options of commands share: the precisions, and numbers whose errors say what is expected."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from .errors import UserError

PRECISIONS = ("float32", "tf32", "bf16-products")
# "auto": as a training was begun or recorded, or else what is fastest.
PRECISION_CHOICES = ("auto", *PRECISIONS)
# More digits than this Python refuses to read at all.
MOST = 10**18
MOST_TIME = 10_000  # hours or minutes of a budget: Python waits for no 1e300 seconds


def whole(least: int, most: int = MOST, why: str = "") -> Callable[[str], int]:
    """Reads a whole number from ``least`` to ``most``; ``why`` says the reason of a limit."""
    limits = f"of at least {least}" if most == MOST else f"from {least} to {most}"

    def read(text: str) -> int:
        if not (text.isdecimal() and least <= _number(text) <= most):
            raise ArgumentTypeError(f"'{text}' is no whole number {limits}{why and f': {why}'}")
        return int(text)

    return read


positive = whole(1)


def amount(name: str, most: float = math.inf) -> Callable[[str], float]:
    """Reads a finite number from 0 to ``most``, which is a ``name``: "number of hours"."""
    limits = "0 or more" if most == math.inf else f"from 0 to {most:g}"

    def read(text: str) -> float:
        number = _number(text)
        if not (math.isfinite(number) and 0 <= number <= most):
            raise ArgumentTypeError(f"'{text}' is no {name}, {limits}")
        return number

    return read


def whole_numbers(of: str, example: str) -> Callable[[str], list[int]]:
    """Reads numbers from 0 on with commas between them, of what is named: "seeds", "0,2"."""

    def read(text: str) -> list[int]:
        try:
            return [whole(0)(part) for part in text.split(",")]
        except ArgumentTypeError:
            raise ArgumentTypeError(f"'{text}' is no list of {of} such as {example}") from None

    return read


def endings(*allowed: str) -> Callable[[str], Path]:
    """Reads the name of a file to write; a UserError where it has none of these endings: ".png"."""

    def read(text: str) -> Path:
        if (path := Path(text)).suffix not in allowed:
            raise UserError(
                f"cannot write {path}", f"name a file that ends in {' or '.join(allowed)}"
            )
        return path

    return read


def folder_to_read(text: str) -> Path:
    """A folder that a command reads; a UserError where there is none.

    Mistyped, it would count as an empty one. argparse asks this only of what is given: the default
    may be missing.
    """
    if not (path := Path(text)).is_dir():
        raise UserError(f"there is no folder {path}", "correct its name, or leave it out")
    return path


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
