"""The numbers of a record: finite, in their range, epoch after epoch."""

from typing import Any

import pytest

from replication.base.errors import UserError
from replication.evidence.numbers import LARGEST
from replication.evidence.records import Record
from tests.tools.builders import make_record, make_seed

ROW = {"epoch": 1, "updates": 28, "loss": 3.0}
LATER = {"epoch": 2, "updates": 56, "loss": 2.0}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("test_error_percent", [0.0, 100.0, 100.0005], [-0.01, 100.01, 1e308]),
        ("error_percent_labels", [50.0], [101.0, -1.0]),
        ("test_reconstruction_per_pixel", [0.0, 2.5], [-0.1]),
        ("standard_error_10000", [0.0, 9.0], [-1.0]),
        ("bandwidth_10000", [0.1], [-0.1]),
        ("log_likelihood_10000", [-280.8, 3945.0, -LARGEST], [-1e39, 1e308]),
        ("loss", [LARGEST, -2.0], [4e38]),
    ],
)
def test_metrics_and_losses_have_their_range(name: str, good: list, bad: list) -> None:
    for value in good:
        assert make_seed(metrics={name: value}).metrics == {name: value}
        row = ROW | {name: value}
        assert make_seed(history=[row]).history == [row]
    for value in bad:
        with pytest.raises(ValueError, match=f"{name} is"):
            make_seed(metrics={name: value})
        with pytest.raises(ValueError, match=f"{name} is"):
            make_seed(history=[ROW | {name: value}])


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        ([{"updates": 1}], "epoch of a row is None"),
        ([{"epoch": 1}], "updates of a row is None"),
        ([{"epoch": 0, "updates": 1}], "epoch of a row is 0, after 0"),
        ([{"epoch": 1.0, "updates": 1}], "epoch of a row is 1.0"),
        ([LATER, ROW], "epoch of a row is 1, after 2"),
        ([ROW, LATER | {"updates": 28}], "updates of a row is 28, after 28"),
        ([ROW | {"epoch": 10**400}], "not in"),
    ],
)
def test_a_history_goes_on(history: list[dict[str, Any]], fault: str) -> None:
    assert make_seed(history=[ROW, LATER]).history == [ROW, LATER]
    with pytest.raises(ValueError, match=fault):
        make_seed(history=history)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"seconds": -1.0}, "provenance.seconds"),
        ({"seconds": 1e308}, "provenance.seconds"),
        ({"stacked": 0}, "provenance.stacked"),
        ({"updates": -1}, "provenance.updates"),
        ({"updates": 10**400}, "provenance.updates"),
    ],
)
def test_times_and_counts_have_their_range(changes: dict[str, Any], fault: str) -> None:
    provenance = make_seed().provenance.model_dump() | changes
    with pytest.raises(ValueError, match=fault):
        make_seed(provenance=provenance)


def test_a_seed_that_diverged_has_no_metrics() -> None:
    with pytest.raises(ValueError, match="diverged"):
        make_seed(status="diverged")


def test_a_history_is_no_longer_than_the_training() -> None:
    with pytest.raises(ValueError, match="longer than the training"):
        make_record(seeds=[make_seed(history=[ROW | {"epoch": 10**6}])])


# What is asked of a record


def of_histories(*histories: list[dict[str, Any]]) -> Record:
    return make_record(seeds=[make_seed(i, history=h) for i, h in enumerate(histories)])


def test_a_curve_has_the_epochs_that_all_seeds_share() -> None:
    """Seeds that were added later may have been evaluated more often."""
    rows, values = of_histories([ROW, LATER], [LATER | {"loss": 4.0}]).curve("loss")
    assert rows == [LATER]
    assert values.tolist() == [[2.0], [4.0]]


def test_a_curve_without_shared_epochs_is_empty() -> None:
    for record in (of_histories([ROW], [LATER]), of_histories([], []), of_histories([ROW])):
        metric = "no_such_loss" if len(record.seeds) == 1 else "loss"
        rows, values = record.curve(metric)
        assert rows == []
        assert values.size == 0


def test_a_curve_is_of_seeds_that_did_not_diverge() -> None:
    lost = make_seed(1, status="diverged", metrics={}, history=[ROW])
    rows, values = make_record(seeds=[make_seed(history=[ROW, LATER]), lost]).curve("loss")
    assert rows == [ROW, LATER]
    assert values.tolist() == [[3.0, 2.0]]
    assert make_record(seeds=[lost]).curve("loss")[0] == []


def test_the_seed_with_the_least_loss_is_found_or_what_is_missing_said() -> None:
    record = of_histories([ROW, LATER], [ROW | {"loss": 1.0}, LATER | {"loss": 5.0}])
    least = record.least("loss")
    assert least is not None
    assert least.seed == 0
    for broken in (of_histories([]), of_histories([ROW], [{"epoch": 1, "updates": 1}])):
        with pytest.raises(UserError, match="the record of quick/table9/small lacks loss"):
            broken.least("loss")
    assert make_record(seeds=[make_seed(status="diverged", metrics={})]).least("loss") is None
