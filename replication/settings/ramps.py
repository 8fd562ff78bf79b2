"""Numbers that change along training."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field

NotNegative = Annotated[float, Field(ge=0)]
# A number, or its values by epoch: linear between them, constant before the first and after the
# last. Epochs are counted from 0 and may be fractions: {0.5: 0.0, 3.5: 0.1}.
Ramp = NotNegative | Annotated[dict[NotNegative, NotNegative], Field(min_length=1)]


def value_at(ramp: Ramp, epoch: float) -> float:
    """The value of ``ramp`` after ``epoch`` epochs, a fraction within one."""
    if not isinstance(ramp, dict):
        return ramp
    times = sorted(ramp)
    if epoch <= times[0]:
        return ramp[times[0]]
    for start, end in pairwise(times):
        if epoch < end:
            share = (epoch - start) / (end - start)
            return ramp[start] + share * (ramp[end] - ramp[start])
    return ramp[times[-1]]


def end_of(ramp: Ramp) -> float:
    """The epoch after which ``ramp`` no longer changes."""
    return max(ramp) if isinstance(ramp, dict) else 0.0
