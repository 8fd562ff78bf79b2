"""A bundled model draws what the trained one draws; it stands in where no weights are kept."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import replication
from replication import __main__ as aae
from replication import cli
from replication.base.errors import UserError
from replication.data.dataset import Dataset, Split
from replication.evidence import bundle as store
from replication.evidence.records import path_of, read
from replication.measures.bundling import (
    bundle,
    codes_to_compare,
    decoded,
    hidden_sizes,
    layer_inputs,
    thin,
)
from replication.models.networks import Decoder
from replication.settings.experiments import experiments
from replication.training.jobs import trained as kept

ITEM, VARIANT = "figure2_prior_matching", "aae_gaussian"
LARGEST = 0.004  # of a pixel in [0, 1]: a grey level of 255


@pytest.fixture
def trained(workdir: Path) -> str:
    cli.run(ITEM, ["train", "--preset", "smoke", "--variant", VARIANT, "--results", "results"])
    return f"{ITEM}/{VARIANT}"


def test_float16_draws_what_float32_draws(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    exact = replication.load(trained, "smoke")
    assert bundle(ITEM, VARIANT, "smoke") == Path(f"weights/smoke/{trained}.safetensors")
    (own,) = store.entries()
    record = read(path_of("smoke", ITEM, VARIANT))
    assert own.training_hash == record.training_hash
    assert own.data_sha256 == record.dataset.sha256
    capsys.readouterr()
    shutil.rmtree(".checkpoints")
    found = replication.load(trained, "smoke")
    assert "no weights of a training are kept here: decoder of weights/" in capsys.readouterr().err
    assert [*found] == ["decoder"]
    assert found["decoder"].output.weight.dtype == torch.float32
    codes = codes_to_compare(experiments().settings_of("smoke", ITEM, VARIANT))
    apart = np.abs(decoded(found["decoder"], codes) - decoded(exact["decoder"], codes))
    assert 0 < apart.max() <= LARGEST
    assert apart.max() == pytest.approx(own.difference, abs=1e-6)
    # The command lines use it, too, where it has what they need.
    drawing = ["sample", "--variant", VARIANT, "--count", "4", "--output", "images.npy"]
    with pytest.raises(UserError, match="device 'foo' cannot be used"):
        cli.run(ITEM, [*drawing, "--device", "foo"])
    cli.run(ITEM, drawing)
    assert np.load("images.npy").shape == (4, 1, 8, 8)
    with pytest.raises(UserError, match=r"has no encoder .* train it first with --results mine"):
        cli.run(ITEM, ["encode", "--variant", VARIANT, "--output", "codes.npy"])


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("figure11_dimensionality_reduction/labels_1000", "decoder"),
        ("ours_dimensionality_reduction/labels_100", "plane.decoder"),
    ],
)
def test_the_decoder_of_a_plane_draws_what_the_trained_one_draws(
    workdir: Path, name: str, part: str
) -> None:
    """Between the cluster heads and around them; of a second stage it is the plane's own."""
    item, _, variant = name.partition("/")
    cli.run(item, ["train", "--preset", "smoke", "--variant", variant, "--results", "results"])
    exact = replication.load(name, "smoke").get_submodule(part)
    assert isinstance(exact, Decoder)
    bundle(item, variant, "smoke")
    shutil.rmtree(".checkpoints")
    model = replication.load(name, "smoke")
    found = model.get_submodule(part)
    assert isinstance(found, Decoder)
    assert found.cluster_heads is not None
    assert [*model] == [part.partition(".")[0]]
    codes = codes_to_compare(experiments().settings_of("smoke", item, variant), found.cluster_heads)
    heads = found.cluster_heads.weight.detach().T
    assert codes.shape[1] == heads.shape[1] == 2
    assert (codes.amin(0) < heads.amin(0)).all()
    assert (codes.amax(0) > heads.amax(0)).all()
    assert 0 < np.abs(decoded(found, codes) - decoded(exact, codes)).max() <= LARGEST
    # Where test images lie, as the record's arrays have it.
    (own,) = store.entries()
    tensors = store.tensors(own)
    arrays = np.load(f"results/smoke/{name}.npz")
    shown = tensors["shown.codes"].reshape(-1, 2)
    np.testing.assert_allclose(shown, arrays["codes"].reshape(-1, 2), atol=0.02)
    assert tensors["shown.labels"].tolist() == arrays["labels"].reshape(-1).tolist()


def test_without_weights_nothing_is_bundled(workdir: Path) -> None:
    with pytest.raises(UserError, match="there are no weights of seed 0"):
        bundle(ITEM, VARIANT, "smoke")
    assert not store.BUNDLE.exists()


def test_the_committed_weights_draw_digits() -> None:
    """Of each label of the recipe with 100 labels, an image that its own encoder reads so."""
    model = replication.load("ours_semi_supervised/mnist_100")
    labels = torch.eye(10)
    with torch.no_grad():
        images = model["decoder"](torch.zeros(10, 10), labels)
        told = model["encoder"](images)["label"].argmax(1)
    assert told.tolist() == [*range(10)]


