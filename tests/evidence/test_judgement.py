"""The judgements by the rules of docs/verdicts.md: known answers and simulated runs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from scipy import stats

from replication.evidence.run_kind import Kind
from replication.evidence.statistics import LEVEL, seeds_needed, summary
from replication.evidence.verdicts import Judged, Judgement, judge
from tests.tools.builders import make_target

# Hundredths, as published tables have them: their spread is never lost to rounding.
hundredths = st.integers(-10_000, 10_000).map(lambda n: n / 100)
samples = st.lists(hundredths, min_size=3, max_size=12).filter(lambda v: len(set(v)) > 1)
margins = st.integers(1, 5000).map(lambda n: n / 100)
quickly = profile(deadline=None, max_examples=150)


# The judgement: value 2.0, margin 0.5


def judged(
    values: list[float], kind: Kind = "full", lower_is_better: bool = True, **target: float
) -> Judged:
    return judge(summary(values), make_target(**target), lower_is_better, kind)


@pytest.mark.parametrize(
    ("values", "lower_is_better", "full", "reduced"),
    [
        pytest.param([2.0, 2.0, 2.0], True, "replicated", "already reached", id="equal"),
        pytest.param([1.9, 2.0, 2.1], True, "replicated", "already reached", id="around it"),
        pytest.param([1.7, 1.8, 1.9, 1.8], True, "replicated", "already reached", id="within"),
        pytest.param([1.0, 1.1, 0.9], True, "better", "already reached", id="lower"),
        pytest.param([3.0, 3.1, 2.9], True, "worse", "not yet reached", id="higher"),
        pytest.param([1.0, 1.1, 0.9], False, "worse", "not yet reached", id="lower is worse"),
        pytest.param([3.0, 3.1, 2.9], False, "better", "already reached", id="higher is better"),
        pytest.param([1.0, 1.0, 1.0], True, "better", "already reached", id="no spread"),
        pytest.param([3.0, 3.0, 3.0], True, "worse", "not yet reached", id="higher, no spread"),
        pytest.param([0.5, 2.0, 3.5], True, "undecided", "undecided", id="wide spread"),
        pytest.param([2.0, 2.0], True, "undecided", "undecided", id="two seeds"),
        pytest.param(
            [1.52, 1.56, 1.48],
            True,
            "different, within the margin",
            "already reached",
            id="at the margin",
        ),
    ],
)
def test_known_judgements(
    values: list[float], lower_is_better: bool, full: Judgement, reduced: Judgement
) -> None:
    assert judged(values, "full", lower_is_better).judgement == full
    assert judged(values, "reduced", lower_is_better).judgement == reduced


@pytest.mark.parametrize(
    ("margin", "judgement"),
    [(0.25, "different, within the margin"), (0.05, "better"), (0.15, "undecided")],
)
def test_better_and_worse_lie_beyond_the_margin(margin: float, judgement: Judgement) -> None:
    """A difference that Welch's test finds is not enough."""
    values = [0.96, 1.08, 1.05]
    assert judged(values, value=1.25, plus_minus=0.001, margin=margin).judgement == judgement


def test_one_more_run_may_be_the_published_one() -> None:
    """A value without a ± is one run: the mean is surely worse, another run could be as good."""
    values = [2.4, 3.0, 3.3, 2.6, 3.6]
    assert judged(values, margin=0.3, plus_minus=0.001).judgement == "worse"
    single = judged(values, margin=0.3)
    assert single.judgement == "undecided"
    assert "one more run of ours could give the published value" in single.reason


def test_the_reason_tells_what_was_found() -> None:
    assert judged([2.0, 2.0]).reason == "2 of at least 3 seeds"
    assert judged([1.9, 2.0, 2.1]).reason == (
        "difference +0.00, margin ±0.5: within it by two one-sided tests"
    )
    wide = judged([1.5, 2.0, 3.5], plus_minus=0.01)
    assert wide.reason.startswith("difference +0.33, margin ±0.5: inconclusive; ")
    assert wide.seeds_to_decide == seeds_needed(
        summary([1.5, 2.0, 3.5]).standard_deviation or 0, 0.5, 0.01
    )


def test_an_uncertain_target_makes_a_difference_undecided() -> None:
    values = [1.0, 1.1, 0.9]
    assert judged(values, plus_minus=0.1).judgement == "better"
    assert judged(values, plus_minus=1.0).judgement == "undecided"


def test_both_equivalent_and_different_is_replicated() -> None:
    """A difference may be sure and too small to matter."""
    values = [2.10, 2.11, 2.09]
    assert stats.ttest_1samp(values, 2.0).pvalue < LEVEL
    assert judged(values).judgement == "replicated"


@pytest.mark.parametrize("one_sided", [False, True])
def test_the_seeds_that_decide_do_so_in_four_of_five_cases(one_sided: bool) -> None:
    """Simulated: runs around the published value, with the spread that was planned for."""
    spread, margin = 0.3, 0.25
    needed = seeds_needed(spread, margin, one_sided=one_sided)
    assert needed is not None
    rng = np.random.default_rng(0)
    kind: Kind = "reduced" if one_sided else "full"
    wanted = "already reached" if one_sided else "replicated"
    runs = rng.normal(2.0, spread, (600, needed)).tolist()
    share = np.mean([judged(run, kind, margin=margin).judgement == wanted for run in runs])
    assert share == pytest.approx(0.8, abs=0.06)


@quickly
@given(values=samples, value=hundredths, margin=margins)
def test_a_full_run_is_never_better_and_reduced_not_yet_reached(
    values: list[float], value: float, margin: float
) -> None:
    assume(len(set(values)) > 1)
    full = judged(values, "full", value=value, margin=margin).judgement
    reduced = judged(values, "reduced", value=value, margin=margin).judgement
    if full in ("replicated", "better"):
        assert reduced == "already reached"
    if full == "worse":
        assert reduced == "not yet reached"
