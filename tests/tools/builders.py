"""Small valid settings, records and experiments, each changed where a test says so."""

from typing import Any

from replication.evidence.published import Published, Target
from replication.evidence.records import Record
from replication.evidence.seeds import DataSummary, Provenance, SeedResult
from replication.settings.experiments import Experiments, merge
from replication.settings.schema import Settings

SETTINGS: dict[str, Any] = {
    "data": "digits",
    "labels": 100,
    "seeds": [0, 1],
    "hidden_sizes": [16],
    "style_dim": 2,
    "label_dim": 10,
    "output": "sigmoid",
    "init_std": 0.1,
    "input_noise_std": 0.3,
    "batch_size": 50,
    "epochs": 4,
    "phases": {
        "reconstruction": {"learning_rate": {0: 0.01, 50: 0.001}, "momentum": 0.9},
        "classification": {"learning_rate": {0: 0.1}, "momentum": 0.9},
    },
}


def make_settings(**changes: Any) -> Settings:
    return Settings.model_validate({**SETTINGS, **changes})


def make_experiments(
    variant: dict[str, Any] | None = None, item: dict[str, Any] | None = None, **file: Any
) -> Experiments:
    """One item ``table9`` with one variant ``small``; the arguments are keys beside those."""
    small = {"place": "Table 9, small", **(variant or {})}
    table = {"title": "A table", "draws": ["table"], "variants": {"small": small}, **(item or {})}
    return Experiments.model_validate({"settings": SETTINGS, "items": {"table9": table}, **file})


def make_seed(seed: int = 0, **changes: Any) -> SeedResult:
    provenance = {
        "started": "2025-01-01T00:00:00+00:00",
        "seconds": 1.5,
        "updates": 112,
        "stacked": 1,
        "commit": "0" * 40,
        "dirty": False,
        "python": "3.11.7",
        "torch": "2.6.0",
        "numpy": "2.0.0",
        "device": "CPU",
        "threads": 1,
        "precision": "float32",
        "wandb_id": None,
    }
    values = {
        "seed": seed,
        "label_seed": seed,
        "status": "ok",
        "warnings": [],
        "metrics": {"test_error_percent": 1.5 + seed / 4},
        "history": [{"epoch": 1, "updates": 28, "reconstruction": 3.0}],
        "provenance": Provenance.model_validate(provenance),
    }
    return SeedResult.model_validate({**values, **changes})


def make_record(**changes: Any) -> Record:
    """A record of ``make_experiments()``'s variant at the quick preset, with two seeds.

    Its settings have the seeds that it has.
    """
    seeds = changes.get("seeds") or [make_seed(0), make_seed(1)]
    runs = {"seeds": [s.seed for s in seeds], "label_seeds": [s.label_seed for s in seeds]}
    plain = runs["seeds"] == runs["label_seeds"]
    settings = changes.get("settings") or make_settings()
    settings = settings.model_copy(update=runs | ({"label_seeds": None} if plain else {}))
    changes = {**changes, "settings": settings}
    values = {
        "schema_version": 2,
        "preset": "quick",
        "item": "table9",
        "variant": "small",
        "settings": settings,
        "training_hash": settings.training_hash(),
        "measuring_hash": settings.measuring_hash(),
        "code_hash": "0123456789abcdef",
        "dataset": make_dataset(),
        "seeds": [make_seed(0), make_seed(1)],
    }
    return Record.model_validate({**values, **changes})


def make_dataset(**changes: Any) -> DataSummary:
    values = {"name": "digits", "sha256": "f" * 64, "train": 1400, "test": 397, "subset": False}
    return DataSummary.model_validate({**values, **changes})


def make_target(**changes: Any) -> Target:
    values = {
        "value": 2.0,
        "source": "paper",
        "cite": "page 9",
        "place": "Table 9, small",
        "weight": 1,
        "margin": 0.5,
        "margin_reason": "A quarter of the published value.",
    }
    return Target.model_validate({**values, **changes})


def make_published(**changes: Any) -> Published:
    """The one published value that belongs to ``make_experiments()``."""
    content = {
        "metric": "test_error_percent",
        "unit": "%",
        "lower_is_better": True,
        "targets": {"small": make_target(**changes)},
    }
    return Published.model_validate({"items": {"table9": content}})


# All costs of a joint loss at once, on the small digits.
JOINT: dict[str, Any] = {
    **SETTINGS,
    "discriminator_hidden_sizes": [8],
    "batch_norm": "hidden_and_label",
    "batch_norm_images": 200,
    "weight_average_updates": 20,
    "labelled_batch_size": 20,
    "phases": {},
    "joint": {
        "weights": {
            "reconstruction": {1: 0.1, 3: 0.05},
            "classification": 1.0,
            "style_adversary": 0.1,
            "label_adversary": {0.5: 0.0, 2: 0.1},
            "smoothness": 1.0,
            "balance": 1.0,
            "warps": 0.5,
        },
        "autoencoder": {"learning_rate": 0.002},
        "discriminators": {"learning_rate": 0.001, "betas": [0.5, 0.99]},
        "schedule": {"warm_up_epochs": 0.5, "decay_from": 0.5},
        "balance_slack": 0.02,
    },
    "smoothness": {"relative_radius": 0.2, "neighbour": 2, "among": 500},
    "warps": {"rotation_degrees": 10.0, "shear": 0.2, "scale": 0.1, "shift_pixels": 1.0},
}


def make_joint_settings(**changes: Any) -> Settings:
    """``JOINT`` with ``changes``, merged as those of experiments.yaml are."""
    return Settings.model_validate(merge(JOINT, changes))
