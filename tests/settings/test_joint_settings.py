"""Recipes of ours: ramps and schedules at known points; what does not fit names its key."""

import math
from typing import Any

import pytest

from replication.settings.experiments import merge
from replication.settings.joint import LearningRateSchedule
from replication.settings.ramps import end_of, value_at
from replication.settings.schema import Settings
from tests.tools.builders import make_joint_settings
from tests.training.test_second_stage import STAGE


@pytest.mark.parametrize(
    ("epoch", "value"), [(0, 0.1), (4, 0.1), (6, 0.08), (8, 0.06), (12, 0.02), (99, 0.02)]
)
def test_a_ramp_is_linear_between_its_epochs_and_constant_outside(
    epoch: float, value: float
) -> None:
    assert value_at({12: 0.02, 4: 0.1}, epoch) == pytest.approx(value)
    assert end_of({12: 0.02, 4: 0.1}) == 12


def test_a_number_is_constant() -> None:
    assert value_at(3.0, 17) == 3.0
    assert end_of(3.0) == 0


@pytest.mark.parametrize(
    ("decay", "factors"),
    [
        ("linear", [0, 0.5, 1, 1, 0.55, 0.1]),
        ("cosine", [0, 0.5, 1, 1, 0.55, 0.1]),  # half a cosine is half way at its middle
        ("step", [0, 0.5, 1, 1, 0.1, 0.1]),
    ],
)
def test_the_learning_rate_rises_stays_and_falls(decay: str, factors: list[float]) -> None:
    schedule = LearningRateSchedule.model_validate(
        {"warm_up_epochs": 2, "decay_from": 0.6, "decay": decay, "decay_to": 0.1}
    )
    found = [schedule.factor_at(epoch, 20) for epoch in (0, 1, 2, 12, 16, 20)]
    assert found == pytest.approx(factors)


def test_the_default_learning_rate_is_constant() -> None:
    assert {LearningRateSchedule().factor_at(epoch, 20) for epoch in (0, 7.5, 19.9)} == {1.0}


def test_numbers_by_epoch_are_one_value_when_settings_are_merged() -> None:
    below = {"joint": {"weights": {"balance": {0: 3.0, 9: 0.0}, "warps": 5.0}}}
    merged = merge(below, {"joint": {"weights": {"balance": {6: 1.0}}}})
    assert merged == {"joint": {"weights": {"balance": {6: 1.0}, "warps": 5.0}}}


def test_settings_survive_their_record() -> None:
    settings = make_joint_settings()
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def weights(**changes: Any) -> dict[str, Any]:
    return {"joint": {"weights": changes}}


RELATIVE = {"relative_radius": 0.2, "neighbour": 2}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a weight below zero": (weights(balance=-1.0), "joint.weights.balance"),
    "a radius without neighbours": (
        {"smoothness": {"relative_radius": 0.2, "neighbour": None}},
        "relative_radius and neighbour",
    ),
    "two radii": ({"smoothness": {"radius": 1.0}}, "a radius, or a relative_radius"),
    "fewer images than neighbours": ({"smoothness": {"among": 2}}, "among"),
    "smoothness without a weight": (weights(smoothness=None), "joint.weights.smoothness"),
    "a weight without warps": ({"warps": None}, "joint.weights.warps"),
    "a weight without labels": ({"labels": 0, "labelled_batch_size": 0}, "classification"),
    "an uneven labelled batch": ({"labelled_batch_size": 25}, "labelled_batch_size"),
    "warps of standardised pixels": ({"standardise": True}, "joint.weights.warps"),
    "a slack above log K": ({"joint": {"balance_slack": math.log(10)}}, "joint.balance_slack"),
    "a slack without balance": (
        {"joint": {"balance_slack": 0.1, "weights": {"balance": None}}},
        "joint.balance_slack",
    ),
    "a ramp that outlasts training": (
        weights(reconstruction={0: 1.0, 9: 0.0}),
        "joint.weights.reconstruction ends at epoch 9",
    ),
    "a radius that outlasts training": (
        {"smoothness": {"relative_radius": {1: 0.1, 4.5: 0.2}}},
        "smoothness.relative_radius ends at epoch 4.5",
    ),
    "a warm-up that outlasts training": (
        {"joint": {"schedule": {"warm_up_epochs": 5}}},
        "joint.schedule.warm_up_epochs",
    ),
    "averages without fresh statistics": ({"batch_norm_images": 0}, "batch_norm_images"),
    "fresh statistics of no batch-norm": (
        {"batch_norm": "none", "weight_average_updates": 0},
        "batch_norm_images",
    ),
    "phases beside the sum": (
        {"phases": {"classification": {"learning_rate": {0: 0.1}}}},
        "phases",
    ),
    "an adversary without discriminators": (
        {"joint": {"discriminators": None}},
        "joint.discriminators",
    ),
    "discriminators without an adversary": (
        weights(style_adversary=None, label_adversary=None),
        "joint.discriminators",
    ),
    "a style adversary without a style": (
        {"style_dim": 0, **weights(reconstruction=None)},
        "joint.weights.style_adversary",
    ),
    "a reconstruction without a style": (
        {"style_dim": 0, **weights(style_adversary=None)},
        "style_dim must be above 0",
    ),
    "one class": ({"label_dim": 1}, "label_dim must be 2 or more"),
    "the statistics of one image": ({"batch_norm_images": 1}, "batch_norm_images must be 2"),
    "a batch of one image": ({"batch_size": 1}, "batch_size must be 2"),
    "a plane of one dimension": ({"second_stage": {**STAGE, "style_dim": 1}}, "style_dim"),
    "a second stage that never gets warm": (
        {"second_stage": {**STAGE, "schedule": {"warm_up_epochs": 3}}},
        "second_stage.schedule.warm_up_epochs: 3 ends after its epochs: 2",
    ),
    "an empty ramp over another": (weights(smoothness={}), "joint.weights.smoothness"),
    "weight decay of Adam": (
        {"joint": {"autoencoder": {"weight_decay": 0.1}}},
        "weight_decay needs method: adamw",
    ),
    "no cost": (
        {"joint": {"weights": None}, "smoothness": None, "warps": None},
        "joint.weights",
    ),
    "a difference of the phases": ({"differences": {"saturating": True}}, "differences"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_fit_names_its_key(name: str) -> None:
    changes, message = FAULTS[name]
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        make_joint_settings(**changes)
