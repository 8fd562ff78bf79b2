"""The paired difference: beside scipy's test, and what it leaves out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from replication.evidence.statistics import paired_difference


@pytest.mark.parametrize("own", [[3.0, 5.0, 4.5], [2.0, 2.5, 9.0]])
def test_the_interval_is_scipys(own: list[float]) -> None:
    literal = [2.0, 2.5, 3.5]
    gap, half = paired_difference(own, literal)
    assert half is not None
    expected = ttest_rel(own, literal).confidence_interval(0.95)
    assert (gap - half, gap + half) == pytest.approx((expected.low, expected.high))


@given(st.lists(st.floats(0, 100), min_size=2, max_size=9))
def test_what_seeds_make_of_both_is_not_in_it(seeds: list[float]) -> None:
    """However far the seeds lie apart, a recipe that adds 2 to each differs by 2, surely."""
    gap, half = paired_difference([s + 2 for s in seeds], seeds)
    assert gap == pytest.approx(2)
    assert half == pytest.approx(0, abs=1e-9)


def test_one_seed_has_no_interval_and_none_no_difference() -> None:
    assert paired_difference([3.0], [2.5]) == (0.5, None)
    with pytest.raises(ValueError, match="without seeds"):
        paired_difference([], [])
    with pytest.raises(ValueError, match="zip"):
        paired_difference([1.0, 2.0], [1.0])
