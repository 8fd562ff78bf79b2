"""What is kept of a trained seed: measured again without training, loaded, sampled, encoded."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

import replication
from replication import cli, table2_semi_supervised
from replication.base.errors import UserError
from replication.data import loaders
from replication.evidence import records
from replication.models.networks import Decoder
from replication.settings.experiments import Experiments, experiments
from replication.training.jobs import job
from replication.training.jobs.trained import store
from replication.training.run import Run
from tests.tools.builders import make_joint_settings

ITEM = "table2_semi_supervised"
RECORD = Path("results/smoke") / ITEM / "mnist_100.json"


def shrink(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """The shipped experiments, with few epochs, a few units and ``settings``."""
    resolved = Experiments.settings_of

    def small(self: Experiments, preset: str, item: str, variant: str) -> Any:
        update = {"epochs": 2, "hidden_sizes": [16], **settings}
        return resolved(self, preset, item, variant).model_copy(update=update)

    monkeypatch.setattr(Experiments, "settings_of", small)


def run(*arguments: str) -> None:
    cli.run(ITEM, [*arguments, "--variant", "mnist_100"])


@pytest.fixture
def trained(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A trained variant of two seeds; its record's content."""
    shrink(monkeypatch)
    run("train")
    return json.loads(RECORD.read_text())


def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("this trains")

    monkeypatch.setattr("replication.training.run.fit", refuse)


