"""Records of older schemas, brought to today's: a function for each step.

The reader applies these in memory; ``python -m replication migrate`` rewrites files. Names change
and hashes of names with them; a seed, a metric's value, a history or provenance never does.
"""

import json
from collections.abc import Callable
from typing import Any

from replication.settings.schema import Settings

Json = dict[str, Any]

# Schema 2 says what PyTorch, scikit-learn and the papers say.
SETTINGS = {
    "hidden": "hidden_sizes",
    "style_size": "style_dim",
    "label_size": "label_dim",
    "posterior_noise_size": "posterior_noise_dim",
    "initial_deviation": "init_std",
    "input_noise": "input_noise_std",
    "averaged_updates": "weight_average_updates",
    "validation": "validation_images",
    "departures": "differences",
    "label_scale": "label_logit_std",
}
STYLE_PRIOR = {"deviation": "std", "radial": "radial_std", "tangential": "tangential_std"}
ALAE = {"multiplier": "learning_rate_multiplier", "greatest_step": "max_update_norm"}
APPLICATION = {
    "generated": "generated_images",
    "updates": "classifier_updates",
    "sizes": "label_counts",
}
METRICS = {"prior_distance_floor": "prior_sampling_noise", "fid_floor": "fid_sampling_noise"}


def one_to_two(record: Json) -> Json:
    """Settings and metrics under the names that the field has for them; two hashes instead of one.

    The size of the SVM's training set leaves the group ``alae``: it is only measured.
    """
    settings = settings_to_two(record["settings"])
    resolved = Settings.model_validate_json(json.dumps(settings))
    kept = {k: v for k, v in record.items() if k not in ("settings", "settings_hash", "seeds")}
    return kept | {
        "schema_version": 2,
        "settings": settings,
        "training_hash": resolved.training_hash(),
        "measuring_hash": resolved.measuring_hash(),
        "seeds": [_seed_to_two(seed) for seed in record["seeds"]],
    }


def settings_to_two(settings: Json) -> Json:
    """Resolved settings of schema 1 as schema 2 has them."""
    new = _renamed(settings, SETTINGS)
    if new.get("style_prior"):
        new["style_prior"] = _renamed(new["style_prior"], STYLE_PRIOR)
    if new.get("differences"):
        noise = {"discriminator_noise": "discriminator_noise_std"}
        new["differences"] = _renamed(new["differences"], noise)
    if new.get("application"):
        new["application"] = _renamed(new["application"], APPLICATION)
    if new.get("alae"):
        alae = _renamed(new["alae"], ALAE)
        new["svm_images"] = alae.pop("classified", 0)
        new["alae"] = alae
    phases = new.get("phases") or {}
    new["phases"] = {name: phase and _optimiser_to_two(phase) for name, phase in phases.items()}
    return new


def _optimiser_to_two(optimiser: Json) -> Json:
    new = _renamed(optimiser, {"rate": "learning_rate"})
    second = new.pop("second_momentum", 0.999)
    if new.get("method") == "adam":
        new["betas"] = [new.get("momentum", 0.0), second]
        new["momentum"] = 0.0
    return new


def _seed_to_two(seed: Json) -> Json:
    names = {name: _metric_to_two(name) for row in seed["history"] for name in row}
    names |= {name: _metric_to_two(name) for name in seed["metrics"]}
    history = [_renamed(row, names) for row in seed["history"]]
    return seed | {"metrics": _renamed(seed["metrics"], names), "history": history}


def _metric_to_two(name: str) -> str:
    """``deviation_10000``, the width of the Parzen kernels, is called a bandwidth."""
    if name.startswith("deviation_"):
        return name.replace("deviation_", "bandwidth_", 1)
    return METRICS.get(name, name)


def _renamed(values: Json, names: dict[str, str]) -> Json:
    return {names.get(name, name): value for name, value in values.items()}


STEPS: dict[int, Callable[[Json], Json]] = {1: one_to_two}
SCHEMA = 1 + max(STEPS)


def migrated(record: Json) -> Json:
    """``record`` in today's schema; it is left as it is where its version has no step."""
    while isinstance(record, dict) and (step := STEPS.get(record.get("schema_version", 0))):
        record = step(record)
    return record
