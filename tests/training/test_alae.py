"""The adversarial latent autoencoder: its three steps, and what the settings refuse."""

import copy
import math
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from replication.data.loaders import load
from replication.models.stack import Stack
from replication.settings.experiments import experiments
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Seed, Settings
from replication.training import alae
from replication.training.fit import Training
from tests.models.test_stack import losses_of, training_of
from tests.tools.builders import make_settings
from tests.training.test_phases import moved_by

ITEM = "companion_alae"
PUBLISHED = experiments().settings_of("smoke", ITEM, "alae")
CPU = torch.device("cpu")


def training(variant: str = "alae", seeds: int = 1) -> Training:
    settings = experiments().settings_of("smoke", ITEM, variant)
    return training_of(settings, [Seed(s, s) for s in range(seeds)])


def game_of(trained: Training) -> alae.LatentGame:
    game = trained.phases[0]
    assert isinstance(game, alae.LatentGame)
    return game


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Losses


class Net(nn.Module):
    """D(E(x)) = b . relu(A x), whose gradient by x is known."""

    def __init__(self, seed: int):
        super().__init__()
        self.first = nn.Linear(4, 3, bias=False)
        self.second = nn.Linear(3, 1, bias=False)
        for i, layer in enumerate((self.first, self.second)):
            nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(10 * seed + i))


def logit(model: Any, images: Tensor) -> Tensor:
    return model.second(torch.relu(model.first(images))).squeeze(-1)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_penalty_is_the_squared_gradient_by_hand(seeds: int) -> None:
    stack = Stack(Net, range(seeds), CPU)
    images = normal(seeds, 6, 4).requires_grad_()
    penalty = alae.gradient_penalty(stack.each(logit, images), images)
    state = stack.state_dict()
    for k in range(seeds):
        weight, last = state["first.weight"][k], state["second.weight"][k]
        active = (images[k] @ weight.T > 0).float()
        by_hand = ((active * last) @ weight).square().sum(1).mean()
        torch.testing.assert_close(penalty[k], by_hand)


def test_the_penalty_has_a_gradient_by_the_weights() -> None:
    """Of D(x) = b . x it is |b|^2, whose gradient is 2 b."""
    stack = Stack(lambda seed: nn.Linear(4, 1, bias=False), range(1), CPU)
    images = normal(1, 5, 4).requires_grad_()
    logits = stack.each(lambda model, x: model(x).squeeze(-1), images)
    (gradient,) = torch.autograd.grad(
        alae.gradient_penalty(logits, images).sum(), stack.parameters()
    )
    torch.testing.assert_close(gradient, 2 * stack.parameters()[0].detach())


def test_a_discriminator_that_knows_nothing_has_the_known_losses() -> None:
    trained = training()
    with torch.no_grad():
        for parameter in trained.stack.parameters("latent_discriminator"):
            parameter.zero_()
    state = copy.deepcopy(trained.state_dict())
    game, batch = game_of(trained), next(trained.batches.epoch())
    first = game.discriminate(batch.images)
    assert first["discriminator"].item() == pytest.approx(2 * math.log(2))
    assert first["gradient_penalty"].item() == 0
    trained.load_state_dict(state)
    assert game.confuse(50).item() == pytest.approx(math.log(2))


class Passing:
    """F and G pass on what they get, E doubles it."""

    def __init__(self) -> None:
        self.scale = torch.ones((), requires_grad=True)

    def mapping(self, noise: Tensor) -> Tensor:
        return self.scale * noise

    def decoder(self, codes: Tensor) -> Tensor:
        return codes

    def encoder(self, images: Tensor) -> dict[str, Tensor]:
        return {"style": 2 * images}


def test_the_latent_error_stops_at_the_mapping() -> None:
    model, noise = Passing(), normal(7, 3)
    error = alae.latent_error(model, noise.requires_grad_())
    assert error.item() == pytest.approx(noise.square().mean().item())
    assert not error.requires_grad, "the stub's E and G have no parameters, and F's is left alone"


def test_each_step_moves_its_own_parts_alone() -> None:
    trained = training()
    game, batch = game_of(trained), next(trained.batches.epoch())
    steps = {
        "discriminate": lambda _: game.discriminate(batch.images),
        "confuse": lambda _: game.confuse(50),
        "reconstruct": lambda _: game.reconstruct(50),
    }
    trained.update(batch)  # the optimisers have moments of all parts by now
    moved = {
        name: {part.split(".")[0] for part in moved_by(trained, step, batch)}
        for name, step in steps.items()
    }
    assert moved == {
        "discriminate": {"encoder", "latent_discriminator"},
        "confuse": {"decoder", "mapping"},
        "reconstruct": {"encoder", "decoder"},
    }


def test_every_step_draws_noise_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    trained, drawn = training(), []
    own = game_of(trained)._noise
    monkeypatch.setattr(game_of(trained), "_noise", lambda n: drawn.append(own(n)) or drawn[-1])
    trained.update(next(trained.batches.epoch()))
    assert len(drawn) == 3
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_the_public_codes_optimiser_has_no_momentum_and_a_short_memory() -> None:
    for descent in game_of(training()).descents:
        assert descent.optimiser.param_groups[0]["betas"] == (0.0, 0.99)


