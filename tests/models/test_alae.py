"""ALAE's networks: equalised learning rates, convolutions, the sizes of the public code."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from replication.base.errors import UserError
from replication.models import alae
from replication.models.build import build
from replication.settings.experiments import experiments

ITEM = "companion_alae"
PUBLISHED = experiments().settings_of("smoke", ITEM, "alae")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("multiplier", [1.0, 0.1])
def test_an_equalised_layer_keeps_the_mean_square_up_to_its_gain(multiplier: float) -> None:
    """Inputs of mean square 1 give outputs of mean square 2, which a ReLU would halve."""
    layer = alae.EqualisedLinear(400, 300, multiplier)
    alae.initialise(layer, torch.Generator().manual_seed(1))
    assert layer.weight.std().item() == pytest.approx(1 / multiplier, rel=0.02)
    assert layer(normal(2000, 400)).square().mean().item() == pytest.approx(2.0, rel=0.05)


def test_the_multiplier_slows_weights_and_biases_alike() -> None:
    moved = {}
    for multiplier in (1.0, 0.1):
        layer = alae.EqualisedLinear(5, 3, multiplier)
        alae.initialise(layer, torch.Generator().manual_seed(1))
        inputs = normal(4, 5)
        before = layer(inputs).detach()
        with torch.no_grad():  # as Adam moves them: all by the rate, whatever the gradient
            layer.weight += 0.002
            layer.bias += 0.002
        moved[multiplier] = (layer(inputs) - before).detach()
    torch.testing.assert_close(moved[0.1], 0.1 * moved[1.0], rtol=1e-3, atol=1e-6)


def test_an_equalised_layer_is_the_plain_one_with_scaled_weights() -> None:
    layer = alae.EqualisedLinear(7, 3, 0.1)
    alae.initialise(layer, torch.Generator().manual_seed(1))
    nn.init.normal_(layer.bias, generator=torch.Generator().manual_seed(2))
    plain = nn.Linear(7, 3)
    with torch.no_grad():
        plain.weight.copy_(layer.weight * 0.1 * math.sqrt(2 / 7))
        plain.bias.copy_(layer.bias * 0.1)
    torch.testing.assert_close(layer(normal(6, 7)), plain(normal(6, 7)))


def test_convolutions_halve_the_side_and_the_decoder_doubles_it_back() -> None:
    changed = PUBLISHED.alae.model_copy(update={"channels": [4, 8]})
    settings = PUBLISHED.model_copy(update={"alae": changed, "style_dim": 5})
    model = build(settings, 28 * 28, 0)
    images = normal(3, 784)
    assert model.get_submodule("encoder.trunk")(images).shape == (3, 8 * 7 * 7)
    assert model["encoder"](images)["style"].shape == (3, 5)
    assert model["decoder"](normal(3, 5)).shape == (3, 784)
    inner = alae.HalvingConvolution(16, 300)
    alae.initialise(inner, torch.Generator().manual_seed(1))
    outputs = inner(normal(20, 16, 12, 12))[..., 1:, 1:]  # the edge sees zeros
    assert outputs.square().mean().item() == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(("pixels", "channels"), [(3 * 32 * 32, [4]), (36, [4, 8])])
def test_convolutions_refuse_what_is_no_square_image(pixels: int, channels: list[int]) -> None:
    changed = PUBLISHED.alae.model_copy(update={"channels": channels})
    with pytest.raises(UserError, match=f"alae.channels: images of {pixels} values"):
        build(PUBLISHED.model_copy(update={"alae": changed}), pixels, 0)


def test_the_networks_are_those_of_the_public_code() -> None:
    model = build(experiments().settings_of("quick", ITEM, "alae"), 784, 0)
    shapes = {
        part: [tuple(p.shape) for n, p in model[part].named_parameters() if n.endswith("weight")]
        for part in model
    }
    assert shapes == {
        "encoder": [(1024, 784), (1024, 1024), (50, 1024)],
        "decoder": [(1024, 50), (1024, 1024), (784, 1024)],
        "mapping": [(50, 50)] * 6,
        "latent_discriminator": [(50, 50), (50, 50), (1, 50)],
    }
    codes = model["encoder"](normal(8, 784))["style"]
    features = model.get_submodule("encoder.trunk")(normal(8, 784))
    torch.testing.assert_close(
        codes, leaky_relu(model.get_submodule("encoder.last")(features), 0.2)
    )


def test_the_mapping_sees_the_direction_of_its_noise_alone() -> None:
    model = build(PUBLISHED, 64, 0)
    noise = normal(6, PUBLISHED.style_dim)
    torch.testing.assert_close(model["mapping"](noise), model["mapping"](7 * noise))


def test_the_slope_of_the_generator_is_that_of_the_settings() -> None:
    """And of the encoder after its last layer; its trunk and the mapping keep theirs."""
    assert PUBLISHED.alae is not None
    own = PUBLISHED.alae.model_copy(update={"generator_slope": 0.01})
    model = build(PUBLISHED.model_copy(update={"alae": own}), 64, 0)
    before = build(PUBLISHED, 64, 0)

    def slopes(part: nn.Module) -> set[float]:
        return {m.negative_slope for m in part.modules() if isinstance(m, nn.LeakyReLU)}

    assert slopes(model["decoder"]) == {0.01}
    assert slopes(model["encoder"]) == slopes(model["mapping"]) == {0.2}
    images = normal(200, 64)
    codes, old = model["encoder"](images)["style"], before["encoder"](images)["style"]
    assert torch.equal(codes > 0, old > 0)
    torch.testing.assert_close(codes[codes < 0], 0.05 * old[old < 0])
