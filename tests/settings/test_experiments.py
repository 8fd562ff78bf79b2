"""Settings: what resolves and how, and what they tell."""

from pathlib import Path
from typing import Any

import pytest

from replication.base.errors import UserError
from replication.settings.experiments import PRESETS, Experiments, experiments, merge
from replication.settings.measures import Parzen
from replication.settings.optimisers import Optimiser
from replication.settings.reading import parse, read_yaml
from replication.settings.schema import Seed, Settings
from tests.tools.builders import SETTINGS, make_experiments, make_settings

SHIPPED = [
    (preset, item, variant)
    for preset in PRESETS
    for item, content in experiments().items.items()
    for variant in content.variants
]


def resolved(source: Experiments, preset: str = "smoke") -> Settings:
    return source.settings_of(preset, "table9", "small")


# The shipped file


@pytest.mark.parametrize(("preset", "item", "variant"), SHIPPED)
def test_every_shipped_variant_resolves(preset: str, item: str, variant: str) -> None:
    settings = experiments().settings_of(preset, item, variant)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    drawn_or_embedded = settings.data in ("digits", "street_digits", "drawn_faces")
    assert drawn_or_embedded or preset != "smoke", "the smoke preset needs no file"


def test_shipped_variants_are_told_apart_by_their_hashes_or_seeds() -> None:
    for item, content in experiments().items.items():
        variants = [v for v, own in content.variants.items() if "paper" in own.presets]
        settings = {v: experiments().settings_of("paper", item, v) for v in variants}
        told = {
            v: (own.training_hash(), own.measuring_hash(), *own.runs) for v, own in settings.items()
        }
        assert len(set(told.values())) == len(told), told


def test_a_variant_that_is_not_run_is_not_runnable() -> None:
    variants = {"small": {"place": "here"}, "large": {"place": "there", "not_run": "no memory"}}
    assert make_experiments(item={"variants": variants}).runnable("table9", "quick") == ["small"]


# Merging


@pytest.mark.parametrize("most_particular", range(6))
def test_the_particular_wins_over_the_general(most_particular: int) -> None:
    """File, item, variant; then the preset's file, item, variant. Each says another number."""
    own: list[dict[str, Any]] = [
        {"epochs": 100 + layer} if layer <= most_particular else {} for layer in range(6)
    ]
    source = make_experiments(
        settings={**SETTINGS, **own[0]},
        item={"settings": own[1], "smoke": own[4]},
        variant={"settings": own[2], "smoke": own[5]},
        smoke=own[3],
        quick={"epochs": 1},
    )
    assert resolved(source).epochs == 100 + most_particular


def test_mappings_are_merged_key_by_key() -> None:
    phases = {"reconstruction": {"momentum": 0.5}}
    reconstruction = resolved(make_experiments({"settings": {"phases": phases}})).phases
    assert reconstruction.reconstruction == Optimiser(
        learning_rate={0: 0.01, 50: 0.001}, momentum=0.5
    )
    assert reconstruction.classification == Optimiser(learning_rate={0: 0.1}, momentum=0.9)


def test_rate_is_replaced_as_a_whole() -> None:
    phases = {"reconstruction": {"learning_rate": {0: 0.5}}}
    optimiser = resolved(make_experiments({"smoke": {"phases": phases}})).phases.reconstruction
    assert optimiser == Optimiser(learning_rate={0: 0.5}, momentum=0.9)


def test_lists_are_replaced_as_a_whole() -> None:
    assert resolved(make_experiments({"settings": {"hidden_sizes": [8, 4]}})).hidden_sizes == [8, 4]


def test_null_switches_a_phase_off_and_a_later_layer_on_again() -> None:
    off = {"phases": {"reconstruction": None}}
    assert resolved(make_experiments({"settings": off})).phases.reconstruction is None
    again = {"phases": {"reconstruction": {"learning_rate": {0: 1.0}}}}
    on = resolved(make_experiments({"settings": off, "smoke": again})).phases.reconstruction
    assert on == Optimiser(learning_rate={0: 1.0})


@pytest.mark.parametrize("key", ["posterior", "evaluate_every", "style_prior", "label_seeds"])
def test_null_stands_for_the_default(key: str) -> None:
    assert resolved(make_experiments({"settings": {key: None}})) == make_settings()


def test_a_mapping_wins_over_what_is_none() -> None:
    assert merge({"style_prior": "gaussian"}, {"style_prior": {"kind": "mixture"}}) == {
        "style_prior": {"kind": "mixture"}
    }


