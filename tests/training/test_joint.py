"""The joint descent: what it sums, what it moves, and that seeds and resumed runs agree."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from replication.base.errors import UserError
from replication.data.loaders import load
from replication.settings.joint import JointOptimiser
from replication.settings.schema import Seed, Settings
from replication.training.batch_statistics import FreshStatistics
from replication.training.fit import Training
from replication.training.joint import JointDescent, ScheduledDescent
from replication.training.labelled_batches import EvenBatches
from replication.training.weight_average import Average
from tests.models.test_stack import losses_of, training_of
from tests.tools.builders import make_joint_settings

WEIGHTS = make_joint_settings().joint.weights.model_dump()


def alone(cost: str, **changes: Any) -> Settings:
    """The settings with one cost of weight 1 from the start, and its discriminator if any."""
    joint: dict[str, Any] = {"weights": {**dict.fromkeys(WEIGHTS), cost: 1.0}}
    joint |= {"schedule": None, "balance_slack": None}
    if not cost.endswith("adversary"):
        joint["discriminators"] = None
    for part in ("smoothness", "warps"):
        if part != cost:
            changes[part] = None
    return make_joint_settings(joint=joint, **changes)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(workdir: Path) -> None:
    """The neighbours' distances are kept below the current folder."""


def test_the_sum_is_that_of_its_weighted_costs() -> None:
    training = training_of(make_joint_settings(), [Seed(0, 0)])
    for epoch, label_adversary in ((0, 0.0), (2, 0.1)):
        batch = next(training.batches.epoch(epoch))
        losses = training.update(batch)
        expected = {**WEIGHTS, "label_adversary": label_adversary, "reconstruction": None}
        expected["reconstruction"] = {0: 0.1, 2: 0.075}[epoch]
        total = sum(weight * losses[name].item() for name, weight in expected.items())
        assert losses["joint"].item() == pytest.approx(total, rel=1e-5)


MOVED = {
    "reconstruction": {"encoder.trunk", "encoder.heads.style", "encoder.heads.label", "decoder"},
    "classification": {"encoder.trunk", "encoder.heads.label"},
    "style_adversary": {"encoder.trunk", "encoder.heads.style", "style_discriminator"},
    "label_adversary": {"encoder.trunk", "encoder.heads.label", "label_discriminator"},
    "smoothness": {"encoder.trunk", "encoder.heads.label"},
    "balance": {"encoder.trunk", "encoder.heads.label"},
    "warps": {"encoder.trunk", "encoder.heads.label"},
}


@pytest.mark.parametrize("cost", MOVED)
def test_each_cost_moves_its_own_parts_alone(cost: str) -> None:
    training = training_of(alone(cost), [Seed(0, 0)])
    parameters = {n for n, _ in training.stack.template.named_parameters()}
    before = {n: v.clone() for n, v in training.stack.state_dict().items()}
    for batch in islice(training.batches.epoch(3), 3):  # slack and biases: not all in the first
        training.update(batch)
    after = training.stack.state_dict()
    moved = {n for n in parameters if not torch.equal(before[n], after[n])}
    for name in parameters:
        if name in moved:
            assert any(name.startswith(part) for part in MOVED[cost]), name
    assert all(any(name.startswith(part) for name in moved) for part in MOVED[cost])


