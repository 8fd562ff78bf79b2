"""The verdicts: known answers, and parity of their statistics with scipy's."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from scipy import stats

from replication.engine import published as module
from replication.engine.config import experiments
from replication.engine.errors import UserError
from replication.engine.published import (
    LEVEL,
    Judgement,
    Published,
    Verdict,
    judge,
    published,
    summary,
    verdict,
)
from replication.engine.records import Record
from tests.builders import (
    make_dataset,
    make_experiments,
    make_published,
    make_record,
    make_seed,
    make_target,
)

# Hundredths, as published tables have them: their spread is never lost to rounding.
hundredths = st.integers(-10_000, 10_000).map(lambda n: n / 100)
samples = st.lists(hundredths, min_size=3, max_size=12).filter(lambda v: len(set(v)) > 1)
margins = st.integers(1, 5000).map(lambda n: n / 100)
quickly = profile(deadline=None, max_examples=150)


# The shipped file


def test_shipped_values_belong_to_shipped_variants() -> None:
    assert published().items
    for item, content in published().items.items():
        variants = experiments().items[item].variants
        for method in content.others:
            assert set(method.values) <= {*variants, *content.targets}
        for name, target in content.targets.items():
            assert (target.variant or name) in variants
            if target.variant is None:
                assert target.place == variants[name].place


def test_shipped_values_say_where_they_are_from_and_margins_why() -> None:
    for content in published().items.values():
        for target in content.targets.values():
            assert target.cite
            assert target.margin_reason


def test_shipped_margins_let_a_result_be_equivalent() -> None:
    """With a narrower one not even an exact result of ours could count as replicated."""
    for content in published().items.values():
        for target in content.targets.values():
            exact = [target.value] * 10
            assert judge(exact, target, content.lower_is_better)[0] == "replicated"


def test_a_value_of_an_epoch_is_compared_with_that_epoch() -> None:
    rows = [{"epoch": e, "updates": e, "test_error_percent": 100.0 / e} for e in (10, 50, 54)]
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    seeds = [make_seed(k, history=rows) for k in range(3)]
    names = {"preset": "quick", "item": "table2_semi_supervised", "variant": "mnist_100"}
    record = make_record(**names, settings=settings, seeds=seeds)
    found = verdict("table2_semi_supervised", "mnist_100_epoch_50", "quick", record, False)
    assert found.variant == "mnist_100"
    assert found.ours is not None
    assert found.ours.mean == 2.0
    early = record.model_copy(update={"seeds": [make_seed(0, history=rows[:1])]})
    unmeasured = verdict("table2_semi_supervised", "mnist_100_epoch_50", "quick", early, False)
    assert unmeasured.judgement == "not run"
    assert "50" in unmeasured.reason


# The file

ONE_TARGET = """\
items:
  table2_semi_supervised:
    metric: test_error_percent
    unit: "%"
    lower_is_better: true
    targets:
      mnist_100: {place: here, value: 1.9, source: paper, cite: p, margin: 1, margin_reason: r.}
