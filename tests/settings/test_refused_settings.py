"""Settings that are refused, and by which name."""

import math
from pathlib import Path
from typing import Any

import pytest

from replication.base.errors import UserError
from replication.settings import reading
from replication.settings.experiments import Experiments, experiments
from replication.settings.reading import PlainLoader, parse, parse_yaml, read_yaml
from replication.settings.schema import Settings
from tests.tools.builders import SETTINGS, make_experiments, make_settings


def resolved(source: Experiments, preset: str = "smoke") -> Settings:
    return source.settings_of(preset, "table9", "small")


# What is refused

ADVERSARY = {"learning_rate": {0: 0.1}}

REFUSED = [
    pytest.param({"epoch": 4}, "epoch", id="unknown key"),
    pytest.param({"phases": {"dream": ADVERSARY}}, "phases.dream", id="unknown phase"),
    pytest.param({"style_prior": {"sort": "mixture"}}, "style_prior.sort", id="unknown inner key"),
    pytest.param(
        {"phases": {"reconstruction": {"learning_rate": {0: "1e-3"}}}},
        "phases.reconstruction.learning_rate.0",
        id="1e-3, a text in YAML, as rate",
    ),
    pytest.param({"batch_size": "100"}, "batch_size", id="text for a number"),
    pytest.param({"epochs": 1.5}, "epochs", id="fraction for a count"),
    pytest.param({"epochs": True}, "epochs", id="truth for a count"),
    pytest.param({"hidden_sizes": 16}, "hidden_sizes", id="number for a list"),
    pytest.param({"phases": []}, "phases", id="list for a mapping"),
    pytest.param({"labels": "some"}, "labels", id="unknown word for labels"),
    pytest.param({"data": "cifar"}, "data", id="unknown data"),
    pytest.param({"output": "tanh"}, "output", id="unknown output"),
    pytest.param({"seeds": []}, "seeds", id="no seeds"),
    pytest.param({"seeds": [0, 0]}, "seeds", id="equal seeds"),
    pytest.param({"seeds": [-1]}, "seeds", id="negative seed"),
    pytest.param({"label_seeds": [0]}, "label_seeds", id="fewer label seeds than seeds"),
    pytest.param({"hidden_sizes": []}, "hidden_sizes", id="no layers"),
    pytest.param({"hidden_sizes": [0]}, "hidden_sizes.0", id="empty layer"),
    pytest.param({"hidden_sizes": [10**11]}, "hidden_sizes.0", id="layer for no machine"),
    pytest.param({"style_dim": 10**11}, "style_dim", id="code for no machine"),
    pytest.param({"epochs": 10**320}, "epochs", id="epochs that no float counts"),
    pytest.param({"batch_size": 0}, "batch_size", id="empty batch"),
    pytest.param({"epochs": 0}, "epochs", id="no epochs"),
    pytest.param({"input_noise_std": -0.1}, "input_noise_std", id="negative noise"),
    pytest.param({"input_noise_std": math.nan}, "input_noise_std", id="noise that is no number"),
    pytest.param({"init_std": 0.0}, "init_std", id="zero deviation"),
    pytest.param(
        {"phases": {"reconstruction": {"learning_rate": {0: -0.1}}}},
        "phases.reconstruction.learning_rate.0",
        id="negative rate",
    ),
    pytest.param(
        {"phases": {"reconstruction": {"learning_rate": {50: 0.1}}}},
        "phases.reconstruction",
        id="no rate at epoch 0",
    ),
    pytest.param(
        {"phases": {"reconstruction": {"momentum": 1.0}}},
        "phases.reconstruction.momentum",
        id="momentum of one",
    ),
    pytest.param(
        {"phases": {"reconstruction": {**ADVERSARY, "method": "adam", "momentum": 0.9}}},
        "momentum needs method: sgd",
        id="momentum of Adam",
    ),
    pytest.param(
        {"phases": {"reconstruction": {"betas": [0.5, 0.9]}}},
        "betas needs method: adam",
        id="betas of SGD",
    ),
    pytest.param({"phases": {"generator": ADVERSARY}}, "go together", id="half of a pair"),
    pytest.param({"phases": {"discriminator": ADVERSARY}}, "go together", id="the other half"),
    pytest.param(
        {"style_prior": {"kind": "mixture"}, "style_dim": 3}, "style_dim", id="mixture in 3-D"
    ),
    pytest.param(
        {"style_prior": {"kind": "swiss_roll"}, "style_dim": 3}, "swiss_roll", id="roll in 3-D"
    ),
    pytest.param({"label_at": "decoder"}, "label_at", id="a given label, and classification"),
    pytest.param(
        {"label_at": "decoder", "phases": {"classification": None}},
        "all images",
        id="some labels for the decoder",
    ),
    pytest.param(
        {"label_at": "discriminator", "phases": {"classification": None}},
        "part for each class",
        id="labels beside a Gaussian",
    ),
    pytest.param({"cluster_head_distance": 2.0}, "head_distance", id="heads without their phase"),
    pytest.param(
        {"phases": {"head_distance": ADVERSARY}}, "head_distance", id="a phase without heads"
    ),
    pytest.param(
        {"output": "linear", "posterior": "gaussian", "phases": {"variational": ADVERSARY}},
        "sigmoid",
        id="a linear VAE",
    ),
    pytest.param(
        {"phases": {"variational": ADVERSARY}}, "posterior: gaussian", id="a VAE without variance"
    ),
    pytest.param({"posterior": "universal"}, "posterior_noise_dim", id="universal, no noise"),
    pytest.param({"labels": 0}, "classification", id="classification without labels"),
    pytest.param({"input_masking": 1.0}, "input_masking", id="nothing left to see"),
    pytest.param({"input_salt_and_pepper": -0.1}, "input_salt_and_pepper", id="a negative share"),
    pytest.param(
        {"penalty": {"kind": "code_kl", "weight": 1.0}}, "code_kl", id="activity of linear codes"
    ),
    pytest.param({"penalty": {"kind": "code_l1", "weight": 0.0}}, "weight", id="a penalty of none"),
    pytest.param(
        {"penalty": {"kind": "code_l1", "weight": 1.0, "activity": 0.1}},
        "activity needs kind: code_kl",
        id="an activity that nothing is compared with",
    ),
    pytest.param(
        {"code_activation": "relu", "style_dim": 0, "phases": {"reconstruction": None}},
        "code_activation needs style_dim",
        id="the activation of no code",
    ),
    pytest.param({"layerwise_epochs": 1}, "layerwise_epochs", id="layers with labels"),
    pytest.param(
        {
            "layerwise_epochs": 2,
            "labels": 0,
            "label_dim": 0,
            "phases": {"classification": None},
        },
        "leave no epochs",
        id="a layer list that cannot be stacked in time",
    ),
    pytest.param({"label_logit_std": 0.0}, "label_logit_std", id="logits without a deviation"),
    pytest.param(
        {"label_logit_std": 2.0, "label_dim": 0, "labels": 0, "phases": {"classification": None}},
        "label_logit_std",
        id="logits that are not there",
    ),
    pytest.param({"label_dim": 0}, "classification", id="classification without classes"),
    pytest.param(
        {
            "parzen": {
                "samples": [9],
                "lowest": 0.1,
                "highest": 1.0,
                "steps": 3,
                "bandwidth_images": 9,
            }
        },
        "parzen.bandwidth_images",
        id="more images for the bandwidth than are held out",
    ),
    pytest.param(
        {"posterior": "gaussian", "style_dim": 0, "phases": {"reconstruction": None}},
        "posterior: gaussian needs style_dim",
        id="the posterior of no style",
    ),
    pytest.param(
        {"posterior_noise_dim": 3},
        "posterior_noise_dim needs posterior: universal",
        id="noise for nothing",
    ),
    pytest.param({"use_extra": True}, "use_extra needs data: svhn", id="extra digits of digits"),
    pytest.param(
        {"standardise": True}, "standardise needs output: linear", id="a sigmoid below zero"
    ),
    pytest.param(
        {"style_prior": {"radius": 2.0}},
        "style_prior: radius needs kind: mixture",
        id="petals of a Gaussian",
    ),
    pytest.param(
        {"discriminator_hidden_sizes": []}, "discriminator_hidden_sizes", id="no hidden layers"
    ),
    pytest.param(
        {
            "application": {
                "kind": "augmentation",
                "generated_images": 25,
                "classifier_updates": 1,
            }
        },
        "application.generated_images: 25 must be a multiple of label_dim, 10",
        id="more images of some classes",
    ),
]


