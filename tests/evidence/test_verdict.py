"""The verdicts on records: what they say, and of what they warn."""

from collections.abc import Callable
from typing import Any

import pytest

from replication.evidence import verdicts as module
from replication.evidence.published import Published
from replication.evidence.records import Record
from replication.evidence.run_kind import Difference
from replication.evidence.statistics import summary
from replication.evidence.verdicts import (
    CREDIT,
    REACHED,
    Verdict,
    not_surviving,
    score,
    verdict,
)
from tests.tools.builders import (
    make_dataset,
    make_experiments,
    make_published,
    make_record,
    make_seed,
    make_settings,
    make_target,
)

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


# The settings of ``paper`` and ``quick`` are the same in ``make_experiments()``: a full run.
REDUCED = {"paper": {"epochs": 400}}


def test_verdict_on_a_replicated_value(verdict_on: Judge) -> None:
    result = verdict_on(record_of(1.9, 2.0, 2.1))
    assert str(result) == result.judgement == "replicated"
    assert (result.kind, result.differences) == ("full", [])
    assert result.ours == summary([1.9, 2.0, 2.1])
    assert result.published == make_target()
    assert (result.variant, result.place, result.unit) == ("small", "Table 9, small", "%")
    assert result.trained == "2025-01-01T00:00:00+00:00"
    assert Verdict.model_validate_json(result.model_dump_json()) == result


def test_a_reduced_run_says_what_was_reduced(verdict_on: Judge) -> None:
    result = verdict_on(record_of(3.0, 3.1, 2.9), variant=REDUCED)
    assert result.kind == "reduced"
    assert str(result) == "not yet reached (epochs 4 of 400)"
    reached = verdict_on(record_of(2.0, 2.1, 1.9), variant=REDUCED)
    assert str(reached) == "already reached (epochs 4 of 400)"


@pytest.mark.parametrize(
    ("count", "more"), [(3, ""), (4, "; 1 more differences"), (6, "; 3 more differences")]
)
def test_the_first_differences_are_named_and_the_others_counted(
    verdict_on: Judge, count: int, more: str
) -> None:
    keys = [f"setting {n}" for n in range(count)]
    differences = [Difference(key=key, ours="1", paper="2") for key in keys]
    result = verdict_on(record_of(2.0, 2.1, 1.9), variant=REDUCED)
    text = str(result.model_copy(update={"differences": differences}))
    shown = "; ".join(f"{key} 1 for 2" for key in keys[:3])
    assert text == f"already reached ({shown}{more})"


def test_fewer_seeds_than_planned_are_told(verdict_on: Judge) -> None:
    planned = {"settings": {"seeds": [0, 1, 2, 3, 4]}}
    assert str(verdict_on(record_of(1.9, 2.0, 2.1), variant=planned)) == (
        "replicated (3 of 5 seeds)"
    )


def test_more_or_fewer_seeds_are_no_reduction(verdict_on: Judge) -> None:
    result = verdict_on(record_of(2.0, 2.1, 1.9, 2.0), variant={"paper": {"seeds": [0]}})
    assert result.kind == "full"


def test_other_images_are_not_compared(verdict_on: Judge) -> None:
    result = verdict_on(record_of(2.0, 2.0, 2.0, dataset=make_dataset(subset=True)))
    assert (result.kind, result.judgement) == ("not comparable", "not comparable")
    assert str(result) == "not comparable (subset (1,400))"


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
    assert (result.ours, result.kind, result.trained) == (None, None, "")


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
    ("changes", "reason"),
    [
        ({"status": "diverged", "metrics": {}}, "1 of 4 seeds diverged"),
        ({"warnings": ["the loss is odd"]}, "in 1 of 4 seeds the loss is odd"),
    ],
)
def test_verdict_is_unstable_when_a_seed_failed(
    verdict_on: Judge, changes: dict[str, Any], reason: str
) -> None:
    """However good the other seeds are."""
    last = {"metrics": {"test_error_percent": 2.0}} | changes
    seeds = [*record_of(2.0, 2.0, 2.0).seeds, make_seed(3, **last)]
    result = verdict_on(make_record(seeds=seeds))
    assert result.judgement == "unstable"
    assert result.reason == f"{reason}; by itself the number would be replicated"
    assert result.ours is not None


