"""The judgements: known answers, and parity of their statistics with scipy's."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from scipy import stats

from replication.evidence.published import (
    LEVEL,
    Judgement,
    judge,
    summary,
)
from tests.tools.builders import (
    make_target,
)

# Hundredths, as published tables have them: their spread is never lost to rounding.
hundredths = st.integers(-10_000, 10_000).map(lambda n: n / 100)
samples = st.lists(hundredths, min_size=3, max_size=12).filter(lambda v: len(set(v)) > 1)
margins = st.integers(1, 5000).map(lambda n: n / 100)
quickly = profile(deadline=None, max_examples=150)


# Our side


@quickly
@given(values=st.lists(hundredths, min_size=2, max_size=12).filter(lambda v: len(set(v)) > 1))
def test_interval_is_that_of_scipy(values: list[float]) -> None:
    ours = summary(values)
    assert ours.deviation is not None
    assert ours.interval is not None
    expected = stats.t.interval(
        1 - LEVEL, len(values) - 1, loc=math.fsum(values) / len(values), scale=stats.sem(values)
    )
    assert ours.seeds == len(values)
    assert ours.deviation == pytest.approx(stats.tstd(values))
    assert ours.interval == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_value_has_no_interval() -> None:
    ours = summary([1.5])
    assert (ours.mean, ours.deviation, ours.interval, ours.seeds) == (1.5, None, None, 1)


def test_equal_values_have_an_interval_without_width() -> None:
    ours = summary([1.5, 1.5, 1.5])
    assert ours.deviation == 0
    assert ours.interval == (1.5, 1.5)


# The judgement: value 2.0, margin 0.5


@pytest.mark.parametrize(
    ("values", "lower_is_better", "judgement"),
    [
        pytest.param([2.0, 2.0, 2.0], True, "replicated", id="equal"),
        pytest.param([1.9, 2.0, 2.1], True, "replicated", id="around it"),
        pytest.param([1.7, 1.8, 1.9, 1.8], True, "replicated", id="lower, within the margin"),
        pytest.param([1.0, 1.1, 0.9], True, "better", id="lower"),
        pytest.param([3.0, 3.1, 2.9], True, "worse", id="higher"),
        pytest.param([1.0, 1.1, 0.9], False, "worse", id="lower, higher is better"),
        pytest.param([3.0, 3.1, 2.9], False, "better", id="higher, higher is better"),
        pytest.param([1.0, 1.0, 1.0], True, "better", id="lower, no spread"),
        pytest.param([3.0, 3.0, 3.0], True, "worse", id="higher, no spread"),
        pytest.param([0.5, 2.0, 3.5], True, "undecided", id="wide spread"),
        pytest.param([2.0, 2.0], True, "undecided", id="two seeds"),
        pytest.param([], True, "undecided", id="no seeds"),
    ],
)
def test_known_judgements(values: list[float], lower_is_better: bool, judgement: Judgement) -> None:
    assert judge(values, make_target(), lower_is_better)[0] == judgement


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([2.0, 2.0], "2 of at least 3 seeds"),
        ([1.9, 2.0, 2.1], "our mean minus the published is +0.00, within ±0.5 by TOST"),
        ([1.0, 1.0, 1.0], "our mean minus the published is -1.00, more than ±0.00 (Welch)"),
        ([1.5, 2.0, 3.5], "is +0.33; neither equal within ±0.5 nor different"),
    ],
)
def test_the_reason_is_told(values: list[float], reason: str) -> None:
    assert judge(values, make_target(), True)[1].endswith(reason)


def test_an_uncertain_target_makes_a_difference_undecided() -> None:
    values = [1.0, 1.1, 0.9]
    assert judge(values, make_target(plus_minus=0.1), True)[0] == "better"
    assert judge(values, make_target(plus_minus=1.0), True)[0] == "undecided"


def test_both_equivalent_and_different_is_replicated() -> None:
    """A difference may be sure and too small to matter."""
    values = [2.10, 2.11, 2.09]
    assert stats.ttest_1samp(values, 2.0).pvalue < LEVEL
    assert judge(values, make_target(), True)[0] == "replicated"


def expected_judgement(
    two_sided: float, above: float, below: float, lower: bool, lower_is_better: bool
) -> Judgement:
    """From the p-values of no difference, of ``<= -margin`` and of ``>= margin``."""
    # Closer to the level than scipy and the suite agree on is nobody's decision.
    assume(all(abs(p - LEVEL) > 1e-7 for p in (two_sided, above, below)))
    if max(above, below) < LEVEL:
        return "replicated"
    if two_sided < LEVEL:
        return "better" if lower == lower_is_better else "worse"
    return "undecided"


@quickly
@given(values=samples, value=hundredths, margin=margins, lower_is_better=st.booleans())
def test_against_an_exact_target_it_is_the_one_sample_test(
    values: list[float], value: float, margin: float, lower_is_better: bool
) -> None:
    target = make_target(value=value, margin=margin)
    expected = expected_judgement(
        stats.ttest_1samp(values, value).pvalue,
        stats.ttest_1samp(values, value - margin, alternative="greater").pvalue,
        stats.ttest_1samp(values, value + margin, alternative="less").pvalue,
        math.fsum(values) / len(values) < value,
        lower_is_better,
    )
    assert judge(values, target, lower_is_better)[0] == expected


@quickly
@given(values=samples, value=hundredths, margin=margins)
def test_the_interval_excludes_an_exact_target_when_the_test_does(
    values: list[float], value: float, margin: float
) -> None:
    interval = summary(values).interval
    assert interval is not None
    assume(min(abs(value - end) for end in interval) > 1e-9)
    judgement, _ = judge(values, make_target(value=value, margin=margin), True)
    if judgement in ("better", "worse"):
        assert not interval[0] <= value <= interval[1]
    elif judgement == "undecided":
        assert interval[0] <= value <= interval[1]


@quickly
@given(
    values=samples,
    value=hundredths,
    plus_minus=st.integers(1, 500).map(lambda n: n / 100),
    margin=margins,
)
def test_against_an_uncertain_target_it_is_welchs_test(
    values: list[float], value: float, plus_minus: float, margin: float
) -> None:
    """A known variance is that of endlessly many runs; here of 10^12."""
    n, many = len(values), 10**12
    mean, deviation = math.fsum(values) / n, float(stats.tstd(values))

    def p_value(published_mean: float, alternative: str) -> float:
        theirs = (published_mean, plus_minus * math.sqrt(many), many)
        test = stats.ttest_ind_from_stats(
            mean, deviation, n, *theirs, equal_var=False, alternative=alternative
        )
        return float(test.pvalue)

    expected = expected_judgement(
        p_value(value, "two-sided"),
        p_value(value - margin, "greater"),
        p_value(value + margin, "less"),
        mean < value,
        True,
    )
    target = make_target(value=value, plus_minus=plus_minus, margin=margin)
    assert judge(values, target, True)[0] == expected


@pytest.mark.parametrize("plus_minus", [0.05, 0.2, 1.0])
def test_threshold_is_that_of_welch_and_satterthwaite(plus_minus: float) -> None:
    """The published value is moved until our mean is just different from it."""
    values = [1.8, 2.0, 2.1, 2.3]
    own = stats.sem(values) ** 2
    freedom = (own + plus_minus**2) ** 2 / (own**2 / (len(values) - 1))
    threshold = stats.t.ppf(1 - LEVEL / 2, freedom) * math.sqrt(own + plus_minus**2)
    mean = math.fsum(values) / len(values)
    for share, judgement in ((0.999, "undecided"), (1.001, "worse")):
        value = mean - share * threshold
        target = make_target(value=value, plus_minus=plus_minus, margin=0.01)
        assert judge(values, target, True)[0] == judgement
