"""Seed k gives the same result whatever it is stacked with."""

from itertools import islice
from typing import Any

import pytest
import torch

from replication.base.streams import Streams
from replication.data.dataset import choose_labelled
from replication.data.loaders import load
from replication.measures.evaluate import metrics_on_test
from replication.models.build import build
from replication.models.stack import Stack
from replication.settings.experiments import experiments
from replication.settings.losses import Differences
from replication.settings.models import StylePrior
from replication.settings.schema import Seed, Settings
from replication.training.fit import Batches, Training
from replication.training.schedule import in_order

CPU = torch.device("cpu")


def training_of(settings: Settings, seeds: list[Seed], bf16: bool = False) -> Training:
    dataset = load(settings)
    numbers = [s.seed for s in seeds]
    stack = Stack(lambda seed: build(settings, dataset.pixels, seed), numbers, CPU, bf16)
    streams = Streams(numbers, CPU)
    phases = in_order(stack, settings, streams, dataset)
    labelled = None
    if settings.labels:
        labels = dataset.train.labels
        chosen = [choose_labelled(labels, settings.labels, s.label_seed) for s in seeds]
        labelled = torch.stack(chosen)
    sizes = (settings.batch_size, streams, settings.given_size)
    labelled_too = (settings.differences.labelled_epochs, settings.labelled_batch_size)
    batches = Batches(dataset, labelled, *sizes, *labelled_too)
    return Training(stack, phases, batches, streams)


def losses_of(training: Training, updates: int) -> dict[str, torch.Tensor]:
    """The losses of the first updates, [updates, S] each."""
    rows = [training.update(batch) for batch in islice(training.batches.epoch(), updates)]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


ALL = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100").phases
GAME = ALL.model_copy(update={"classification": None})
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "semi-supervised": ("table2_semi_supervised", "mnist_100", {}),
    "labels cycled": ("table2_semi_supervised", "mnist_1000", {}),
    "gaussian posterior": ("table2_semi_supervised", "mnist_100", {"posterior": "gaussian"}),
    "universal posterior": (
        "table2_semi_supervised",
        "mnist_100",
        {"posterior": "universal", "posterior_noise_dim": 5},
    ),
    "batch-norm and dropout": (
        "table2_semi_supervised",
        "mnist_100",
        {"batch_norm": "all", "input_dropout": 0.2},
    ),
    "bounded logits": ("table2_semi_supervised", "mnist_100", {"label_logit_std": 2.0}),
    "contractive": ("companion_autoencoders", "contractive", {}),
    "weights penalised": ("companion_autoencoders", "weights_l1", {}),
    "layer by layer": ("companion_autoencoders", "stacked_denoising", {}),
    "mixture prior": ("figure2_prior_matching", "aae_mixture", {}),
    "label in the discriminator": (
        "table2_semi_supervised",
        "mnist_100",
        {
            "label_at": "discriminator",
            "style_dim": 2,
            "style_prior": StylePrior(kind="swiss_roll"),
            "phases": GAME,
        },
    ),
    "label in the decoder": (
        "table2_semi_supervised",
        "mnist_all",
        {"label_at": "decoder", "phases": GAME},
    ),
    "cluster heads": (
        "table2_semi_supervised",
        "mnist_100",
        {
            "cluster_head_distance": 3.0,
            "phases": ALL.model_copy(update={"head_distance": ALL.reconstruction}),
        },
    ),
    "standardised, linear output": (
        "table2_semi_supervised",
        "mnist_100",
        {"standardise": True, "output": "linear", "batch_norm": "all"},
    ),
    "differences": (
        "table2_semi_supervised",
        "mnist_1000",
        {
            "init_std": "he",
            "differences": Differences(
                mean_error=True,
                discriminator_noise_std=0.3,
                labelled_epochs=True,
                saturating=True,
                fresh_codes=True,
            ),
        },
    ),
    "one joint loss": (
        "table2_semi_supervised",
        "mnist_100",
        {"differences": Differences(joint=True)},
    ),
    "variational": ("figure2_prior_matching", "vae_mixture", {}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_alone_equals_stacked(name: str) -> None:
    """Float32 products summed in another order: 1e-4 relative over the first 10 updates."""
    item, variant, changes = VARIANTS[name]
    settings = experiments().settings_of("smoke", item, variant).model_copy(update=changes)
    seeds = [Seed(0, 0), Seed(1, 1), Seed(2, 2)]
    stacked = losses_of(training_of(settings, seeds), 10)
    for k, seed in enumerate(seeds):
        alone = losses_of(training_of(settings, [seed]), 10)
        for loss in alone:
            torch.testing.assert_close(stacked[loss][:, k], alone[loss][:, 0], rtol=1e-4, atol=1e-5)
    first = next(iter(stacked.values()))
    assert not torch.equal(first[:, 0], first[:, 1]), "two seeds must not share their draws"


def test_label_seed_and_seed_are_apart() -> None:
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    a, b, c = (training_of(settings, [Seed(*s)]) for s in ((0, 0), (0, 1), (1, 0)))
    assert not torch.equal(a.batches.labelled, b.batches.labelled)
    assert torch.equal(a.batches.labelled, c.batches.labelled)
    same, other = a.stack.state_dict(), c.stack.state_dict()
    weight = "encoder.trunk.0.weight"
    assert torch.equal(same[weight], b.stack.state_dict()[weight])
    assert not torch.equal(same[weight], other[weight])


def test_evaluation_ends_in_the_mode_that_it_found_whatever_happens() -> None:
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    stack = training_of(settings, [Seed(0, 0)]).stack
    encoder = stack.template.encoder
    with stack.evaluating():
        with pytest.raises(KeyError), stack.evaluating():
            raise KeyError
        assert not encoder.training, "one within another ends nothing"
    assert encoder.training


def test_load_state_dict_names_what_does_not_fit() -> None:
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    stack = training_of(settings, [Seed(0, 0)]).stack
    state = stack.state_dict()
    with pytest.raises(ValueError, match="no_such_part"):
        stack.load_state_dict({**state, "no_such_part": torch.zeros(1)})
    wrong = {**state, "encoder.trunk.0.bias": torch.zeros(1, 3)}
    with pytest.raises(ValueError, match=r"encoder\.trunk\.0\.bias"):
        stack.load_state_dict(wrong)


def test_bf16_products_follow_float32_ones() -> None:
    """bf16 has 8 bits: the losses of the first 10 updates agree to 2 %, and are float32."""
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    exact, rough = (
        losses_of(training_of(settings, [Seed(0, 0)], bf16), 10) for bf16 in (False, True)
    )
    for name, values in rough.items():
        assert values.dtype == torch.float32
        torch.testing.assert_close(values, exact[name], rtol=2e-2, atol=0)
        assert not torch.equal(values, exact[name])


def test_evaluation_is_in_float32_whatever_the_products() -> None:
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    data = load(settings)
    exact, same = (
        metrics_on_test(training_of(settings, [Seed(0, 0)], bf16).stack, data)
        for bf16 in (False, True)
    )
    assert exact == same


@pytest.mark.parametrize("seeds", [1, 2])
def test_weights_are_matrices_and_no_gains_of_batch_norm(seeds: int) -> None:
    settings = experiments().settings_of("smoke", "ours_semi_supervised", "mnist_100")
    stack = Stack(lambda seed: build(settings, 64, seed), range(seeds), CPU, False)
    assert "encoder.trunk.0.1.weight" in stack.state_dict(), "a gain"
    found = stack.weights("encoder", "decoder")
    assert len(found) == 4 + 3
    assert all(weight.ndim == 3 and len(weight) == seeds for weight in found)
