"""published.yaml: what ships is complete, what is wrong is named."""

from pathlib import Path

import pytest

from replication.base.errors import UserError
from replication.evidence.published import published
from replication.evidence.verdicts import verdict
from replication.settings.experiments import experiments
from tests.tools.builders import (
    make_record,
    make_seed,
    make_target,
)

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


def test_shipped_margins_can_be_met() -> None:
    """With a narrower one not even endless seeds of ours could count as replicated."""
    assert [name for _, name, target in published().targets() if not target.margin_can_be_met] == []


def test_the_papers_own_numbers_are_counted_apart() -> None:
    own = [t for _, _, t in published().targets() if not t.of_other_papers]
    assert len([t for t in own if t.epoch != 500]) == 21
    assert len(own) == 24  # with the learning curve after 500 epochs
    assert all(("Table" in t.place or "Figure" in t.place or "Appendix" in t.place) for t in own)
    assert published().paper_text


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
    assert "not measured" in unmeasured.reason


# The file

ONE_TARGET = """\
items:
  table2_semi_supervised:
    metric: test_error_percent
    unit: "%"
    lower_is_better: true
    targets:
      mnist_100:
        {place: here, value: 1.9, source: paper, cite: p, weight: 1, margin: 1, margin_reason: r.}
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
            "there is no item table0",
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


def test_a_value_is_shown_with_the_digits_of_its_publication() -> None:
    assert str(make_target(value=340, plus_minus=2.0)) == "340 ± 2"
    assert str(make_target(value=4.0)) == "4.00"
    found = published()
    values = [target for _, _, target in found.targets()]
    values += [v for i in found.items.values() for m in i.others for v in m.values.values()]
    for value in values:  # or rounding would lose a part of the ±
        assert value.plus_minus is None or value.plus_minus == round(value.plus_minus, value.digits)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, 0.0),
        ({"plus_minus": 0.2}, 0.2),
        ({"plus_minus": 0.2, "plus_minus_kind": "standard_error"}, 0.2),
        ({"plus_minus": 0.2, "plus_minus_kind": "standard_deviation", "runs": 4}, 0.1),
        ({"plus_minus": 0.196, "plus_minus_kind": "interval_95"}, 0.1),
        ({"plus_minus": 0.2, "plus_minus_kind": "over_test_images"}, 0.0),
    ],
)
def test_a_plus_minus_is_converted_to_a_standard_error(changes: dict, error: float) -> None:
    target = make_target(**changes)
    assert target.standard_error == pytest.approx(error)
    assert target.single_run == (error == 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"plus_minus_kind": "interval_95"},
        {"plus_minus": 0.2, "plus_minus_kind": "standard_deviation"},
        {"plus_minus": 0.2, "runs": 4},
    ],
)
def test_a_plus_minus_without_its_kind_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match=r"plus_minus|runs"):
        make_target(**changes)
