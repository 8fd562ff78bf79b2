"""An exported decoder draws what the trained one draws, in fewer bytes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from replication import cli
from replication.base.errors import UserError
from replication.evidence.records import path_of, read
from replication.measures.decoder_export import (
    TOLERANCE,
    Layer,
    compact,
    decoded,
    export,
    factored,
    layers_of,
    packed,
    sample_codes,
    without_idle,
)
from replication.models.networks import Decoder
from replication.settings.experiments import experiments

ITEM, VARIANT = "figure2_prior_matching", "aae_gaussian"


def tiny(batch_norm: bool = False, hidden: int = 24) -> Decoder:
    torch.manual_seed(0)
    decoder = Decoder(2, 0, [hidden, hidden], 16, batch_norm=batch_norm)
    if batch_norm:  # statistics and gains unlike those of a new layer
        decoder.train()
        decoder(torch.randn(100, 2) * 3 + 1)
        for module in decoder.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                torch.nn.init.uniform_(module.weight, 0.5, 2)
                torch.nn.init.uniform_(module.bias, -1, 1)
    return decoder.eval()


def images(decoder: Decoder, codes: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return decoder.double()(torch.from_numpy(codes)).clamp(0, 1).numpy()


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, (500, 2))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_layers_are_the_decoder(codes: np.ndarray, batch_norm: bool) -> None:
    decoder = tiny(batch_norm)
    layers = layers_of(decoder)
    assert [layer.activation for layer in layers] == ["relu", "relu", "sigmoid"]
    np.testing.assert_allclose(decoded(layers, codes), images(decoder, codes), atol=2e-3)


def test_idle_units_are_left_out_and_change_nothing(codes: np.ndarray) -> None:
    decoder = tiny()
    with torch.no_grad():
        decoder.trunk[0].bias[:7] = -1000
    layers = layers_of(decoder)
    kept = without_idle(layers, codes)
    assert kept[0].weight.shape[0] <= 17
    np.testing.assert_array_equal(decoded(kept, codes), decoded(layers, codes))


def test_factors_of_enough_rank_are_exact(codes: np.ndarray) -> None:
    layers = layers_of(tiny())
    found = factored(layers, codes, 20)
    assert len(found) == 5
    assert [layer.weight.shape for layer in found[1:3]] == [(20, 24), (24, 20)]
    np.testing.assert_allclose(decoded(found, codes), decoded(layers, codes), atol=5e-3)


def test_rows_of_int8_have_a_scale_of_their_own() -> None:
    weight = np.array([[100.0, -50.0, 1.0], [0.01, -0.005, 0.0]])
    layer = Layer(weight, np.zeros(2), "linear", "int8")
    whole, scale = layer.rounded
    assert whole.dtype == np.int8
    np.testing.assert_allclose(whole * scale[:, None].astype(float), weight, rtol=0, atol=0.5)
    assert layer.bytes == 6 + 4 + 4


def test_the_smallest_way_within_the_tolerance_is_taken(codes: np.ndarray) -> None:
    decoder = tiny(hidden=300)
    layers = layers_of(decoder)
    found = compact(layers, codes)
    assert 0 < found.mean < found.largest <= TOLERANCE
    apart = np.abs(decoded(found.layers, codes) - images(decoder, codes))
    assert apart.max() <= found.largest + 1e-6
    assert found.bytes < sum(layer.bytes for layer in layers) / 2
    assert len(packed(found, "0" * 16, 0)) < 2 * 300 * 300


def test_codes_have_every_label_and_fill_a_plane() -> None:
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    codes = sample_codes(settings, None, 200)
    assert codes.shape == (200, 20)
    assert codes[:, :10].sum(0).tolist() == [20] * 10
    plane = sample_codes(settings, np.array([[-1.0, 5.0], [3.0, 6.0]]), 1000)
    assert plane.min(0) == pytest.approx([-1, 5], abs=0.02)
    assert plane.max(0) == pytest.approx([3, 6], abs=0.02)


def test_a_record_without_weights_or_none_at_all_is_one_line(workdir: Path) -> None:
    with pytest.raises(UserError, match="there is no record"):
        export(ITEM, VARIANT, "smoke", workdir)


def test_the_decoder_of_a_trained_record_is_exported(workdir: Path) -> None:
    cli.run(ITEM, ["train", "--preset", "smoke", "--variant", VARIANT, "--results", str(workdir)])
    path = export(ITEM, VARIANT, "smoke", workdir)
    assert path.name == f"{VARIANT}.decoder.npz"
    with np.load(path, allow_pickle=False) as stored:
        record = read(path_of("smoke", ITEM, VARIANT, workdir))
        assert str(stored["training_hash"]) == record.training_hash
        assert float(stored["difference"]) <= TOLERANCE
