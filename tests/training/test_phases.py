"""The recipe's details that other replications got wrong, each as a regression test."""

import math

import pytest
import torch

from replication.base.streams import Streams
from replication.data.loaders import load
from replication.settings.experiments import experiments
from replication.settings.models import StylePrior
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Seed
from replication.training.descent import Descent
from replication.training.fit import Training
from replication.training.inputs import Batch, EncoderInput
from replication.training.losses import (
    discriminator_loss,
    generator_loss,
    half_squared_error,
    head_distance_loss,
)
from replication.training.phases import HeadDistance, Regularisation
from tests.models.test_stack import training_of

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


def guided() -> Training:
    """100 of the images have their label given to the discriminator (Figure 3)."""
    settings = experiments().settings_of(*SMOKE)
    changes = {
        "label_at": "discriminator",
        "style_dim": 2,
        "style_prior": StylePrior(kind="mixture"),
        "phases": settings.phases.model_copy(update={"classification": None}),
    }
    return training_of(settings.model_copy(update=changes), [Seed(0, 0)])


def test_images_come_with_their_label_or_with_the_extra_class() -> None:
    training = guided()
    train = load(experiments().settings_of(*SMOKE)).train
    labels = {
        tuple(i): int(label) for i, label in zip(train.images.tolist(), train.labels, strict=True)
    }
    seen = list(training.batches.epoch())
    given = torch.cat([batch.given for batch in seen], 1)[0]
    images = (torch.cat([batch.images for batch in seen], 1)[0] * 255).round().int().tolist()
    assert given.shape[1] == 11
    assert (given.sum(1) == 1).all()
    known = given[:, :10].sum(1) == 1
    assert known.sum() == 100
    for i in known.nonzero().flatten().tolist():
        assert given[i].argmax() == labels[tuple(images[i])]


def test_a_prior_sample_comes_from_the_part_of_its_label() -> None:
    training = guided()
    game = training.phases[1]
    assert isinstance(game, Regularisation)
    given = torch.nn.functional.one_hot(torch.arange(11).repeat(1, 300), 11).float()
    batch = Batch(torch.zeros(1, 3300, 64), given, *(torch.empty(0),) * 3, 0.0)
    real = game._prior_samples("style", batch)[0]
    assert torch.equal(real[:, 2:], given[0])
    own = game.priors["style"].class_of(real[:, :2]) == torch.arange(11).repeat(300)
    shares = own.view(300, 11).float().mean(0)
    assert (shares[:10] > 0.9).all()
    assert shares[10] == 0, "the extra class is no component"


def test_the_label_beside_the_style_moves_the_discriminator() -> None:
    training = guided()
    stack, codes = training.stack, torch.zeros(1, 4, 2)
    first, last = (torch.cat([codes, torch.eye(11)[k].expand(1, 4, 11)], -1) for k in (0, 10))

    def logit(model, code):
        return model.style_discriminator(code)

    assert not torch.equal(stack.each(logit, first), stack.each(logit, last))


def headed(distance: float) -> Training:
    settings = experiments().settings_of(*SMOKE)
    phases = settings.phases.model_copy(
        update={"head_distance": Optimiser(learning_rate={0: 0.01}, momentum=0.9)}
    )
    changes = {"cluster_head_distance": distance, "style_dim": 2, "phases": phases}
    return training_of(settings.model_copy(update=changes), [Seed(0, 0)])


def test_the_head_distance_is_a_linear_penalty_below_eta() -> None:
    heads = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 10.0]])

    class Heads:
        def get_submodule(self, path: str):
            assert path == "decoder.cluster_heads"
            return lambda every: every @ heads

    assert head_distance_loss(Heads(), torch.eye(3), 4.0).item() == pytest.approx(1.0)
    assert head_distance_loss(Heads(), torch.eye(3), 2.0).item() == 0


def test_the_cluster_heads_part_until_they_are_eta_apart() -> None:
    training = headed(3.0)
    phase = training.phases[1]
    assert isinstance(phase, HeadDistance)
    moved = moved_by(training, phase, next(training.batches.epoch()))
    assert moved == {"decoder.cluster_heads"}
    for _ in range(400):
        loss = phase(next(training.batches.epoch()))["head_distance"]
    assert loss.item() < 0.5
    heads = training.stack.state_dict()["decoder.cluster_heads.weight"][0].T
    assert torch.pdist(heads).min() > 2.5


def test_the_decoder_sees_only_the_sum_of_head_and_style() -> None:
    model = headed(3.0).stack.model(0)
    head = getattr(model, "decoder.cluster_heads")(torch.eye(10))
    style = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    apart, summed = model.decoder(style, torch.eye(10)), model.decoder(style + head)
    torch.testing.assert_close(apart, summed)


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
    descent = Descent([weight], Optimiser(learning_rate={0: 1.0}))
    descent((weight.t() * factor).sum().unsqueeze(0))
    assert torch.equal(weight.detach(), -factor.t())
