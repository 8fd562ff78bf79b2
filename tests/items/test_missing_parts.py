"""What an item measures or draws can be missing in a user's variant: one line, nothing trained."""

from importlib import import_module
from typing import Any

import pytest

from replication.base.errors import UserError
from replication.data.loaders import load
from replication.settings.experiments import experiments
from replication.settings.schema import Settings
from replication.training.run import Run

ABSENT: dict[str, Any] = {
    **dict.fromkeys(("validation_images", "style_dim"), 0),
    **dict.fromkeys(("parzen", "application", "alae", "second_stage")),
}
ITEMS = [name for name, item in experiments().items.items() if item.variants]


def brief(settings: Settings) -> dict[str, Any]:
    """``settings`` in one epoch of one seed; a ramp is its last value."""
    values = settings.model_dump() | {"epochs": 1, "seeds": [0], "label_seeds": None}
    for within in ((values["joint"] or {}).get("weights"), values["smoothness"]):
        for key, value in (within or {}).items():
            within[key] = [*value.values()][-1] if isinstance(value, dict) else value
    if values["joint"]:
        values["joint"]["schedule"] = {}
    if values["second_stage"]:
        values["second_stage"] |= {"epochs": 1, "schedule": {}}
    return values


def without(settings: Settings) -> dict[str, dict[str, Any]]:
    """``settings`` by what is missing in them; those that belong together are missing together."""
    found = {key: brief(settings) | {key: value} for key, value in ABSENT.items()}
    for phase, optimiser in settings.phases:
        values = brief(settings)
        parts = {"discriminator", "generator"} if phase == "discriminator" else {phase}
        values["phases"] |= dict.fromkeys(parts)
        found |= {f"phases.{phase}": values} if optimiser else {}
    for cost, weight in settings.joint.weights if settings.joint else ():
        values = brief(settings)
        values["joint"]["weights"][cost] = None
        found |= {f"joint.weights.{cost}": values} if weight is not None else {}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS)
def test_a_variant_without_a_part_trains_or_is_refused(item: str) -> None:
    variants = experiments().items[item].variants.items()
    first = next(v for v, d in variants if "smoke" in d.presets and d.not_run is None)
    settings = experiments().settings_of("smoke", item, first)
    train = import_module(f"replication.{item}").train
    refused = 0
    for missing, values in without(settings).items():
        try:
            changed = Settings.model_validate(values)
        except ValueError:
            refused += 1  # the settings say so themselves
            continue
        try:
            train(Run(changed, load(changed), changed.runs))
        except UserError:
            refused += 1
        except Exception as error:
            pytest.fail(f"{item}/{first} without {missing}: {error!r}")
    assert refused, "no item does without each of its parts"