"""
OTHERS = """\
    others:
      - {method: VAE, values: {mnist_10: {value: 3, source: paper, cite: p}}}
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(ONE_TARGET)
    target = published(path).items["table2_semi_supervised"].targets["mnist_100"]
    assert (target.value, target.plus_minus, target.margin) == (1.9, None, 1.0)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(
            ONE_TARGET.replace("mnist_100", "mnist_10"),
            "table2_semi_supervised/mnist_10 is no variant",
            id="unknown variant",
        ),
        pytest.param(
            ONE_TARGET + OTHERS,
            "table2_semi_supervised/mnist_10 is no variant",
            id="unknown variant of another method",
        ),
        pytest.param(
            ONE_TARGET.replace("table2_semi_supervised", "table0"),
            "table0/mnist_100 is no variant",
            id="unknown item",
        ),
        pytest.param(ONE_TARGET.replace("source: paper", "source: hearsay"), "source", id="source"),
        pytest.param(ONE_TARGET.replace("margin: 1,", "margin: 0,"), "margin", id="no margin"),
        pytest.param(ONE_TARGET.replace("margin: 1,", ""), "margin", id="margin left out"),
        pytest.param(ONE_TARGET.replace("1.9", "'1.9'"), "value", id="text for a number"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        published(path)
    assert caught.value.problem.startswith("published.yaml: ")
    assert fault in caught.value.problem


@pytest.mark.parametrize(("plus_minus", "text"), [(None, "1.90"), (0.1, "1.90 ± 0.10")])
def test_a_value_is_shown_with_its_spread(plus_minus: float | None, text: str) -> None:
    assert str(make_target(value=1.9, plus_minus=plus_minus)) == text


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


# The verdict


Judge = Callable[..., Verdict]


@pytest.fixture
def verdict_on(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judges records of ``table9/small``, which ships nowhere; ``target`` changes its value."""

    def verdict_on(
        record: Record | None,
        preset: str = "quick",
        stale: bool = False,
        variant: dict[str, Any] | None = None,
        **target: Any,
    ) -> Verdict:
        monkeypatch.setattr(module, "published", lambda: make_published(**target))
        monkeypatch.setattr(module, "experiments", lambda: make_experiments(variant))
        return verdict("table9", "small", preset, record, stale)

    return verdict_on


def record_of(*values: float, **changes: Any) -> Record:
    seeds = [make_seed(i, metrics={"test_error_percent": v}) for i, v in enumerate(values)]
    return make_record(**{"seeds": seeds, **changes})


def test_verdict_on_a_replicated_value(verdict_on: Judge) -> None:
    result = verdict_on(record_of(1.9, 2.0, 2.1))
    assert str(result) == result.judgement == "replicated"
    assert result.ours == summary([1.9, 2.0, 2.1])
    assert result.published == make_target()
    assert (result.variant, result.place, result.unit) == ("small", "Table 9, small", "%")
    assert Verdict.model_validate_json(result.model_dump_json()) == result


def test_verdict_follows_the_direction_of_the_metric(
    verdict_on: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verdict_on(record_of(3.0, 3.0, 3.0)).judgement == "worse"
    higher = make_published().items["table9"].model_copy(update={"lower_is_better": False})
    monkeypatch.setattr(module, "published", lambda: Published(items={"table9": higher}))
    assert verdict("table9", "small", "quick", record_of(3.0, 3.0, 3.0), False).judgement == (
        "better"
    )


def test_verdict_without_a_record_is_not_run(verdict_on: Judge) -> None:
    result = verdict_on(None)
    assert str(result) == "not run"
    assert result.reason == "no record at the quick preset"
    assert result.ours is None


def test_verdict_on_what_cannot_be_run_says_why(verdict_on: Judge) -> None:
    result = verdict_on(None, variant={"not_run": "no memory"})
    assert (result.judgement, result.reason) == ("not run", "no memory")


@pytest.mark.parametrize("values", [(2.0, 2.0, 2.0), (9.0, 9.0, 9.0)])
def test_verdict_on_a_smoke_result_is_never_a_comparison(
    verdict_on: Judge, values: tuple[float, ...]
) -> None:
    result = verdict_on(record_of(*values, preset="smoke"), preset="smoke")
    assert result.judgement == "smoke"
    assert "never compared" in result.reason


@pytest.mark.parametrize(
    "changes",
    [{"status": "diverged", "metrics": {}}, {"warnings": ["no better than the mean image"]}],
)
def test_verdict_is_unstable_when_a_seed_failed(verdict_on: Judge, changes: dict[str, Any]) -> None:
    """However good the other seeds are."""
    seeds = [*record_of(2.0, 2.0, 2.0).seeds, make_seed(3, **changes)]
    result = verdict_on(make_record(seeds=seeds))
    assert (result.judgement, result.reason) == ("unstable", "1 of 4 seeds failed")
    assert result.ours is not None


def test_verdict_when_every_seed_diverged(verdict_on: Judge) -> None:
    seeds = [make_seed(i, status="diverged", metrics={}) for i in range(3)]
    result = verdict_on(make_record(seeds=seeds))
    assert (result.judgement, result.ours) == ("unstable", None)
    assert result.reason == "3 of 3 seeds failed"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([2.0, 2.0, 2.0], "replicated (target unconfirmed)"),
        ([1.0, 1.0, 1.0], "better (target unconfirmed)"),
        ([3.0, 3.0, 3.0], "worse (target unconfirmed)"),
        ([2.0, 2.0], "undecided"),
    ],
)
@pytest.mark.parametrize("source", ["secondhand", "memory", "code", "guess"])
def test_verdict_against_what_is_not_from_the_paper_says_so(
    verdict_on: Judge, source: str, values: list[float], text: str
) -> None:
    assert str(verdict_on(record_of(*values), source=source)) == text


SUBSET = make_dataset(subset=True)


@pytest.mark.parametrize(
    ("record", "stale", "source", "text"),
    [
        (record_of(2.0, 2.0, 2.0, dataset=SUBSET), False, "paper", "replicated (subset (1,400))"),
        (record_of(2.0, 2.0, 2.0), True, "paper", "replicated (stale)"),
        (record_of(2.0, 2.0), True, "memory", "undecided (stale)"),
        (
            record_of(2.0, 2.0, 2.0, dataset=SUBSET),
            True,
            "memory",
            "replicated (target unconfirmed, subset (1,400), stale)",
        ),
    ],
)
def test_verdict_names_its_limits(
    verdict_on: Judge, record: Record, stale: bool, source: str, text: str
) -> None:
    assert str(verdict_on(record, stale=stale, source=source)) == text
