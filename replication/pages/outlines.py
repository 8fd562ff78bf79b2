"""Where a prior over 2-D codes lies, as lines: drawn without torch."""

from typing import assert_never

import numpy as np

from replication.settings.models import StylePrior

Line = tuple[np.ndarray, np.ndarray]


def prior_outlines(prior: StylePrior) -> list[Line]:
    """The lines that hold 95 % of a Gaussian, or of each class's part of the prior."""
    if prior.kind == "swiss_roll":
        return [_roll(np.linspace(k / 10, (k + 1) / 10, 50)) for k in range(10)]
    turn = np.linspace(0, 2 * np.pi, 100)
    reach = np.sqrt(-2 * np.log(0.05))  # of a 2-D Gaussian, in standard deviations
    x, y = reach * np.cos(turn), reach * np.sin(turn)
    if prior.kind == "gaussian":
        return [(prior.std * x, prior.std * y)]
    if prior.kind == "mixture":
        along, across = prior.radius + prior.radial_std * x, prior.tangential_std * y
        return [_turned(along, across, 2 * np.pi * k / 10) for k in range(10)]
    assert_never(prior.kind)


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> Line:
    cosine, sine = np.cos(angle), np.sin(angle)
    return x * cosine - y * sine, x * sine + y * cosine


def _roll(position: np.ndarray) -> Line:
    """The roll has no thickness: these are its points, as ``SwissRoll.place`` has them."""
    root = np.sqrt(position)
    return 3 * root * np.cos(4 * np.pi * root), 3 * root * np.sin(4 * np.pi * root)
