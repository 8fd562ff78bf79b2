"""The recipe's details that other replications got wrong, each as a regression test."""

import math

import torch

from replication.engine.config import Optimiser, Seed, experiments
from replication.engine.phases import (
    Batch,
    Descent,
    EncoderInput,
    Regularisation,
    discriminator_loss,
    generator_loss,
    half_squared_error,
)
from replication.engine.streams import Streams
from tests.test_stack import training_of

SMOKE = ("smoke", "table2_semi_supervised", "mnist_100")
CPU = torch.device("cpu")


def test_reconstruction_sums_over_pixels_and_averages_over_images() -> None:
    output, target = torch.zeros(4, 784), torch.full((4, 784), 0.5)
    assert half_squared_error(output, target).item() == 0.5 * 784 * 0.25


def test_the_reconstruction_target_has_no_noise() -> None:
    """With noise 0.3 on the target the loss could not fall below 1/2 * 64 * 0.09 = 2.9."""
    training = training_of(experiments().settings_of(*SMOKE), [Seed(0, 0)])
    for epoch in range(12):
        losses = training.epoch(epoch, lambda *_: None)
    assert losses["reconstruction"][0] < 2.0


def test_noise_is_on_the_encoders_input_only_and_fresh_each_time() -> None:
    clean = torch.full((1, 1000, 64), 0.5)
    encoder_input = EncoderInput(Streams([0], CPU), experiments().settings_of(*SMOKE), 0)
    first, _ = encoder_input(clean)
    second, _ = encoder_input(clean)
    assert abs((first - clean).std().item() - 0.3) < 0.01
    assert not torch.equal(first, second)
    assert torch.equal(clean, torch.full((1, 1000, 64), 0.5))


def test_an_epoch_is_a_pass_over_the_unlabelled_images() -> None:
    training = training_of(experiments().settings_of(*SMOKE), [Seed(0, 0)])
    settings = experiments().settings_of(*SMOKE)
    assert training.batches.steps == 1400 // settings.batch_size
    seen = [batch.images for batch in training.batches.epoch()]
    assert len({tuple(image.tolist()) for batch in seen for image in batch[0]}) > 1390


def test_all_labelled_images_are_seen_in_a_cycle() -> None:
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_1000")
    batches = training_of(settings, [Seed(0, 0)]).batches
    cycle = [batches._labelled_batch() for _ in range(1000 // settings.batch_size)]
    assert sorted(torch.cat(cycle, 1)[0].tolist()) == sorted(batches.labelled[0].tolist())


def moved_by(training, phase, batch: Batch) -> set[str]:
    """The parts whose parameters a phase changes."""
    before = {k: v.clone() for k, v in training.stack.state_dict().items()}
    phase(batch)
    after = training.stack.state_dict()
    return {k.rsplit(".", 1)[0] for k in before if not torch.equal(before[k], after[k])}


def test_each_phase_trains_its_own_parts_alone() -> None:
    training = training_of(experiments().settings_of(*SMOKE), [Seed(0, 0)])
    batch = next(training.batches.epoch())
    for update in range(3):  # biases start at zero: some move only from the second update on
        reconstruction, regularisation, classification = (
            moved_by(training, phase, batch) for phase in training.phases
        )
        del update
    assert {part.split(".")[0] for part in reconstruction} == {"encoder", "decoder"}
    assert "encoder.heads.style" not in classification
    assert {part.split(".")[0] for part in classification} == {"encoder"}
    assert not any(part.startswith("decoder") for part in regularisation)


def test_the_generator_step_leaves_the_discriminators_alone() -> None:
    training = training_of(experiments().settings_of(*SMOKE), [Seed(0, 0)])
    game = training.phases[1]
    assert isinstance(game, Regularisation)
    adversaries = {id(p) for p in game.descents[0].parameters}
    generators = {id(p) for p in game.descents[1].parameters}
    assert not adversaries & generators
    names = ("style_discriminator", "label_discriminator")
    assert adversaries == {id(p) for p in training.stack.parameters(*names)}


class Constant(torch.nn.Module):
    """A model whose style discriminator answers the first code value as its logit."""

    @staticmethod
    def style_discriminator(codes: torch.Tensor) -> torch.Tensor:
        return codes[:, 0]


def test_adversarial_losses_have_their_known_values() -> None:
    zeros = {"style": torch.zeros(5, 2)}
    chance = discriminator_loss(Constant(), zeros, zeros).item()
    assert math.isclose(chance, 2 * math.log(2), rel_tol=1e-6)
    assert math.isclose(generator_loss(Constant(), zeros).item(), math.log(2), rel_tol=1e-6)
    real, fake = {"style": torch.full((5, 2), 30.0)}, {"style": torch.full((5, 2), -30.0)}
    assert discriminator_loss(Constant(), real, fake).item() < 1e-6
    assert math.isclose(generator_loss(Constant(), fake).item(), 30.0, rel_tol=1e-6)


def test_a_transposed_gradient_is_applied_as_it_is() -> None:
    """A fused optimiser once read a transposed gradient's raw memory."""
    weight = torch.zeros(3, 5, requires_grad=True)
    factor = torch.arange(15.0).view(5, 3)
    descent = Descent([weight], Optimiser(rate={0: 1.0}))
    descent((weight.t() * factor).sum().unsqueeze(0))
    assert torch.equal(weight.detach(), -factor.t())
