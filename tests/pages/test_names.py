"""Every metric and loss of the committed records has a name that people read."""

import re
from pathlib import Path

from replication.evidence import records
from replication.measures.cluster_baselines import COMPONENTS
from replication.measures.features import NEIGHBOURS
from replication.pages.names import BASELINES, NAMES, Name, name_of

STORED = Path(__file__).parents[2] / "results" / "quick"


def test_every_stored_metric_has_a_name_of_its_own() -> None:
    paths = [p for p in STORED.glob("*/*.json") if p.parent.name != "verdicts"]
    assert paths
    metrics = set()
    for path in paths:
        for seed in records.read(path).seeds:
            metrics |= {*seed.metrics, *(name for row in seed.history for name in row)}
    for metric in metrics - {"epoch"}:
        prefixes = sorted(BASELINES, key=len, reverse=True)
        prefix = next((p for p in prefixes if metric.startswith(p)), "")
        known = metric.removeprefix(prefix)
        assert any(re.fullmatch(pattern, known) for pattern in NAMES), metric
        assert "_" not in name_of(metric).full


def test_names_have_units_and_numbers_their_scale() -> None:
    assert name_of("test_error_percent") == Name("test error", "%")
    assert name_of("log_likelihood_10000000").full == "log-likelihood, 10,000,000 samples, nats"
    assert name_of("bandwidth_all_training_images").text.endswith("all training images")
    assert name_of("test_reconstruction_per_pixel").value(0.0285) == "28.50"
    for prefix, name in BASELINES.items():
        text = name_of(f"{prefix}hungarian_error_percent").text
        assert text.startswith(f"{name}: "), "the longer prefix holds the shorter"


def test_numbers_in_names_are_those_of_the_measures() -> None:
    """Typed again in the names: what draws imports no measure, for torch would take seconds."""
    nearest = f"test error, nearest neighbours ({NEIGHBOURS} at most) of codes, 100 labels, %"
    assert name_of("error_percent_nearest_codes_100").full == nearest
    for prefix in ("k_means_of_components_", "mixture_of_components_"):
        assert BASELINES[prefix].endswith(f" on {COMPONENTS} principal components")


def test_a_metric_that_nobody_named_is_spelled_out() -> None:
    assert name_of("new_thing_percent") == Name("new thing", "%")
    assert name_of("other_per_pixel").value(0.001) == "1.00"
