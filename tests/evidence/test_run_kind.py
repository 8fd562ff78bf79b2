"""What a record is a run of: the differences from the paper's settings, in words."""

from typing import Any

import pytest

from replication.evidence.run_kind import in_brief, run_kind
from replication.settings.experiments import experiments
from replication.settings.schema import Settings
from tests.tools.builders import SETTINGS, make_dataset, make_record, make_settings

RATES = {0: 0.01, 50: 0.001}


def texts(ours: Settings, paper: Settings, epoch: int | None = None, **record: Any) -> list[str]:
    found = run_kind(make_record(settings=ours, **record), paper, epoch)
    return [found.kind, *map(str, found.differences)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["full"]),
        ({"epochs": 5000}, ["reduced", "epochs 4 of 5000"]),
        ({"epochs": 2}, ["reduced", "epochs 4 for 2"]),
        ({"hidden_sizes": [300, 300]}, ["reduced", "hidden sizes 16 of 300, 300"]),
        ({"init_std": "he"}, ["reduced", "initial standard deviation 0.1 for He's"]),
        ({"input_dropout": 0.2}, ["reduced", "input dropout 0 for 0.2"]),
        ({"style_prior": {"std": 5.0}}, ["reduced", "style prior: std 1 for 5"]),
        ({"differences": {"joint": False}}, ["full"]),
        ({"seeds": [0, 1, 2], "evaluate_every": 10, "fine_tuning_epochs": 3}, ["full"]),
    ],
)
def test_settings_that_differ_are_said_in_words(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert texts(make_settings(), make_settings(**changes)) == expected


@pytest.mark.parametrize(
    ("reconstruction", "expected"),
    [
        ({"method": "adam", "learning_rate": {0: 0.001}}, ["reconstruction: SGD for Adam"]),
        (None, ["reconstruction: SGD for none"]),
        ({"learning_rate": RATES, "momentum": 0.5}, ["reconstruction: momentum 0.9 for 0.5"]),
        (
            {"learning_rate": {0: 0.01, 3: 0.001, 50: 0.0001}, "momentum": 0.9},
            ["reconstruction: learning rate 0.01 for 0.01, from epoch 3 0.001"],
        ),
        ({"learning_rate": {0: 0.01, 60: 0.001}, "momentum": 0.9}, []),
    ],
)
def test_optimisers_are_compared_as_far_as_they_were_used(
    reconstruction: Any, expected: list[str]
) -> None:
    """Our four epochs end before the learning rate of both first drops."""
    phases = {**SETTINGS["phases"], "reconstruction": reconstruction}
    assert texts(make_settings(), make_settings(phases=phases))[1:] == expected


def test_up_to_an_epoch_only_what_acted_until_then_differs() -> None:
    ours, paper = make_settings(epochs=54), make_settings(epochs=5000)
    assert texts(ours, paper, epoch=50) == ["full"]
    assert texts(ours, paper) == ["reduced", "epochs 54 of 5000"]
    assert texts(make_settings(epochs=20), paper, epoch=50) == ["reduced", "epochs 20 of 50"]
    late = {**SETTINGS["phases"], "reconstruction": {"learning_rate": {0: 0.01, 52: 0.001}}}
    other = {**SETTINGS["phases"], "reconstruction": {"learning_rate": {0: 0.01, 53: 0.001}}}
    ours, paper = make_settings(epochs=54, phases=late), make_settings(epochs=54, phases=other)
    assert texts(ours, paper, epoch=50) == ["full"]
    assert texts(ours, paper)[0] == "reduced"


@pytest.mark.parametrize(
    ("ours", "paper", "record", "expected"),
    [
        ({}, {}, {"dataset": make_dataset(subset=True)}, "1,400 of all images"),
        (
            {"data": "svhn"},
            {"data": "svhn", "use_extra": True},
            {"dataset": make_dataset(subset=True, train=4434)},
            "4,434 of 604,388 images",
        ),
        ({"data": "svhn"}, {"data": "svhn", "use_extra": True}, {}, "1,400 of 604,388 images"),
        (
            {"data": "mnist", "validation_images": 10000},
            {"data": "mnist"},
            {"dataset": make_dataset(train=50000)},
            "50,000 of 60,000 images",
        ),
        ({"data": "digits"}, {"data": "mnist"}, {}, "data digits for mnist"),
    ],
)
def test_other_images_are_not_comparable(
    ours: dict[str, Any], paper: dict[str, Any], record: dict[str, Any], expected: str
) -> None:
    found = texts(make_settings(**ours), make_settings(**paper), **record)
    assert found == ["not comparable", expected]


def test_the_permission_to_take_a_part_is_no_difference_when_all_was_there() -> None:
    assert texts(make_settings(allow_subset=True), make_settings()) == ["full"]


def test_a_cell_has_no_room_for_schedules() -> None:
    adam = {"method": "adam", "learning_rate": {0: 0.001}}
    other = {"learning_rate": {0: 0.1, 2: 0.01}, "momentum": 0.5}
    phases = {"reconstruction": adam, "classification": other}
    ours, paper = make_settings(phases=phases, epochs=4), make_settings(epochs=400)
    found = run_kind(make_record(settings=ours), paper).differences
    assert in_brief(found) == [
        "epochs 4 of 400",
        "Adam for SGD",
        "other learning rates and momentums",
    ]


def test_the_phase_smoothness_is_no_part_of_the_settings_of_that_name() -> None:
    """Its optimiser is told with those of the other phases, in the same few words."""

    def smooth(phase: dict[str, Any], radius: float) -> Settings:
        changes = {"phases": {**SETTINGS["phases"], "smoothness": phase}}
        return make_settings(**changes, smoothness={"radius": radius})

    slow, fast = ({"learning_rate": {0: rate}} for rate in (0.01, 0.1))
    adam = smooth({"method": "adam", "learning_rate": {0: 0.001}}, 1.0)
    found = run_kind(make_record(settings=adam), smooth(slow, 2.0)).differences
    group = "smoothness settings: radius 1 for 2"
    assert [*map(str, found)] == ["smoothness: Adam for SGD", group]
    assert in_brief(found) == [group, "Adam for SGD"]
    found = run_kind(make_record(settings=smooth(fast, 1.0)), smooth(slow, 1.0)).differences
    assert in_brief(found) == ["other learning rates"]


def shipped(item: str, variant: str, **record: Any) -> list[str]:
    settings = experiments().settings_of("quick", item, variant)
    paper = experiments().settings_of("paper", item, variant)
    found = run_kind(make_record(settings=settings, **record), paper)
    return [found.kind, *in_brief(found.differences)]


def test_shipped_presets_say_what_they_leave_out() -> None:
    digits = make_dataset(name="svhn", train=4434, subset=True)
    assert shipped("table2_semi_supervised", "mnist_100") == ["reduced", "epochs 54 of 5000"]
    assert shipped("table2_semi_supervised", "svhn_1000", dataset=digits)[:2] == [
        "not comparable",
        "4,434 of 604,388 images",
    ]
    assert "hidden sizes 300, 300 of 3000, 3000" in shipped("table3_clustering", "clusters_16")
    assert "Adam for SGD" in shipped("table1_log_likelihood", "mnist")


def test_the_paper_preset_is_a_full_run_of_every_variant() -> None:
    for item, described in experiments().items.items():
        for variant in described.variants:
            paper = experiments().settings_of("paper", item, variant)
            assert run_kind(make_record(settings=paper), paper) == ("full", [])
