"""The verdicts on records: what they say, and of what they warn."""

from collections.abc import Callable
from typing import Any

import pytest

from replication.evidence import published as module
from replication.evidence.published import (
    Published,
    Verdict,
    summary,
    verdict,
)
from replication.evidence.records import Record
from tests.tools.builders import (
    make_dataset,
    make_experiments,
    make_published,
    make_record,
    make_seed,
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
