"""Which numbers a record may hold: those of a float32, each in the range that its name gives it."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator

LARGEST = 3.4028235e38  # of float32: what was measured or trained is no larger
ROUNDING = 1e-3  # by which a share of 100 % may be exceeded
NOT_NEGATIVE = ("standard_error_", "bandwidth_")


@cache  # thousands of records have the same few names
def range_of(name: str) -> tuple[float, float]:
    """The least and the greatest value of the metric or loss ``name``."""
    if "percent" in name.split("_"):
        return -ROUNDING, 100 + ROUNDING
    least = 0.0 if name.endswith("_per_pixel") or name.startswith(NOT_NEGATIVE) else -LARGEST
    return least, LARGEST


def in_range(values: Mapping[str, float]) -> Mapping[str, float]:
    """``values``; a ValueError names the first that is out of its range."""
    for name, value in values.items():
        least, greatest = range_of(name)
        if not least <= value <= greatest:
            shown = "a number of no float32" if abs(value) > LARGEST else value
            raise ValueError(f"{name} is {shown}, not in {math.ceil(least)} to {greatest:.3g}")
    return values


def in_order(history: list[dict[str, float | int]]) -> list[dict[str, float | int]]:
    """``history``; a ValueError unless each row has its epoch and updates, and they rise."""
    before = {"epoch": 0, "updates": 0}
    for row in history:
        for name in before:
            value = row.get(name)
            if not isinstance(value, int) or value <= before[name]:
                raise ValueError(f"the {name} of a row is {value}, after {before[name]}")
            before[name] = value
    return history


Metrics = Annotated[dict[str, float], AfterValidator(in_range)]
Row = Annotated[dict[str, float | int], AfterValidator(in_range)]
History = Annotated[list[Row], AfterValidator(in_order)]
