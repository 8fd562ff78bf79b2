"""The statistics beside scipy's, beside simulation, and beside published examples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from scipy import stats

from replication.evidence.statistics import (
    LEVEL,
    MeanDifference,
    can_be_met,
    deviation_factors,
    discoveries,
    mean_difference,
    paired_difference,
    power,
    seeds_needed,
    summary,
)

# Hundredths, as published tables have them: their spread is never lost to rounding.
hundredths = st.integers(-10_000, 10_000).map(lambda n: n / 100)
samples = st.lists(hundredths, min_size=2, max_size=12).filter(lambda v: len(set(v)) > 1)
margins = st.integers(1, 5000).map(lambda n: n / 100)
quickly = profile(deadline=None, max_examples=100)


# Intervals


@quickly
@given(values=samples)
def test_interval_is_that_of_scipy(values: list[float]) -> None:
    ours = summary(values)
    mean = math.fsum(values) / len(values)
    expected = stats.t.interval(1 - LEVEL, len(values) - 1, loc=mean, scale=stats.sem(values))
    assert ours.seeds == len(values)
    assert ours.standard_deviation == pytest.approx(stats.tstd(values))
    assert ours.interval == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    ours = summary([1.5])
    assert (ours.mean, ours.standard_deviation, ours.interval, ours.prediction, ours.seeds) == (
        1.5,
        None,
        None,
        None,
        1,
    )
    with pytest.raises(ValueError, match="without seeds"):
        summary([])


def test_equal_values_have_intervals_without_width() -> None:
    ours = summary([1.5, 1.5, 1.5])
    assert ours.standard_deviation == 0
    assert ours.interval == ours.prediction == (1.5, 1.5)


def test_the_prediction_interval_covers_one_more_run_in_95_of_100_cases() -> None:
    """Known answer: mean ± t s sqrt(1 + 1/n); 1,500 simulated samples of five."""
    low, high = summary([1.0, 2.0, 3.0]).prediction or (0, 0)
    assert (low, high) == pytest.approx((2 - 4.302653 * 2 / 3**0.5, 2 + 4.302653 * 2 / 3**0.5))
    drawn = np.random.default_rng(0).standard_normal((1500, 6))
    covered = 0
    for *values, one_more in drawn.tolist():
        low, high = summary(values).prediction or (0, 0)
        covered += low <= one_more <= high
    assert covered / 1500 == pytest.approx(0.95, abs=0.015)


def test_a_standard_deviation_of_three_seeds_says_little() -> None:
    """Tables of the chi-square distribution have 7.378 and 0.0506 for two degrees of freedom."""
    assert deviation_factors(3) == pytest.approx(
        ((2 / 7.378) ** 0.5, (2 / 0.05064) ** 0.5), rel=1e-3
    )
    drawn = np.random.default_rng(3).standard_normal((4000, 4)).std(1, ddof=1)
    low, high = deviation_factors(4)
    assert ((low * drawn <= 1) & (high * drawn >= 1)).mean() == pytest.approx(0.95, abs=0.012)
    with pytest.raises(ValueError, match="one value"):
        deviation_factors(1)


# The difference from a published value


def p_values(found: MeanDifference) -> tuple[float, ...]:
    return found.p_different, found.p_equivalent, found.p_worse, found.p_better, found.p_not_worse


@quickly
@given(values=samples, value=hundredths, margin=margins, lower_is_better=st.booleans())
def test_against_an_exact_value_it_is_the_one_sample_test(
    values: list[float], value: float, margin: float, lower_is_better: bool
) -> None:
    found = mean_difference(summary(values), value, 0.0, margin, lower_is_better)
    sign = 1 if lower_is_better else -1
    worse = [sign * (v - value) for v in values]  # positive means worse

    def p(bound: float, alternative: str) -> float:
        return float(stats.ttest_1samp(worse, bound, alternative=alternative).pvalue)

    expected = (
        p(0, "two-sided"),
        max(p(-margin, "greater"), p(margin, "less")),
        p(margin, "greater"),
        p(-margin, "less"),
        p(margin, "less"),
    )
    assert p_values(found) == pytest.approx(expected, abs=1e-6)
    bounds = stats.t.interval(
        1 - 2 * LEVEL, len(values) - 1, loc=float(np.mean(worse)), scale=stats.sem(worse)
    )
    assert found.bounds == pytest.approx(bounds, abs=1e-6)


@quickly
@given(
    values=samples,
    value=hundredths,
    error=st.integers(1, 500).map(lambda n: n / 100),
    margin=margins,
)
def test_against_an_uncertain_value_it_is_welchs_test(
    values: list[float], value: float, error: float, margin: float
) -> None:
    """A known variance is that of endlessly many runs; here of 10^12."""
    n, many = len(values), 10**12
    mean, deviation = math.fsum(values) / n, float(stats.tstd(values))

    def p(published_mean: float, alternative: str) -> float:
        theirs = (published_mean, error * math.sqrt(many), many)
        test = stats.ttest_ind_from_stats(
            mean, deviation, n, *theirs, equal_var=False, alternative=alternative
        )
        return float(test.pvalue)

    found = mean_difference(summary(values), value, error, margin, lower_is_better=True)
    expected = (
        p(value, "two-sided"),
        max(p(value - margin, "greater"), p(value + margin, "less")),
        p(value + margin, "greater"),
        p(value - margin, "less"),
        p(value + margin, "less"),
    )
    assert p_values(found) == pytest.approx(expected, abs=1e-6)


def test_seeds_that_agree_on_an_exact_value_leave_no_doubt() -> None:
    same = mean_difference(summary([2.0, 2.0, 2.0]), 2.0, 0.0, 0.5, True)
    assert p_values(same) == (1, 0, 1, 1, 0)
    far = mean_difference(summary([3.0, 3.0, 3.0]), 2.0, 0.0, 0.5, True)
    assert p_values(far) == (0, 1, 0, 1, 1)
    assert far.bounds == far.interval == (1.0, 1.0)


def test_one_seed_has_no_test() -> None:
    with pytest.raises(ValueError, match="one seed"):
        mean_difference(summary([2.0]), 2.0, 0.0, 0.5, True)


# The paired difference


@pytest.mark.parametrize("own", [[3.0, 5.0, 4.5], [2.0, 2.5, 9.0]])
def test_the_paired_interval_is_scipys(own: list[float]) -> None:
    literal = [2.0, 2.5, 3.5]
    gap, half = paired_difference(own, literal)
    assert half is not None
    expected = stats.ttest_rel(own, literal).confidence_interval(0.95)
    assert (gap - half, gap + half) == pytest.approx((expected.low, expected.high))


@given(st.lists(st.floats(0, 100), min_size=2, max_size=9))
def test_what_seeds_make_of_both_is_not_in_it(seeds: list[float]) -> None:
    gap, half = paired_difference([s + 2 for s in seeds], seeds)
    assert gap == pytest.approx(2)
    assert half == pytest.approx(0, abs=1e-9)


def test_one_pair_has_no_interval_and_none_no_difference() -> None:
    assert paired_difference([3.0], [2.5]) == (0.5, None)
    with pytest.raises(ValueError, match="without seeds"):
        paired_difference([], [])
    with pytest.raises(ValueError, match="zip"):
        paired_difference([1.0, 2.0], [1.0])


# Power


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_power_of_non_inferiority_is_that_of_the_non_central_t(seeds: int) -> None:
    spread, margin = 1.0, 1.2
    quantile = stats.t.ppf(1 - LEVEL, seeds - 1)
    expected = 1 - stats.nct.cdf(quantile, seeds - 1, margin / spread * math.sqrt(seeds))
    assert power(seeds, spread, margin, 0.0, one_sided=True) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("standard_error", [0.0, 0.3])
@pytest.mark.parametrize("one_sided", [False, True])
def test_power_is_the_share_of_simulated_samples_that_succeed(
    standard_error: float, one_sided: bool
) -> None:
    seeds, spread, margin, runs = 6, 1.0, 1.1, 1000
    drawn = np.random.default_rng(1).normal(5.0, spread, (runs, seeds))
    succeeded = 0
    for values in drawn.tolist():
        found = mean_difference(summary(values), 5.0, standard_error, margin, True)
        succeeded += (found.p_not_worse if one_sided else found.p_equivalent) < LEVEL
    expected = power(seeds, spread, margin, standard_error, one_sided)
    assert succeeded / runs == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize(
    ("spread", "margin", "standard_error", "seeds"),
    [(1.32, 0.40, 0.10, 132), (0.27, 0.13, 0.0, 38), (1.64, 0.68, 0.0, 52), (4.42, 4.75, 0.0, 10)],
)
def test_seeds_needed_are_those_that_a_simulation_found(
    spread: float, margin: float, standard_error: float, seeds: int
) -> None:
    """Of a review that simulated Table 2's numbers: within a seed."""
    assert seeds_needed(spread, margin, standard_error) == pytest.approx(seeds, abs=1)


def test_the_least_number_is_the_least() -> None:
    found = seeds_needed(1.0, 0.8)
    assert found is not None
    assert power(found, 1.0, 0.8, 0.0, False) >= 0.8 > power(found - 1, 1.0, 0.8, 0.0, False)
    one_sided = seeds_needed(1.0, 0.8, one_sided=True)
    assert one_sided is not None
    assert one_sided < found
    assert seeds_needed(0.0, 0.8) == 3


def test_some_margins_are_met_by_no_number_of_seeds() -> None:
    assert seeds_needed(0.1, 0.4, standard_error=0.3) is None
    assert not can_be_met(0.4, 0.3)
    assert can_be_met(0.4, 0.2)
    assert seeds_needed(100.0, 0.1) is None, "more than is looked for"


# Many tests


def test_discoveries_are_those_of_the_papers_example() -> None:
    """Benjamini and Hochberg (1995), section 4: of 15 p-values the first four are rejected."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert discoveries(p) == [True] * 4 + [False] * 11
    assert discoveries(p[::-1]) == [False] * 11 + [True] * 4
    assert discoveries([]) == []
