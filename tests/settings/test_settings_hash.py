"""The settings' hash: what it covers, and what it does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from replication.settings.schema import Settings
from tests.tools.builders import SETTINGS, make_settings


def test_hash_does_not_depend_on_the_seeds() -> None:
    more = make_settings(seeds=[5, 6, 7], label_seeds=[0, 0, 0])
    assert more.training_hash() == make_settings().training_hash()


def test_hash_does_not_depend_on_defaults_being_written_out() -> None:
    explicit = Settings.model_validate(make_settings().model_dump())
    assert explicit.model_fields_set > make_settings().model_fields_set
    assert explicit.training_hash() == make_settings().training_hash()


def test_hash_does_not_depend_on_settings_that_come_later() -> None:
    class Later(Settings):
        new_setting: int = 3

    assert Later.model_validate(SETTINGS).training_hash() == make_settings().training_hash()
    assert (
        make_settings().training_hash()
        != Later.model_validate({**SETTINGS, "new_setting": 4}).training_hash()
    )


def test_hash_does_not_depend_on_order_or_on_how_a_number_is_written() -> None:
    backwards = dict(reversed(SETTINGS.items()))
    rate = {50: 0.001, 0: 0.01}
    backwards["phases"] = {
        "classification": SETTINGS["phases"]["classification"],
        "reconstruction": {"momentum": 0.9, "learning_rate": rate},
    }
    assert Settings.model_validate(backwards).training_hash() == make_settings().training_hash()
    assert (
        make_settings(input_noise_std=1).training_hash()
        == make_settings(input_noise_std=1.0).training_hash()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"data": "mnist"},
        {"allow_subset": True},
        {"labels": 1000},
        {"labels": "all"},
        {"hidden_sizes": [16, 16]},
        {"style_dim": 3},
        {"label_dim": 9},
        {"output": "linear"},
        {"posterior": "gaussian"},
        {"posterior": "universal", "posterior_noise_dim": 1},
        {"init_std": 0.2},
        {"init_std": "he"},
        {"differences": {"mean_error": True}},
        {"differences": {"labelled_epochs": True}},
        {"style_prior": {"kind": "mixture"}},
        {"style_prior": {"std": 5.0}},
        {"input_noise_std": 0.0},
        {"batch_size": 51},
        {"epochs": 5},
        {"phases": {}},
        {
            "phases": {
                **SETTINGS["phases"],
                "reconstruction": {"learning_rate": {0: 0.01, 50: 0.002}},
            }
        },
        {
            "phases": {
                **SETTINGS["phases"],
                "reconstruction": {"learning_rate": {0: 0.01, 51: 0.001}},
            }
        },
    ],
    ids=str,
)
def test_the_training_hash_depends_on_every_other_setting(changes: dict[str, Any]) -> None:
    assert make_settings(**changes).training_hash() != make_settings().training_hash()


def test_the_training_hash_depends_on_how_much_noise_the_universal_posterior_has() -> None:
    drawn = [make_settings(posterior="universal", posterior_noise_dim=size) for size in (1, 2)]
    assert drawn[0].training_hash() != drawn[1].training_hash()


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluate_every": 2},
        {"fine_tuning_epochs": 3},
        {"svm_images": 100},
        {"parzen": {"samples": [10], "lowest": 0.1, "highest": 0.4, "steps": 3}},
    ],
    ids=str,
)
def test_what_is_only_measured_has_a_hash_of_its_own(changes: dict[str, Any]) -> None:
    """A new Parzen grid asks for a new measure, never for a new training."""
    changed = make_settings(**changes)
    assert changed.training_hash() == make_settings().training_hash()
    assert changed.measuring_hash() != make_settings().measuring_hash()


def test_what_is_trained_is_not_in_the_measuring_hash() -> None:
    assert make_settings(epochs=5).measuring_hash() == make_settings().measuring_hash()


rates = st.dictionaries(st.integers(1, 10**6), st.floats(0, 10), max_size=4)


@profile(deadline=None, max_examples=50)
@given(later=rates, first=st.floats(0, 10), seeds=st.sets(st.integers(0, 2**63), min_size=1))
def test_settings_survive_json(later: dict[int, float], first: float, seeds: set[int]) -> None:
    """JSON has no integer keys; the rates' epochs must come back as integers all the same."""
    phases = {"reconstruction": {"learning_rate": {0: first, **later}}}
    settings = make_settings(phases=phases, seeds=sorted(seeds))
    again = Settings.model_validate_json(settings.model_dump_json())
    assert again == settings
    assert again.training_hash() == settings.training_hash()