# The tutorial's bound


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_step_exceeds_the_bound_of_any_tensor_and_seed(seeds: int) -> None:
    stack = Stack(Net, range(seeds), CPU)
    optimiser = Optimiser(learning_rate={0: 1.0})
    free = [p.detach().clone().requires_grad_() for p in stack.parameters()]
    factors = [normal(*p.shape, seed=i) for i, p in enumerate(free)]
    bounded = alae.BoundedDescent(stack.parameters(), optimiser, 1.5, seeds > 1)
    before = [p.detach().clone() for p in bounded.parameters]
    bounded(sum((p * f).sum() for p, f in zip(bounded.parameters, factors, strict=True)).view(1))
    exceeded = 0
    for parameter, old, factor in zip(bounded.parameters, before, factors, strict=True):
        for k in range(seeds):
            one = (lambda t, k=k: t[k]) if seeds > 1 else (lambda t: t)
            change, wished = one(parameter - old), -one(factor)
            reach = min(1.0, 1.5 / wished.norm().item())
            torch.testing.assert_close(change.detach(), wished * reach, rtol=1e-5, atol=1e-6)
            exceeded += reach < 1
    assert exceeded > 0


def test_a_bound_that_is_never_reached_changes_nothing() -> None:
    settings = experiments().settings_of("smoke", ITEM, "alae_lipschitz")
    wide = settings.alae.model_copy(update={"max_update_norm": 1e6})
    free = settings.alae.model_copy(update={"max_update_norm": None})
    losses = [
        losses_of(training_of(settings.model_copy(update={"alae": a}), [Seed(0, 0)]), 5)
        for a in (wide, free, settings.alae)
    ]
    for name in losses[0]:
        torch.testing.assert_close(losses[0][name], losses[1][name], rtol=1e-3, atol=1e-4)
    assert not torch.equal(losses[0]["generator"], losses[2]["generator"])


# Stacks, checkpoints


@pytest.mark.parametrize("variant", ["alae", "alae_convolutional", "alae_lipschitz", "ae_l1"])
def test_alone_equals_stacked(variant: str) -> None:
    """Adam without momentum moves by the sign of a gradient at first: rounding shows."""
    stacked = losses_of(training(variant, 2), 4)
    for k in range(2):
        settings = experiments().settings_of("smoke", ITEM, variant)
        alone = losses_of(training_of(settings, [Seed(k, k)]), 4)
        for name in alone:
            torch.testing.assert_close(stacked[name][:, k], alone[name][:, 0], rtol=1e-2, atol=1e-3)
    first = next(iter(stacked.values()))
    assert not torch.equal(first[:, 0], first[:, 1]), "two seeds must not share their draws"


def test_a_resumed_training_gives_the_same_bits() -> None:
    one, other = training(), training()
    batches = list(islice(one.batches.epoch(), 5))
    for batch in batches[:3]:
        one.update(batch)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for batch in batches[3:]:
        assert one.update(batch) == other.update(batch)
    theirs = other.stack.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in one.stack.state_dict().items())


def test_bf16_products_follow_float32_ones() -> None:
    exact, rough = (
        losses_of(training_of(PUBLISHED, [Seed(0, 0)], bf16), 1) for bf16 in (False, True)
    )
    for name, values in rough.items():
        assert values.dtype == torch.float32
        torch.testing.assert_close(values, exact[name], rtol=0.1, atol=0.02)


# Settings


def test_signed_pixels_lie_between_minus_one_and_one() -> None:
    data = load(PUBLISHED)
    signed = data.scaling.to_network(data.train.images)
    assert (signed.min().item(), signed.max().item()) == (-1, 1)
    assert torch.equal(data.scaling.to_bytes(signed), data.train.images)


def test_the_penalty_and_the_losses_of_the_baselines_are_as_named() -> None:
    output, target = torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 1.0]])
    assert alae.half_absolute_error(output, target).item() == pytest.approx(1.5)
    assert set(losses_of(training("ae_l1"), 1)) == {"reconstruction"}
    assert not training("ae_l2").stack.parameters("mapping", "latent_discriminator")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"style_dim": 0}, "style_dim"),
    ({"labels": 100, "label_dim": 10}, "labels: 0"),
    ({"init_std": 0.1}, "init_std: he"),
    ({"output": "sigmoid", "signed_pixels": False}, "output: linear"),
    ({"output": "sigmoid"}, "signed_pixels"),
    ({"batch_norm": "encoder", "weight_average_updates": 0}, "batch_norm: none"),
    ({"input_noise_std": 0.3}, "input_noise_std: 0.0"),
    ({"differences": {"saturating": True}}, "differences: the default"),
    ({"alae": {"absolute_error": True}}, "absolute_error"),
    (
        {
            "phases": {"reconstruction": {"learning_rate": {0: 0.1}}},
            "alae": {"max_update_norm": 1.0},
        },
        "max_update_norm",
    ),
    ({"phases": {"variational": {"learning_rate": {0: 0.1}}}}, "variational needs"),
    ({"alae": {"gamma": -1.0}}, "gamma"),
    ({"alae": {"channels": [0]}}, "channels"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    values = {**PUBLISHED.model_dump(), **changes}
    with pytest.raises(ValueError, match=message):
        Settings.model_validate(values)


def test_the_game_and_a_reconstruction_of_pixels_exclude_each_other() -> None:
    phases = PUBLISHED.phases.model_dump() | {"reconstruction": {"learning_rate": {0: 0.1}}}
    with pytest.raises(ValueError, match="reconstructs latent codes"):
        Settings.model_validate({**PUBLISHED.model_dump(), "phases": phases})


def test_betas_are_adams_and_momentum_is_that_of_sgd() -> None:
    with pytest.raises(ValueError, match="betas needs method: adam"):
        Optimiser(learning_rate={0: 0.1}, betas=[0.9, 0.99])
    with pytest.raises(ValueError, match="momentum needs method: sgd"):
        Optimiser(method="adam", learning_rate={0: 0.1}, momentum=0.9)
    assert make_settings().phases.reconstruction.betas == [0.9, 0.999]
