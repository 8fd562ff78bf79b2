"""Damaged inputs: seeded changes of bytes, of nested values and of arrays."""

import copy
import math
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import numpy as np

DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
# What a hand, another program or an attacker may have put in a value's place.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 255, 2**31, 2**63, -(2**63), 10**40, 10**400),
    *(0.5, -0.5, 100.5, 1e-320, 1e30, 1e39, 1e308, math.nan, math.inf, -math.inf),
    *("", "x", "0", "1e-3", "../../x", "a\nb", "\x1b[31m", "\ud800", "<script>", "ok", "x" * 5000),
    *([], {}, [[]], [None], {"": 1}, {"epoch": 1}, [1.0, "x"], DEEP),
)


class Undamaged(Random):
    """Chance that changes nothing: what a reader is given then, it has to read."""

    def random(self) -> float:
        return 0.0

    def choice(self, seq: Any) -> Any:
        return seq[0]


def bytes_of(random: Random, content: bytes) -> bytes:
    """``content`` after one to four changes: bits, bytes, runs, cuts, copies."""
    if isinstance(random, Undamaged):
        return content
    own = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        place = random.randrange(len(own) + 1)
        length = min(len(own) - place, random.choice((1, 1, 2, 4, 8, 64)))
        kind = random.randrange(8)
        if kind == 0 and length:
            own[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            own[place : place + length] = random.randbytes(length)
        elif kind == 2:
            own[place : place + length] = random.choice((b"\0", b"\xff", b"\x7f")) * length
        elif kind == 3:
            del own[place : place + length]
        elif kind == 4:
            own[place:place] = random.randbytes(random.choice((1, 2, 16)))
        elif kind == 5:
            del own[place:]
        elif kind == 6:
            own[place:place] = own[place : place + length]
        else:  # the header, where the meaning is
            start = random.randrange(min(len(own), 64) + 1)
            own[start : start + 1] = random.randbytes(1)
    return bytes(own)


def value_of(random: Random, value: Any, odd: tuple[Any, ...] = ODD) -> Any:
    """A copy of nested dicts and lists after one to three changes, at any depth."""
    own = copy.deepcopy(value)
    if isinstance(random, Undamaged):
        return own
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(own))
        if not places:
            return random.choice(odd)
        holder, key = random.choice(places)
        _change(random, holder, key, odd)
    return own


def _places(value: Any, depth: int = 40) -> Any:
    """Every (dict or list, key) of nested values, but for what is too deep for this function."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield value, key
        if isinstance(inner, dict | list) and depth:
            yield from _places(inner, depth - 1)


def _change(random: Random, holder: Any, key: Any, odd: tuple[Any, ...]) -> None:
    kind, old = random.randrange(6), holder[key]
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(old, int | float) and not isinstance(old, bool):
        holder[key] = random.choice((-old, old + 1, old * 1000, float(old), str(old), [old]))
    elif kind == 2 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
    elif kind == 3 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(old))
    elif kind == 4:
        holder[key] = copy.deepcopy(random.choice([inner for _, inner in _siblings(holder)]))
    else:
        holder[key] = copy.deepcopy(random.choice(odd))  # another change must not change it


def _siblings(holder: Any) -> Any:
    return holder.items() if isinstance(holder, dict) else enumerate(holder)


def arrays_of(random: Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``arrays`` after one to three changes of names, types, shapes or numbers."""
    own = {name: array.copy() for name, array in arrays.items()}
    if isinstance(random, Undamaged):
        return own
    for _ in range(random.choice((1, 1, 2, 3))):
        if not own:
            break
        name = random.choice([*own])
        with suppress(ValueError, TypeError, OverflowError):  # no such text, or no such axis
            own[name] = random.choice(ARRAY_CHANGES)(random, own[name])
        if random.random() < 0.15:
            own[f"{name}_"] = own.pop(name)
        if random.random() < 0.1:
            del own[random.choice([*own])]
    return own


def _spoilt(random: Random, array: np.ndarray) -> np.ndarray:
    own = array.copy()
    if own.size:
        own.flat[random.randrange(own.size)] = 99 if own.dtype.kind in "iu" else math.nan
    return own


def _resized(random: Random, array: np.ndarray) -> np.ndarray:
    axis = random.randrange(array.ndim) if array.ndim else None
    if axis is None:
        return array
    kept = min(array.shape[axis], random.choice((0, 1, max(0, array.shape[axis] - 1))))
    return array.take(range(kept), axis)


Change = Callable[[Random, np.ndarray], np.ndarray]
ARRAY_CHANGES: tuple[Change, ...] = (
    _spoilt,
    _spoilt,
    _resized,
    _resized,
    lambda random, array: array.astype(random.choice(["f2", "f4", "f8", "i8", "u1", "?", "S4"])),
    lambda random, array: array.astype("U8"),
    lambda random, array: array.reshape(-1),
    lambda random, array: array[None],
    lambda random, array: array.T,
    lambda random, array: np.array(random.choice((0, 1.5, math.nan, "text", 1e300))),
    lambda random, array: array.astype(float) * random.choice((1e300, math.inf, -1.0)),
    lambda random, array: np.zeros((0,), array.dtype),
    lambda random, array: array.astype(complex),
)