def test_the_learning_rate_follows_the_schedule_within_an_epoch() -> None:
    training = training_of(make_joint_settings(), [Seed(0, 0)])
    rates = []
    for epoch in range(4):
        for batch in training.batches.epoch(epoch):
            training.update(batch)
            rates.append([d.optimiser.param_groups[0]["lr"] for d in training.descents])
    steps = training.batches.steps
    assert [rates[0], rates[steps // 4], rates[steps]] == [[0, 0], [0.001, 0.0005], [0.002, 0.001]]
    assert rates[3 * steps] == pytest.approx([0.001, 0.0005])
    assert rates[-1][0] == pytest.approx(0.002 / (2 * steps))


def test_a_quadratic_is_descended_to_its_minimum() -> None:
    """Of AdamW the decay pulls as well: lr * decay a step of the weight itself."""
    for method, decay in (("adam", 0.0), ("adamw", 0.1)):
        own = torch.tensor([3.0], requires_grad=True)
        unused = torch.tensor([5.0], requires_grad=True)
        settings = JointOptimiser.model_validate(
            {"method": method, "learning_rate": 0.1, "weight_decay": decay}
        )
        descent = ScheduledDescent([own, unused], settings)
        for step in range(300):
            descent.start_update(1 - step / 300)
            descent((own - 1).square())
        assert own.item() == pytest.approx(1, abs=0.05)
        assert unused.item() == 5.0, "what no loss depends on is left alone, by the decay too"


def complete(settings: Settings, seeds: list[Seed]) -> Training:
    """As a job makes it, with averaged weights and fresh statistics."""
    training = training_of(settings, seeds)
    data = load(settings)
    training.average = Average(training.stack, settings.weight_average_updates)
    images = data.train.images[: settings.batch_norm_images]
    training.statistics = FreshStatistics(training.stack, images, data.scaling)
    return training


def test_alone_equals_stacked() -> None:
    settings = make_joint_settings()
    seeds = [Seed(0, 0), Seed(1, 1)]
    stacked = losses_of(training_of(settings, seeds), 10)
    for k, seed in enumerate(seeds):
        own = losses_of(training_of(settings, [seed]), 10)
        for name in own:
            torch.testing.assert_close(stacked[name][:, k], own[name][:, 0], rtol=1e-4, atol=1e-5)
    assert not torch.equal(stacked["smoothness"][:, 0], stacked["smoothness"][:, 1])


def test_fresh_statistics_of_a_stack_are_those_of_each_alone() -> None:
    settings = make_joint_settings()
    both = complete(settings, [Seed(0, 0), Seed(1, 1)])
    both.finish()
    for k in range(2):
        one = complete(settings, [Seed(k, k)])
        one.finish()
        for name, value in one.stack.state_dict().items():
            together = both.stack.state_dict()[name][k]
            torch.testing.assert_close(together, value[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("epochs", [1, 2])
def test_training_goes_on_as_if_never_stopped(epochs: int) -> None:
    settings = make_joint_settings()
    whole, first, second = (complete(settings, [Seed(0, 0)]) for _ in range(3))

    def trained(training: Training, start: int, end: int) -> dict[str, list[float]]:
        for epoch in range(start, end):
            losses = training.epoch(epoch, lambda *_: None)
            with training.as_evaluated():
                pass  # it must leave no trace
        return losses

    expected = trained(whole, 0, 3)
    trained(first, 0, epochs)
    second.load_state_dict(first.state_dict())
    assert trained(second, epochs, 3) == expected
    for name, value in whole.stack.state_dict().items():
        assert torch.equal(second.stack.state_dict()[name], value), name


def test_the_statistics_are_exact_where_evaluated_and_running_ones_come_back() -> None:
    settings = make_joint_settings()
    training = complete(settings, [Seed(0, 0)])
    training.epoch(0, lambda *_: None)
    images = load(settings).train.images[: settings.batch_norm_images] / 255
    running = {name: value.clone() for name, value in training.stack.buffers().items()}
    with training.as_evaluated():
        layer, norm = training.stack.template.encoder.trunk[0]
        outputs = layer(images)
        torch.testing.assert_close(norm.running_mean, outputs.mean(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(norm.running_var, outputs.var(0), atol=1e-5, rtol=1e-4)
        assert norm.momentum != 1.0
    for name, value in training.stack.buffers().items():
        assert torch.equal(value, running[name]), name


def test_labelled_batches_are_even_without_repetition_and_new() -> None:
    labels = torch.arange(60) % 3
    labelled = torch.tensor(
        [[0, 3, 6, 9, 1, 4, 7, 2, 5, 8], [30, 33, 31, 34, 37, 40, 32, 35, 38, 41]]
    )
    streams = training_of(make_joint_settings(), [Seed(0, 0), Seed(1, 1)]).streams
    even = EvenBatches(labels, labelled, 6, streams)
    drawn = [even.draw() for _ in range(50)]
    for batch in drawn:
        for seed, own in zip(labelled, batch, strict=True):
            assert len(set(own.tolist())) == 6
            assert set(own.tolist()) <= set(seed.tolist())
            assert labels[own].bincount().tolist() == [2, 2, 2]
    counts = torch.stack(drawn)[:, 0].flatten().bincount(minlength=10)[labelled[0]]
    assert counts.min() > 10, "all labelled images take their turn"
    assert len({tuple(batch[0].tolist()) for batch in drawn}) > 10


def test_a_labelled_batch_that_cannot_be_drawn_names_the_setting() -> None:
    with pytest.raises(UserError, match=r"labelled_batch_size: 200 .* 10 labelled images"):
        training_of(make_joint_settings(labelled_batch_size=200), [Seed(0, 0)])


def test_fifty_labels_are_learned() -> None:
    """Twelve epochs of the small digits: below 25 % errors, where chance has 90."""
    settings = make_joint_settings(
        labels=50,
        hidden_sizes=[64, 64],
        epochs=12,
        joint={"schedule": {"warm_up_epochs": 0.5, "decay_from": 0.5}},
    )
    training = complete(settings, [Seed(0, 0)])
    assert isinstance(training.phases[0], JointDescent)
    for epoch in range(12):
        training.epoch(epoch, lambda *_: None)
    training.finish()
    test = load(settings).test
    with training.stack.evaluating(), torch.no_grad():
        found = training.stack.template.encoder(test.images / 255)["label"].argmax(-1)
    assert (found != test.labels).float().mean() < 0.25
