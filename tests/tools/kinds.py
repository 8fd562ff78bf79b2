"""One small variant of every kind of update that the suite has."""

import json
from typing import Any

from replication.settings.experiments import experiments
from replication.settings.optimisers import Phases
from replication.settings.schema import MEASURED, Settings

ELSEWHERE = {"seeds", "label_seeds", "epochs", "validation_images", *MEASURED}


def kinds_of_updates() -> dict[str, Settings]:
    """Of all items' variants, at smoke sizes, those that differ by more than numbers or images."""
    every = experiments()
    found: dict[str, tuple[str, Settings]] = {}
    for item, content in every.items.items():
        for variant in content.variants:
            settings = every.settings_of("smoke", item, variant)
            if is_trained(settings):
                values = settings.model_dump(mode="json", exclude_defaults=True, exclude=ELSEWHERE)
                found.setdefault(json.dumps(form(values)), (f"{item}/{variant}", settings))
    return dict(found.values())


def is_trained(settings: Settings) -> bool:
    return settings.phases != Phases() or settings.joint is not None


def form(value: Any) -> Any:
    """``value`` without its numbers: which settings there are, which names, how many layers."""
    if isinstance(value, dict):
        ramp = all(key.replace(".", "").isdigit() for key in value)
        return "by epoch" if ramp else {key: form(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return len(value)
    return "number" if type(value) in (int, float) else value