def test_verdict_when_every_seed_diverged(verdict_on: Judge) -> None:
    seeds = [make_seed(i, status="diverged", metrics={}) for i in range(3)]
    result = verdict_on(make_record(seeds=seeds))
    assert (result.judgement, result.ours) == ("unstable", None)
    assert result.reason == "3 of 3 seeds diverged"


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


def test_verdict_names_its_limits(verdict_on: Judge) -> None:
    assert str(verdict_on(record_of(2.0, 2.0, 2.0), stale=True)) == "replicated (stale)"
    both = verdict_on(record_of(2.0, 2.0, 2.0), stale=True, source="memory")
    assert str(both) == "replicated (target unconfirmed; stale)"
    wide = verdict_on(record_of(1.5, 2.0, 3.5), plus_minus=0.01)
    assert str(wide) == f"undecided ({wide.seeds_to_decide} seeds would decide)"


def test_the_score_counts_weights(verdict_on: Judge) -> None:
    replicated = verdict_on(record_of(2.0, 2.0, 2.0), weight=3)
    within = verdict_on(record_of(1.6, 1.65, 1.55), weight=2, margin=0.41, plus_minus=0.001)
    worse = verdict_on(record_of(3.0, 3.1, 2.9), weight=1)
    assert within.judgement == "different, within the margin"
    assert score([replicated, within, worse], CREDIT) == (4.0, 6)


def test_differences_that_many_tests_bring_are_named(verdict_on: Judge) -> None:
    """Of twenty comparisons one is different at 5 % by chance."""
    alike = [verdict_on(record_of(1.9, 2.0, 2.1)) for _ in range(19)]
    barely = verdict_on(record_of(2.15, 2.3, 2.45), margin=0.2, plus_minus=0.001)
    assert barely.difference is not None
    assert 0.01 < barely.difference.p_different < 0.1
    surely = verdict_on(record_of(3.0, 3.01, 2.99))
    lost = not_surviving([*alike, barely, surely])
    assert surely not in lost
    assert barely.judgement not in ("better", "worse"), "nobody claims a difference"
    assert lost == []


def test_a_claimed_difference_that_does_not_survive_is_named(verdict_on: Judge) -> None:
    alike = [verdict_on(record_of(1.8, 2.0, 2.25), margin=0.1) for _ in range(19)]
    claimed = verdict_on(record_of(2.3, 2.4, 2.5), margin=0.1, plus_minus=0.001)
    assert claimed.judgement == "worse"
    assert claimed.difference is not None
    assert 0.005 < claimed.difference.p_different < 0.05
    assert not_surviving([*alike, claimed]) == [claimed]
    assert not_surviving([claimed]) == []


def test_reduced_runs_stand_beside_the_score(verdict_on: Judge) -> None:
    reached = verdict_on(record_of(2.0, 2.0, 2.0), variant=REDUCED, weight=3)
    assert score([reached], CREDIT) == (0.0, 3)
    assert score([reached], REACHED) == (3.0, 3)


def test_a_margin_that_needs_very_many_seeds_is_named(verdict_on: Judge) -> None:
    """((1.645 + 1.282) x 2 / 0.5)^2 = 137 by the normal approximation."""
    assert verdict_on(record_of(1.0, 2.0, 3.0)).margin_note == ""
    many = verdict_on(record_of(0.0, 2.0, 4.0)).margin_note
    assert many == "at the observed spread the margin needs 139 seeds"
    hopeless = verdict_on(record_of(1.0, 2.0, 3.0), plus_minus=0.4)
    assert hopeless.margin_note == "no number of seeds can meet the margin"


def test_other_measures_are_said_and_make_no_run_another(verdict_on: Judge) -> None:
    settings = make_settings(evaluate_every=2)
    result = verdict_on(record_of(2.0, 2.0, 2.0, settings=settings))
    assert str(result) == "replicated (measured by other settings)"
    assert result.kind == "full"