def test_measuring_again_gives_the_same_record(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_training(monkeypatch)
    RECORD.unlink()
    run("measure")
    again = json.loads(RECORD.read_text())
    for new, was in zip(again["seeds"], trained["seeds"], strict=True):
        assert {k: v for k, v in new.items() if k != "provenance"} == {
            k: v for k, v in was.items() if k != "provenance"
        }
        same = ("started", "seconds", "core_seconds", "precision", "updates", "stacked")
        assert [new["provenance"][k] for k in same] == [was["provenance"][k] for k in same]


def test_other_measuring_settings_need_no_training(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_training(monkeypatch)
    shrink(monkeypatch, evaluate_every=2)
    run("train")
    assert json.loads(RECORD.read_text())["measuring_hash"] != trained["measuring_hash"]


def test_variants_that_are_trained_alike_are_trained_once(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as codes that are classified, of the model whose images are judged: shared passes."""
    shrink(monkeypatch)
    item = "ablations_semi_supervised"
    alone = ["train", "--variant", "same_labels", "--only", "0"]
    cli.run(item, [*alone, "--results", "alone"])
    shutil.move(".checkpoints", "elsewhere")
    cli.run(item, ["train", "--variant", "literal", "--only", "0"])
    no_training(monkeypatch)
    cli.run(item, alone)
    own, by_itself = (
        list(Path(root, item).rglob("seed_0_labels_0.safetensors"))
        for root in (".checkpoints", "elsewhere")
    )
    assert [path.parts[2] for path in own] == ["literal"]
    assert own[0].read_bytes() == by_itself[0].read_bytes()
    with pytest.raises(AssertionError, match="this trains"):  # of another start
        cli.run(item, ["train", "--variant", "he", "--only", "0"])


def test_a_measure_that_fails_costs_no_training(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    train = table2_semi_supervised.train

    def failing(own: Run) -> Any:
        train(own)
        raise MemoryError("the measure failed")

    monkeypatch.setattr(table2_semi_supervised, "train", failing)
    with pytest.raises(MemoryError):
        run("train")
    monkeypatch.setattr(table2_semi_supervised, "train", train)
    no_training(monkeypatch)
    run("train")
    assert records.read(RECORD).values("test_error_percent")


@pytest.mark.parametrize(
    ("kind", "name", "values", "fault"),
    [
        ("metrics", "test_error_percent", [3.0, torch.nan], "is nan, not in 0 to 100"),
        (
            "arrays",
            "codes",
            [[[0.0, 1.0]], [[torch.nan, 1.0]]],
            "holds what is no finite number of float32",
        ),
    ],
)
def test_what_no_record_can_hold_is_named_at_once(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    name: str,
    values: list[Any],
    fault: str,
) -> None:
    """Stored, it would be refused as a file of another version, and be measured again."""
    shrink(monkeypatch)
    train = table2_semi_supervised.train

    def failing(own: Run) -> Any:
        outcome = train(own)
        getattr(outcome, kind)[name] = torch.tensor(values)
        return outcome

    monkeypatch.setattr(table2_semi_supervised, "train", failing)
    with pytest.raises(UserError, match="what is trained is kept") as caught:
        run("train", "--stack")
    seed = "table2_semi_supervised mnist_100 (smoke) seed 1"
    assert caught.value.problem == f"{seed}: {name} {fault}"
    assert not list(Path(".checkpoints").rglob("seed_*.pt"))
    monkeypatch.setattr(table2_semi_supervised, "train", train)
    no_training(monkeypatch)
    run("train", "--stack")
    assert len(records.read(RECORD).values("test_error_percent")) == 2


def test_without_weights_the_way_out_is_a_folder_beside_the_record(trained: Any) -> None:
    shutil.rmtree(".checkpoints")
    with pytest.raises(UserError, match=r"train it first with --results mine, a folder beside"):
        run("measure")
    run("train", "--results", "mine")
    run("measure")
    RECORD.unlink()
    shutil.rmtree(".checkpoints")
    with pytest.raises(UserError, match=r"train it first, or name the preset"):
        run("measure")


def test_seeds_can_be_added(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds that the record has are kept, even where nothing else of them is left."""
    for path in Path(".checkpoints").rglob("*"):
        if path.is_file():
            path.unlink()
    shrink(monkeypatch, seeds=[0, 1, 2])
    run("train")
    grown = json.loads(RECORD.read_text())
    assert grown["seeds"][:2] == trained["seeds"]
    assert [s["seed"] for s in grown["seeds"]] == [0, 1, 2]


def test_what_is_trained_is_not_trained_again(
    trained: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_training(monkeypatch)
    before = RECORD.read_bytes()
    capsys.readouterr()
    run("train")
    told = capsys.readouterr().out
    assert told.startswith(f"already trained: {RECORD} (seeds 0, 1; float32; CPU")
    assert RECORD.read_bytes() == before


def test_another_precision_than_the_records_is_refused(trained: Any) -> None:
    before = RECORD.read_bytes()
    with pytest.raises(UserError, match="a record in float32, not in bf16"):
        run("train", "--precision", "bf16-products")
    assert RECORD.read_bytes() == before


def test_other_data_under_the_same_settings_are_refused(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    load = job.load
    monkeypatch.setattr(job, "load", lambda settings: replace(load(settings), sha256="0" * 64))
    with pytest.raises(UserError, match="made with other data"):
        run("measure")


def test_a_result_in_the_place_of_another_seeds_is_refused(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one seed would be counted as two."""
    shrink(monkeypatch)
    run("train", "--seeds", "0")
    (first,) = Path(".checkpoints").rglob("seed_0_labels_0-*.pt")
    copied = first.with_name(first.name.replace("seed_0_labels_0", "seed_1_labels_1"))
    copied.write_bytes(first.read_bytes())
    with pytest.raises(UserError) as caught:
        run("train")
    assert str(copied) in caught.value.problem
    assert not RECORD.exists()


def test_images_are_decoded_in_parts(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("sample", "--count", "25", "--output", "whole.npy")
    monkeypatch.setattr("replication.training.jobs.trained.CHUNK", 10)
    sizes = []
    forward = Decoder.forward

    def watched(self: Decoder, style: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        sizes.append(len(style))
        return forward(self, style, label)

    monkeypatch.setattr(Decoder, "forward", watched)
    run("sample", "--count", "25", "--output", "parts.npy")
    assert sizes == [10, 10, 5]
    whole, parts = (np.load(f"{name}.npy").astype(int) for name in ("whole", "parts"))
    assert np.abs(whole - parts).max() <= 1  # a product of other rows may be rounded otherwise


def test_weights_that_are_missing_or_damaged_are_one_line(trained: Any) -> None:
    weights = sorted(Path(".checkpoints").rglob("*.safetensors"))
    assert len(weights) == 2
    for path in weights:
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="is damaged"):
        run("measure")
    for path in weights:
        path.unlink()
    with pytest.raises(UserError, match="no weights of seed 0"):
        run("measure")
    with pytest.raises(UserError, match="no weights of seed 1"):
        run("sample", "--seed", "1")
    with pytest.raises(UserError, match="has no seed 9"):
        run("encode", "--seed", "9")


def test_weights_of_another_model_are_one_line(trained: Any) -> None:
    for path in Path(".checkpoints").rglob("*.safetensors"):
        path.write_bytes(save({"encoder.weight": torch.zeros(2, 3)}))
    for command in ("measure", "sample"):
        with pytest.raises(UserError, match="does not fit the settings"):
            run(command)


def test_nothing_is_drawn_of_weights_that_are_not_finite(trained: Any) -> None:
    for path in Path(".checkpoints").rglob("*.safetensors"):
        path.write_bytes(save({k: v + torch.nan for k, v in load(path.read_bytes()).items()}))
    for command in ("sample", "encode"):
        with pytest.raises(UserError, match="not finite"):
            run(command)


def test_modules_samples_and_codes(trained: Any) -> None:
    model = replication.load(f"{ITEM}/mnist_100", preset="smoke")
    assert not model.training
    assert {"encoder", "decoder", "style_discriminator", "label_discriminator"} == {*model}
    run("encode", "--output", "codes.npy")
    run("sample", "--count", "10", "--output", "images.npy")
    run("sample", "--count", "10", "--output", "images.png")
    codes, images = np.load("codes.npy"), np.load("images.npy")
    settings = experiments().settings_of("smoke", ITEM, "mnist_100")
    assert codes.shape == (397, settings.style_dim)
    assert images.shape == (10, 1, 8, 8)
    assert images.dtype == np.uint8
    assert Image.open("images.png").size == (80, 8), "a column for each label"
    with torch.no_grad():
        test = loaders.load(settings).test.images
        expected = model["encoder"](test.float() / 255)["style"]
        labels = model["encoder"](test.float() / 255)["label"]
    np.testing.assert_allclose(codes, expected.numpy(), rtol=1e-5, atol=1e-6)
    run("encode", "--code", "label", "--output", "labels.npy")
    np.testing.assert_allclose(np.load("labels.npy"), labels.numpy(), rtol=1e-5, atol=1e-6)


def test_a_code_that_a_model_has_not_is_refused(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervised baseline has labels alone."""
    shrink(monkeypatch)
    cli.run(ITEM, ["train", "--variant", "nn_100"])
    with pytest.raises(UserError, match="nn_100 has no code style; its code is label"):
        cli.run(ITEM, ["encode", "--variant", "nn_100", "--code", "style"])


def test_the_first_seed_is_the_first_that_is_kept(trained: Any) -> None:
    run("encode", "--seed", "1", "--output", "second.npy")
    for path in Path(".checkpoints").rglob("seed_0_*"):
        path.unlink()
    run("encode", "--output", "codes.npy")
    np.testing.assert_array_equal(np.load("codes.npy"), np.load("second.npy"))


def test_samples_of_alae_come_from_its_mapping(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    cli.run("companion_alae", ["train", "--variant", "alae"])
    for variant, told in (("alae", None), ("ae_l2", "has no prior to sample")):
        command = ["sample", "--variant", variant, "--count", "3", "--output", "images.npy"]
        if told is None:
            cli.run("companion_alae", command)
        else:
            with pytest.raises(UserError, match=told):
                cli.run("companion_alae", command)
    assert np.load("images.npy").shape == (3, 1, 8, 8)


@pytest.mark.parametrize(
    ("variant", "sampled"),
    [
        ("ours_semi_supervised/mnist_100", True),
        ("ablations_ours/no_style_adversary", False),
        ("ablations_ours/no_adversaries", False),
        ("ablations_ours/literal_no_label_adversary", True),
        ("ablations_ours/literal_no_style_adversary", False),
        ("table2_semi_supervised/mnist_100", True),
        ("table2_semi_supervised/nn_100", False),
        ("figure2_prior_matching/vae_gaussian", True),
    ],
)
def test_samples_need_a_style_that_was_brought_near_its_prior(variant: str, sampled: bool) -> None:
    assert experiments().settings_of("smoke", *variant.split("/")).has_style_prior is sampled


def test_of_a_joint_loss_the_style_adversary_alone_is_towards_a_prior() -> None:
    assert make_joint_settings().has_style_prior
    changes: dict[str, Any] = {"joint": {"weights": {"style_adversary": None}}}
    assert not make_joint_settings(**changes).has_style_prior


def test_an_ending_that_is_not_known_is_refused(trained: Any) -> None:
    with pytest.raises(UserError, match=r"a file that ends in \.png or \.npy"):
        run("sample", "--output", "images.jpg")
    with pytest.raises(UserError, match=r"a \.npy file, or a \.png for images"):
        store(np.zeros((4, 2)), Path("codes.png"))