def test_merging_leaves_the_layers_alone() -> None:
    general: dict[str, Any] = {"phases": {"generator": {"momentum": 0.1}}}
    merge(general, {"phases": {"generator": {"momentum": 0.2}}})
    assert general == {"phases": {"generator": {"momentum": 0.1}}}


# The file

VALID = """\
settings: {}
items:
  table9:
    title: A table
    draws: [table]
    variants: {small: {place: here}}
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text(VALID)
    assert list(experiments(path).items["table9"].variants) == ["small"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"a: 1\nb: 2\na: 3\n", "key 'a' is given twice", id="repeated key"),
        pytest.param(b"x:\n  {a: 1, a: 1}\n", "key 'a' is given twice", id="repeated inner key"),
        pytest.param(b"a: [1\n", "not valid YAML", id="open bracket"),
        pytest.param(b"a:\n\t- 1\n", "not valid YAML", id="tab"),
        pytest.param(b"a: *nowhere\n", "nowhere", id="unknown alias"),
        pytest.param(b"a: !!python/name:os.system\n", "not valid YAML", id="code"),
        pytest.param("a: é\n".encode("latin-1"), "not valid YAML", id="not UTF-8"),
        pytest.param(b"a: 2001-13-45\n", "not valid YAML", id="impossible date"),
    ],
)
def test_a_file_that_is_not_valid_yaml_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        experiments(path)
    assert str(path) in caught.value.problem
    assert fault in caught.value.problem
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        pytest.param("", "Input should be a valid dictionary", id="empty"),
        pytest.param("- a\n", "Input should be a valid dictionary", id="a list"),
        pytest.param(VALID + "extra: 1\n", "extra", id="unknown key"),
        pytest.param("settings: {}\n", "items", id="missing key"),
        pytest.param(VALID.replace("[table]", "[film]"), "items.table9.draws.0", id="no such kind"),
        pytest.param(
            VALID.replace("place", "plaice"), "items.table9.variants.small", id="inner key"
        ),
    ],
)
def test_a_file_with_other_content_is_named(tmp_path: Path, content: str, key: str) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        experiments(path)
    assert caught.value.problem.startswith(f"{path.name}: {key}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "experiments.yaml"
    with pytest.raises(UserError) as caught:
        experiments(path)
    assert caught.value.problem == f"{path}: No such file or directory"


def test_a_key_that_overrides_a_merged_one_is_not_a_repetition(tmp_path: Path) -> None:
    """Also where the mapping that overrides is itself merged, before it is read."""
    path = tmp_path / "chained.yaml"
    path.write_text("a: &a {x: 1, y: 1}\nouter:\n  b: &b {<<: *a, x: 2}\nc: {<<: *b, y: 3}\n")
    content = read_yaml(path)
    assert content["outer"]["b"] == {"x": 2, "y": 1}
    assert content["c"] == {"x": 2, "y": 3}


# What settings tell


def test_rate_changes_with_the_epoch_that_is_named() -> None:
    optimiser = Optimiser(learning_rate={50: 0.01, 0: 0.1, 1000: 0.001})
    expected = {0: 0.1, 49: 0.1, 50: 0.01, 999: 0.01, 1000: 0.001, 10**6: 0.001}
    assert {epoch: optimiser.learning_rate_at(epoch) for epoch in expected} == expected


def test_a_seed_is_its_own_label_seed_unless_another_is_given() -> None:
    assert make_settings(seeds=[3, 4]).runs == [Seed(3, 3), Seed(4, 4)]
    labelled = make_settings(seeds=[3, 3], label_seeds=[0, 1])
    assert labelled.runs == [Seed(3, 0), Seed(3, 1)]


def test_an_item_has_runs_or_borrows_them() -> None:
    content = experiments().model_dump()
    content["items"]["figure9_clusters"]["borrows"] = "table9"
    with pytest.raises(UserError, match="table9"):
        parse(Experiments, content, "experiments.yaml")
    content["items"]["figure9_clusters"]["borrows"] = None
    with pytest.raises(UserError, match="figure9_clusters"):
        parse(Experiments, content, "experiments.yaml")


def test_parzen_bandwidths_span_their_grid_evenly_in_the_logarithm() -> None:
    grid = Parzen(samples=[10], lowest=0.1, highest=0.4, steps=3).bandwidths()
    assert grid == pytest.approx([0.1, 0.2, 0.4])


def test_settings_are_resolved_once() -> None:
    """A command asks for those of a thousand variants several times each."""
    first = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    assert experiments().settings_of("quick", "table2_semi_supervised", "mnist_100") is first
    assert experiments().settings_of("paper", "table2_semi_supervised", "mnist_100") != first