@pytest.mark.parametrize(("changes", "key"), REFUSED)
def test_a_wrong_setting_is_named(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError) as caught:
        resolved(make_experiments({"smoke": changes}))
    assert "table9/small (smoke)" in caught.value.problem
    assert key in caught.value.problem
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"penalty": {"kind": "code_l1", "weight": 1.0}},
        {"code_activation": "relu"},
        {"layerwise_epochs": 1},
        {"input_masking": 0.1},
        {"input_salt_and_pepper": 0.1},
        {"discriminator_hidden_sizes": [8]},
    ],
    ids=str,
)
def test_what_alae_and_its_baselines_do_not_read_is_refused(changes: dict[str, Any]) -> None:
    baseline = experiments().settings_of("smoke", "companion_alae", "ae_l2")
    assert baseline.alae is not None
    with pytest.raises(UserError, match=f"alae needs {next(iter(changes))}: "):
        parse(Settings, baseline.model_dump() | changes, "mine")


def test_standardised_images_are_classified_without_a_decoder() -> None:
    changes = {"standardise": True, "phases": {"reconstruction": None}}
    assert resolved(make_experiments({"smoke": changes})).standardise


def test_a_missing_setting_is_named() -> None:
    incomplete = {key: value for key, value in SETTINGS.items() if key != "epochs"}
    with pytest.raises(UserError, match="epochs: Field required"):
        resolved(make_experiments(settings=incomplete))


