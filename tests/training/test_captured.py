"""A captured update is the update itself, again: shown on a CPU, of every kind of update.

What a GPU would replay is replayed by ``Tape``; a GPU, where there is one, shows it as well
(``test_captured_on_gpu``).
"""

import copy
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from bench.ours import training_of
from replication.data.loaders import load
from replication.settings.schema import Seed, Settings
from replication.training.batch_statistics import FreshStatistics
from replication.training.captured import WARM_UP
from replication.training.fit import Training
from replication.training.run import Run
from replication.training.second_stage import SecondStage
from replication.training.weight_average import Average

from ..tools.builders import make_joint_settings, make_settings
from ..tools.kinds import kinds_of_updates
from ..tools.tape import Operations, captured_on_tape
from .test_second_stage import STAGE

CPU = torch.device("cpu")
KINDS = kinds_of_updates()
UPDATES = WARM_UP + 2  # of an epoch: one is captured, one only replayed


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(workdir: Path) -> None:
    """The neighbours' distances are kept below the current folder."""


def updates_of(training: Training, settings: Settings, count: int = UPDATES) -> list[dict]:
    """The losses of updates in two epochs that have other learning rates, weights and layers."""
    losses = []
    for epoch in (settings.layerwise_epochs, settings.epochs - 1):
        for descent in training.descents:
            descent.start_epoch(epoch)
        batches = islice(training.batches.epoch(epoch), count)
        losses += [training.update(batch) for batch in batches]
    return losses


def watched(training: Training) -> dict[Any, list]:
    """Of each update to come its operations and how many generators there are, by its losses."""
    update, found = training.captured.update, defaultdict(list)

    def noted(*batch: Tensor) -> dict[str, Tensor]:
        with Operations() as operations:
            losses = update(*batch)
        count = len(training.streams.generators())
        found[tuple(losses)].append((operations.described(), count))
        return losses

    training.captured.update = noted
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_replayed_update_is_an_eager_one_bit_for_bit(kind: str) -> None:
    """And an update is the same operations, on the same shapes, with the same numbers."""
    settings = KINDS[kind]
    with captured_on_tape():
        eager, taped = (training_of(settings, [0, 1], CPU, "float32") for _ in range(2))
        eager.captured.is_on = False
        operations = watched(eager)
        expected, found = updates_of(eager, settings), updates_of(taped, settings)
    assert taped.captured.is_on, "it could be captured"
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    weights = taped.stack.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in eager.stack.state_dict().items())
    for (first, generators), (second, _), *others in operations.values():
        assert first, "it makes the optimisers' state and the generators"
        assert all(other == (second, generators) for other in others)


@pytest.mark.parametrize("bf16", [False, True])
def test_one_seed_alone_and_bf16_products_are_replayed_as_well(bf16: bool) -> None:
    settings = make_joint_settings()
    with captured_on_tape():
        precision = "bf16-products" if bf16 else "float32"
        eager, taped = (training_of(settings, [0], CPU, precision) for _ in range(2))
        eager.captured.is_on = False
        expected, found = updates_of(eager, settings), updates_of(taped, settings)
    assert taped.captured.is_on
    assert found == expected


def test_the_second_stage_is_replayed_with_its_shorter_last_batch() -> None:
    settings = make_joint_settings(second_stage={**STAGE, "epochs": 5, "batch_size": 300})
    assert settings.second_stage is not None
    trained = []
    for is_on in (False, True):
        with captured_on_tape():
            run = Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)])
            stage = SecondStage(run.stack, settings.second_stage, run.streams, run.dataset)
            stage.captured.is_on &= is_on
            trained.append((stage.train(), run.stack.state_dict()))
        kinds = stage.captured.kinds.values()
    assert [kind.outputs is not None for kind in kinds] == [True, True]
    for ours, theirs in zip(*trained, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    "settings",
    [
        make_joint_settings(),
        make_settings(batch_norm="encoder", weight_average_updates=20, batch_norm_images=200),
    ],
    ids=["joint", "phases"],
)
def test_nothing_that_a_graph_reads_or_writes_moves(settings: Settings) -> None:
    """Not by updates, nor by averaged weights, fresh statistics or a checkpoint."""
    with captured_on_tape():
        training = complete(settings)
        updates_of(training, settings, 1)
        before = addresses(training)
        with training.as_evaluated():
            assert addresses(training) == before
        training.state_dict()
        updates_of(training, settings)
        assert addresses(training) == before
        again = complete(settings)
        made = addresses(again)
        again.load_state_dict(copy.deepcopy(training.state_dict()))
        found, expected = updates_of(again, settings), updates_of(training, settings)
    assert len(before) > len(made) > 20
    assert addresses(again)[: len(made)] == made, "parameters, buffers, averages and numbers"
    assert again.captured.is_on
    assert all(torch.equal(a[n], b[n]) for a, b in zip(found, expected, strict=True) for n in a)


def complete(settings: Settings) -> Training:
    run = Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)])
    plain = training_of(settings, [0, 1], CPU, "float32", run.dataset)
    average = Average(plain.stack, settings.weight_average_updates)
    images = run.dataset.train.images[: settings.batch_norm_images]
    statistics = FreshStatistics(plain.stack, images, run.dataset.scaling)
    own = (plain.stack, plain.phases, plain.batches, plain.streams)
    return Training(*own, average, statistics)


def addresses(training: Training) -> list[int]:
    """Those of the optimisers' state, which an update makes, come last."""
    assert training.average is not None
    rates = [group["lr"] for d in training.descents for group in d.optimiser.param_groups]
    states = [d.optimiser.state[p] for d in training.descents for p in d.parameters]
    kept = [training.stack.parameters(), training.stack.buffers(), training.average.values, rates]
    return [t.data_ptr() for t in tree_leaves([kept, states]) if isinstance(t, Tensor)]


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_learning_rate_in_a_tensor_is_the_same_number(kind: str) -> None:
    made = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
    how: dict[str, Any] = {"momentum": 0.9} if kind == "sgd" else {"betas": (0.5, 0.999)}
    ends = []
    for is_tensor in (False, True):
        draws = torch.Generator().manual_seed(0)
        weights = torch.randn(30, 70, generator=draws).requires_grad_()
        rate = torch.tensor(0.1)
        optimiser = made([weights], rate if is_tensor else rate.item(), fused=True, **how)
        for step in range(20):
            rate.fill_(0.1 / (step + 1))
            if not is_tensor:
                optimiser.param_groups[0]["lr"] = rate.item()
            weights.grad = torch.randn(30, 70, generator=draws)
            optimiser.step()
        ends.append(weights.detach())
    assert torch.equal(*ends)
