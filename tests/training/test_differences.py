"""What public replications do otherwise: each switch does what it says, and no more."""

import math
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.models.build import build
from replication.pages.diagrams.diagram import figure_of
from replication.pages.diagrams.trace import trace
from replication.settings.experiments import experiments
from replication.settings.losses import Differences
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Seed, Settings
from replication.training.differences import Joint, mean_squared_error
from replication.training.fit import Training
from replication.training.losses import generator_loss, half_squared_error
from replication.training.phases import Regularisation
from tests.models.test_stack import losses_of, training_of
from tests.tools.builders import SETTINGS, make_experiments, make_settings
from tests.training.test_phases import Constant, moved_by

LITERAL = experiments().settings_of("smoke", "ablations_semi_supervised", "literal")
LOSSES = {"reconstruction", "discriminator", "generator", "classification"}
RATE = {"learning_rate": {0: 0.1}}
GAME: dict[str, Any] = {**SETTINGS["phases"], "discriminator": RATE, "generator": RATE}


def departing(settings: Settings = LITERAL, bf16: bool = False, **switches: Any) -> Training:
    """A training of one seed with these differences."""
    changed = settings.model_copy(update={"differences": Differences(**switches)})
    return training_of(changed, [Seed(0, 0)], bf16)


def first_losses(**switches: Any) -> dict[str, float]:
    return {name: loss[0, 0].item() for name, loss in losses_of(departing(**switches), 1).items()}


