"""What an item measures or draws can be missing in a user's variant: one line, nothing trained.

So can a label be too much: at a decoder that is fed samples of the style's prior alone.
"""

from importlib import import_module
from typing import Any

import pytest

from replication.base.errors import UserError
from replication.data.loaders import load
from replication.settings.experiments import experiments
from replication.settings.optimisers import Phases
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
    if settings.cluster_head_distance:
        values = brief(settings) | {"cluster_head_distance": None}
        values["phases"] |= {"head_distance": None}
        found["cluster heads"] = values
    return found


def too_much(settings: Settings) -> dict[str, dict[str, Any]]:
    """``settings`` by what is too much in them."""
    return {} if settings.label_dim else {"a label": brief(settings) | {"label_dim": 10}}


@pytest.mark.slow
@pytest.mark.parametrize("item", ITEMS)
def test_a_variant_without_a_part_trains_or_is_refused(item: str) -> None:
    variants = experiments().items[item].variants.items()
    first = next(v for v, d in variants if "smoke" in d.presets and d.not_run is None)
    settings = experiments().settings_of("smoke", item, first)
    train = import_module(f"replication.{item}").train
    refused = 0
    for fault, values in (without(settings) | too_much(settings)).items():
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
            pytest.fail(f"{item}/{first}, its fault: {fault}: {error!r}")
    assert refused, "no item does without each of its parts"


@pytest.mark.parametrize(
    ("item", "variant", "changes", "told"),
    [
        (
            "figure11_dimensionality_reduction",
            "labels_1000",
            {"cluster_head_distance": None},
            "needs cluster_head_distance, which the settings leave out; set it",
        ),
        (
            "figure2_prior_matching",
            "aae_gaussian",
            {"phases": Phases()},
            "needs phases.reconstruction, which the settings leave out; set it",
        ),
        *(
            (
                item,
                variant,
                {"label_dim": 10},
                "decodes styles alone, and label_dim: 10 gives its decoder a label, too; set "
                "label_dim and labels to 0",
            )
            for item, variant in {
                "table1_log_likelihood": "mnist",
                "figure2_prior_matching": "aae_gaussian",
                "companion_autoencoders": "aae_2d",
            }.items()
        ),
    ],
)
def test_it_is_told_with_item_key_and_remedy(
    item: str, variant: str, changes: dict[str, Any], told: str
) -> None:
    settings = experiments().settings_of("smoke", item, variant).model_copy(update=changes)
    run = Run(settings, load(settings), settings.runs, item=item)
    with pytest.raises(UserError) as caught:
        import_module(f"replication.{item}").train(run)
    assert str(caught.value) == f"{item} {told}"