@pytest.fixture
def clone(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the committed bundle and nothing trained; MNIST is twelve black images."""
    (workdir / "weights").symlink_to(Path(__file__).parents[2] / "weights")
    black = Split(torch.zeros(12, 784, dtype=torch.uint8), torch.zeros(12, dtype=torch.int64))
    mnist = Dataset("mnist", (1, 28, 28), 10, black, black, "0" * 64)
    monkeypatch.setattr(kept, "load", lambda settings: mnist)


@pytest.mark.parametrize("command", ["sample", "encode"])
def test_the_examples_of_the_help_run_in_a_fresh_clone(clone: None, command: str) -> None:
    examples = aae.TRAINING_EXAMPLES[command].removeprefix("examples:\n").splitlines()
    assert len(examples) == 2
    for line in examples:
        _, *arguments = line.split()
        assert aae.main(arguments) == 0, line


def test_the_first_seed_is_one_that_there_are_weights_of(
    clone: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of our recipes that is not seed 0; a joint training has priors to sample, too."""
    for name in ("ours_clustering/clusters_16", "ours_semi_supervised/mnist_100"):
        assert aae.main(["sample", name, "--count", "20", "--output", "first.npy"]) == 0
        assert (
            aae.main(["sample", name, "--seed", "10", "--count", "20", "--output", "10.npy"]) == 0
        )
        first, ten = np.load("first.npy"), np.load("10.npy")
        assert first.shape == (20, 1, 28, 28)
        np.testing.assert_array_equal(first, ten)
    images = torch.from_numpy(first).view(20, -1) / 255
    with torch.no_grad():
        found = replication.load("ours_semi_supervised/mnist_100")["encoder"](images)
    turns = torch.arange(20) % 10
    assert (found["label"].argmax(1) == turns).sum() >= 15, "each label draws its digit"
    assert found["style"].std() > 0.5
    capsys.readouterr()
    assert aae.main(["sample", "ours_dimensionality_reduction/labels_100"]) == 2
    assert "the plane alone" in capsys.readouterr().err


def test_idle_units_are_left_out_and_change_nothing() -> None:
    torch.manual_seed(0)
    decoder = Decoder(2, 0, [24, 20], 16).eval()
    with torch.no_grad():
        decoder.trunk[0].bias[:7] = -1000
    codes = torch.randn(500, 2)
    before = decoded(decoder, codes)
    thin(decoder, codes)
    first, second = hidden_sizes(decoder)
    assert first <= 17
    assert second <= 20
    np.testing.assert_allclose(decoded(decoder, codes), before, atol=1e-6)


def test_units_that_others_make_up_for_are_left_out_and_change_nothing() -> None:
    """Of 28 units twenty give twice what one of the other eight gives."""
    torch.manual_seed(0)
    decoder = Decoder(2, 0, [28, 20], 16).eval()
    with torch.no_grad():
        first = decoder.trunk[0]
        for unit in range(8, 28):
            for values in (first.weight, first.bias):
                values[unit] = 2 * values[unit % 8]
    codes = torch.randn(500, 2)
    before = decoded(decoder, codes)
    thin(decoder, codes, most=20)
    assert hidden_sizes(decoder)[0] == 20
    np.testing.assert_allclose(decoded(decoder, codes), before, atol=1e-5)
    second = hidden_sizes(decoder)[1]
    thin(decoder, codes, most=12)
    assert second > 12
    assert hidden_sizes(decoder) == [12, 12]
    # Of two numbers, what a few units of the second layer give is nearly a sum of the others'.
    left = np.abs(decoded(decoder, codes) - before).mean()
    assert 0 < left < np.abs(before - before.mean(0)).mean() / 10


def test_inputs_of_layers_are_those_of_a_pass() -> None:
    """Multiplied by its matrix, with its bias, the last layer's input is what it decodes."""
    torch.manual_seed(0)
    decoder = Decoder(2, 0, [24, 20], 16).eval()
    codes = torch.randn(50, 2)
    found = layer_inputs(decoder, codes)
    assert {name: a.shape for name, a in found.items()} == {
        "trunk.0.weight": (50, 2),
        "trunk.2.weight": (50, 24),
        "output.weight": (50, 20),
    }
    last = decoder.output(torch.from_numpy(found["output.weight"]))
    np.testing.assert_allclose(decoder.activate(last).detach(), decoded(decoder, codes), atol=1e-6)


def test_a_decoder_with_batch_norm_is_refused() -> None:
    with pytest.raises(UserError, match="batch-norm"):
        hidden_sizes(Decoder(2, 0, [8], 16, batch_norm=True))


def test_codes_have_every_label_and_go_beyond_the_prior() -> None:
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    codes = codes_to_compare(settings, count=200)
    assert codes.shape == (200, 20)
    assert codes[:, :10].sum(0).tolist() == [20] * 10
    near, far = codes[0::2, 10:].std(), codes[1::2, 10:].std()
    assert far / near == pytest.approx(2, rel=0.1)