def draws_in_an_update(training: Training, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams of normal draws, in their order."""
    names: list[str] = []
    normal = training.streams.normal

    def listed(name: str, *shape: int) -> Tensor:
        names.append(name)
        return normal(name, *shape)

    monkeypatch.setattr(training.streams, "normal", listed)
    training.update(next(training.batches.epoch()))
    return [name for name in names if name != "posterior"]


# The initial deviation


def test_he_deviates_by_the_inputs_of_each_layer() -> None:
    model = build(make_settings(init_std="he", hidden_sizes=[300, 200]), 784, 0)
    weights = {n: p for n, p in model.named_parameters() if n.endswith("weight")}
    assert len(weights) > 4
    for weight in weights.values():
        expected = math.sqrt(2 / weight.shape[1])
        assert weight.std().item() == pytest.approx(expected, rel=4 / math.sqrt(weight.numel()))


# The mean error


def test_the_mean_error_has_a_gradient_392_times_smaller() -> None:
    target = torch.rand(100, 784, generator=torch.Generator().manual_seed(0))
    output = torch.full((100, 784), 0.5, requires_grad=True)
    summed, mean = (
        torch.autograd.grad(error(output, target), output)[0]
        for error in (half_squared_error, mean_squared_error)
    )
    torch.testing.assert_close(summed, 392 * mean)


def test_the_mean_error_is_what_is_descended() -> None:
    """64 / 2 on the small digits, for the loss and for the first step down it."""
    literal, mean = first_losses(), first_losses(mean_error=True)
    assert literal["reconstruction"] == pytest.approx(32 * mean["reconstruction"], rel=1e-5)
    assert first_step() == pytest.approx(32 * first_step(mean_error=True), rel=1e-3)


def first_step(**switches: Any) -> float:
    """How far the reconstruction's first step moves the biases, which start at zero."""
    training = departing(**switches)
    phase = training.phases[0]
    phase(next(training.batches.epoch()))
    biases = [p.detach() for p in phase.descents[0].parameters if p.ndim == 1]
    return torch.cat(biases).norm().item()


# The saturating loss


@pytest.mark.parametrize("logit", [0.0, -30.0, 2.0])
def test_the_saturating_loss_and_its_gradient(logit: float) -> None:
    """E log(1 - D): its gradient is -D, which vanishes where the discriminator is sure."""
    code = torch.full((5, 2), logit, requires_grad=True)
    loss = generator_loss(Constant(), {"style": code}, saturating=True)
    believed = 1 / (1 + math.exp(-logit))
    assert loss.item() == pytest.approx(math.log1p(-believed), abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, code)
    assert gradient.sum().item() == pytest.approx(-believed, abs=1e-6)


def test_the_saturating_generator_still_confuses_the_discriminator() -> None:
    """Both forms pull the same way: against fixed discriminators the loss falls."""
    training = departing(saturating=True)
    game, batch = training.phases[1], next(training.batches.epoch())
    game.descents[0].optimiser.param_groups[0]["lr"] = 0.0
    losses = [game(batch)["generator"].item() for _ in range(20)]
    assert losses[-1] < losses[0] < 0


# The noise


def test_discriminators_see_new_noise_on_samples_and_codes_in_both_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = LITERAL.model_copy(update={"input_noise_std": 0.0})
    drawn = draws_in_an_update(departing(settings, discriminator_noise_std=0.3), monkeypatch)
    assert drawn == ["discriminator noise"] * 6  # two codes: real, fake, generator's
    assert draws_in_an_update(departing(settings), monkeypatch) == []


def test_the_noise_of_the_discriminators_has_its_deviation() -> None:
    game: Any = departing(discriminator_noise_std=0.3).phases[1]
    codes = {"style": torch.zeros(1, 1000, 10), "label": torch.ones(1, 1000, 10)}
    seen = game._seen(codes)
    for name, own in codes.items():
        assert (seen[name] - own).std().item() == pytest.approx(0.3, rel=0.05)
    assert not torch.equal(seen["style"], game._seen(codes)["style"])


def test_fresh_codes_draw_the_noise_of_the_input_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconstruction, discriminators, labelled images: and the generator's own."""
    assert draws_in_an_update(departing(), monkeypatch) == ["noise"] * 3
    assert draws_in_an_update(departing(fresh_codes=True), monkeypatch) == ["noise"] * 4


# The epochs


@pytest.mark.parametrize(("labels", "updates"), [(10, 1), (100, 2), (1000, 20), ("all", 28)])
def test_a_labelled_epoch_is_a_pass_over_the_labelled_images(
    labels: int | str, updates: int
) -> None:
    training = departing(LITERAL.model_copy(update={"labels": labels}), labelled_epochs=True)
    assert training.batches.steps == updates
    assert len(list(training.batches.epoch())) == updates


def test_each_labelled_epoch_has_other_unlabelled_images() -> None:
    batches = departing(labelled_epochs=True).batches
    seen = [batch.images for _ in range(14) for batch in batches.epoch()]
    assert len({tuple(image.tolist()) for image in torch.cat(seen, 1)[0]}) > 700


# The joint loss


def test_the_joint_loss_is_the_sum_and_trains_encoder_decoder_and_discriminators() -> None:
    training = departing(joint=True)
    batch = next(training.batches.epoch())
    losses = training.update(batch)
    assert losses.keys() == {*LOSSES, "joint"}
    parts = losses["reconstruction"] + losses["generator"] + losses["classification"]
    torch.testing.assert_close(losses["joint"], parts)
    (phase,) = training.phases
    moved = {part.split(".")[0] for part in moved_by(training, phase, batch)}
    assert moved == {"encoder", "decoder", "style_discriminator", "label_discriminator"}


def test_the_joint_loss_is_descended_by_the_reconstructions_optimiser_alone() -> None:
    phases = LITERAL.phases
    still = Optimiser(learning_rate={0: 0.0})
    unused = phases.model_copy(update={"generator": still, "classification": still})
    for settings in (LITERAL, LITERAL.model_copy(update={"phases": unused})):
        training = departing(settings, joint=True)
        assert isinstance(training.phases[0], Joint)
        assert training.descents[1].settings == phases.reconstruction
        last = losses_of(training, 5)["joint"]
        assert last.tolist() == losses_of(departing(joint=True), 5)["joint"].tolist()
    resting = phases.model_copy(update={"reconstruction": still})
    training = departing(LITERAL.model_copy(update={"phases": resting}), joint=True)
    (phase,) = training.phases
    moved = moved_by(training, phase, next(training.batches.epoch()))
    assert all("discriminator" in part for part in moved)


# All of them


SWITCHES: list[dict[str, Any]] = [
    {"mean_error": True},
    {"discriminator_noise_std": 0.3},
    {"labelled_epochs": True},
    {"saturating": True},
    {"joint": True},
    {"fresh_codes": True},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_bf16_products_follow_float32_ones(switch: dict[str, Any]) -> None:
    exact, rough = (losses_of(departing(bf16=on, **switch), 2) for on in (False, True))
    for name, values in rough.items():
        assert values.dtype == torch.float32
        torch.testing.assert_close(values, exact[name], rtol=2e-2, atol=0)


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_a_departure_can_be_traced_and_drawn(switch: dict[str, Any]) -> None:
    settings = LITERAL.model_copy(update={"differences": Differences(**switch)})
    architecture = trace(settings)
    names = {loss.name for loss in architecture.losses}
    assert names == ({"discriminator", "joint"} if "joint" in switch else LOSSES)
    assert figure_of(architecture, settings.style_prior, "departing").axes


def test_training_with_departures_goes_on_from_its_state() -> None:
    """Everything that a switch draws or steps is saved with the rest."""
    switches = {"joint": True, "discriminator_noise_std": 0.3, "fresh_codes": True}
    whole, cut = (departing(**switches) for _ in range(2))
    expected = losses_of(whole, 4), losses_of(whole, 4)
    losses_of(cut, 4)
    again = departing(**switches)
    again.load_state_dict(cut.state_dict())
    batches = islice(again.batches.epoch(), 4)
    joint = torch.stack([again.update(batch)["joint"] for batch in batches])
    assert torch.equal(joint, expected[1]["joint"])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"differences": {"joint": True}}, "joint needs the phases reconstruction, generator and"),
        (
            {"differences": {"joint": True}, "phases": {**GAME, "variational": RATE}},
            "joint needs the phases .*, and no other",
        ),
        (
            {
                "differences": {"joint": True},
                "phases": {**GAME, "smoothness": RATE},
                "smoothness": {"radius": 1.0},
            },
            "joint needs the phases .*, and no other",
        ),
        (
            {
                "differences": {"mean_error": True},
                "penalty": {"kind": "code_l1", "weight": 1.0},
            },
            "penalty is added to the summed error",
        ),
        ({"differences": {"mean_error": True}, "phases": {}}, "mean_error needs phases.recon"),
        ({"differences": {"saturating": True}}, "saturating needs phases.discriminator"),
        ({"differences": {"fresh_codes": True}}, "fresh_codes needs phases.discriminator"),
        ({"differences": {"discriminator_noise_std": 0.3}}, "discriminator_noise_std needs phases"),
        (
            {"differences": {"labelled_epochs": True}, "labels": 0, "phases": {}},
            "labelled_epochs needs labels",
        ),
        ({"differences": {"unmatched": "style"}}, "unmatched needs phases.discriminator"),
        ({"differences": {"unmatched": "image"}}, "differences.unmatched"),
        (
            {"differences": {"unmatched": "style"}, "style_dim": 0, "phases": GAME},
            "unmatched leaves out one of two codes",
        ),
        ({"differences": {"discriminator_noise_std": -1.0}}, "discriminator_noise_std"),
        ({"differences": {"adam": True}}, "differences.adam"),
        ({"init_std": "xavier"}, "init_std"),
    ],
    ids=str,
)
def test_what_cannot_go_together_is_named_in_a_line(changes: dict[str, Any], named: str) -> None:
    # A phase is switched off by null.
    phases = dict.fromkeys(SETTINGS["phases"]) | changes.get("phases", {})
    variant = {**changes, "phases": phases} if "phases" in changes else changes
    with pytest.raises(UserError, match=named) as error:
        make_experiments({"settings": variant}).settings_of("smoke", "table9", "small")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("left", ["style", "label"])
def test_a_code_that_is_unmatched_has_no_adversary(left: str) -> None:
    """The game on the other code is played as before; the head of this one learns from no game."""
    training = departing(unmatched=left)
    (game,) = [p for p in training.phases if isinstance(p, Regularisation)]
    (other,) = game.priors
    assert {left, other} == {"style", "label"}
    for batch in islice(training.batches.epoch(), 2):  # biases move from the second update on
        moved = {".".join(part.split(".")[:3]) for part in moved_by(training, game, batch)}
    assert f"encoder.heads.{other}" in moved
    assert not [part for part in moved if left in part]
    assert any(part.startswith(f"{other}_discriminator") for part in moved)


def test_switches_may_be_combined() -> None:
    every = {name: value for switch in SWITCHES for name, value in switch.items()}
    assert make_settings(differences=every, phases=GAME).differences.joint
