"""A plane of the explorer: fewer numbers than its decoder has, and as close as the page says."""

import numpy as np
import pytest

from replication.pages import explorer
from replication.pages.explorer import differences, eight_bits


def test_a_plane_in_factors_is_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of smooth random layers: nearly exact, in fewer numbers, on codes that it was not made of."""
    monkeypatch.setattr(explorer, "RANK", 60)
    stream = np.random.default_rng(0)
    sizes = [(80, 2, "relu"), (70, 80, "relu"), (16, 70, "sigmoid")]
    exact = [
        (stream.normal(size=(rows, columns)) / columns**0.5, stream.normal(size=rows), activation)
        for rows, columns, activation in sizes
    ]
    frame = ([-3.0, 2.0], [3.0, 4.0])
    shown = explorer.factored(exact, explorer.evenly(*frame))
    assert [weight.shape for weight, _, _ in shown] == [
        (80, 2),
        (60, 80),
        (70, 60),
        (60, 70),
        (16, 60),
    ]
    others = np.random.default_rng(1).uniform(*frame, (300, 2))
    largest, mean = differences(exact, eight_bits(shown), others)
    assert 0 < mean < largest < 0.05


def test_a_plane_is_fitted_where_images_lie_and_compared_elsewhere() -> None:
    low, high = [-3.0, -3.0], [3.0, 3.0]
    crowded = np.random.default_rng(0).normal(0, 0.1, (10_000, 2))
    crowded[0] = 9, 9  # outside of the frame
    fitted = explorer.fitting_codes(low, high, crowded)
    assert len(fitted) == 2 * explorer.FITTED
    assert (np.abs(fitted) <= 3).all()
    assert (np.abs(fitted).max(1) < 0.4).mean() > 0.5
    compared = {tuple(code) for code in explorer.evenly(low, high)}
    assert not compared & {tuple(code) for code in fitted}
    few = explorer.fitting_codes(low, high, crowded[:10])
    assert len(few) == explorer.FITTED + 10