def test_several_wrong_settings_are_counted() -> None:
    with pytest.raises(UserError, match=r"\(and 1 more\)"):
        resolved(make_experiments({"settings": {"epochs": "4", "batch_size": "100"}}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"init_std": "xavier"}, "init_std: Input should be a valid number, or: Input should be '"),
        ({"labels": 1.5}, "labels: Input should be a valid integer, or: Input should be 'all'"),
        (
            {"smoothness": {"radius": {0: -1.0}}},
            "smoothness.radius.0: Input should be greater than or equal to 0",
        ),
        (
            {"smoothness": {"radius": "far"}},
            "smoothness.radius: Input should be a valid number, or",
        ),
    ],
)
def test_a_value_of_several_types_is_named_by_its_key_alone(
    changes: dict[str, Any], told: str
) -> None:
    """Pydantic's names of the types are no keys, and each type's complaint no further fault."""
    with pytest.raises(UserError) as caught:
        resolved(make_experiments({"smoke": changes}))
    assert f"table9/small (smoke): {told}" in caught.value.problem
    assert "more)" not in caught.value.problem


@pytest.mark.parametrize(
    ("place", "problem", "choices"),
    [
        (("tiny", "table9", "small"), "unknown preset 'tiny'", "smoke, quick, paper"),
        (("smoke", "table8", "small"), "unknown item 'table8'", "table9"),
        (("smoke", "table9", "big"), "unknown variant of table9 'big'", "small"),
    ],
)
def test_an_unknown_name_is_told_with_the_choices(
    place: tuple[str, str, str], problem: str, choices: str
) -> None:
    with pytest.raises(UserError) as caught:
        make_experiments().settings_of(*place)
    assert caught.value.problem == problem
    assert choices in caught.value.remedy


def test_settings_cannot_be_changed_once_resolved() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_settings().epochs = 5


# What a user gets wrong


def test_an_unknown_setting_is_named_with_the_nearest() -> None:
    source = make_experiments({"settings": {"lables": 300}})
    with pytest.raises(UserError, match=r"lables: no such setting; did you mean labels\?"):
        resolved(source)


def test_a_word_that_another_layer_overrides_is_checked_too() -> None:
    """Else ``data: fashion`` trains on the preset's digits without a word."""
    source = make_experiments({"settings": {"data": "fashion"}}, smoke={"data": "digits"})
    with pytest.raises(UserError, match="data: there is no 'fashion'"):
        resolved(source)


@pytest.mark.parametrize("name", ["../../evil", "a b", "", "a/b", "ä-b"])
def test_a_variants_name_has_letters_digits_and_underscores(name: str) -> None:
    content = make_experiments().model_dump()
    content["items"]["table9"]["variants"] = {name: {"place": "here"}}
    with pytest.raises(UserError, match="variants"):
        parse(Experiments, content, "experiments.yaml")


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "0.1e-2", "0.001"])
def test_a_number_may_be_written_with_an_exponent(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"learning_rate: {{0: {text}}}\n")
    assert read_yaml(path) == {"learning_rate": {0: 0.001}}


# PyYAML's scanner in C, where there is one, and its own in Python.
LOADERS = dict.fromkeys((PlainLoader, reading.UniqueKeyLoader))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("content", ["[" * 200_000, "{a: " * 5000, "- " * 5000])
def test_deep_nesting_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, loader: type
) -> None:
    """In C alone it would end the process."""
    monkeypatch.setattr(reading, "UniqueKeyLoader", loader)
    path = tmp_path / "a.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"a\.yaml"):
        read_yaml(path)


@pytest.mark.parametrize("loader", LOADERS)
def test_a_key_that_stands_twice_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: type
) -> None:
    monkeypatch.setattr(reading, "UniqueKeyLoader", loader)
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: {c: 1, c: 2}\n")
    with pytest.raises(UserError, match=r"a\.yaml: .*key 'c' is given twice .*line 2, column 4"):
        read_yaml(path)


@pytest.mark.parametrize("text", ["{4: 1, 4.0: 2}", "{100: 1, 1e2: 2}"])
def test_one_number_in_two_forms_is_one_key(text: str) -> None:
    with pytest.raises(UserError, match="is given twice"):
        parse_yaml(text, "a.yaml")


@pytest.mark.parametrize("name", ["experiments", "published", "lineage", "speed"])
def test_both_loaders_read_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(reading.__file__).parents[1] / f"{name}.yaml"
    found = []
    for loader in LOADERS:
        monkeypatch.setattr(reading, "UniqueKeyLoader", loader)
        found.append(read_yaml(path))
    assert all(content == found[0] for content in found)


def test_a_number_beyond_all_bounds_is_one_line() -> None:
    with pytest.raises(UserError, match="small"):
        resolved(make_experiments({"settings": {"input_noise_std": 10**400}}))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a0: &a0 [0, 0]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40)),
    ],
    ids=["circle", "circle of keys", "a thousand times a thousand"],
)
def test_aliases_without_end_are_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"experiments\.yaml: an alias repeats itself"):
        read_yaml(path)


def test_an_alias_may_stand_for_a_value(tmp_path: Path) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text("a: &a {b: 1}\nc: {<<: *a, d: *a}")
    assert read_yaml(path)["c"] == {"b": 1, "d": {"b": 1}}
