"""A captured update is the update itself, again: shown on a CPU, of every kind of update.

What a GPU would replay is replayed by ``Tape``. That the GPU does it, too, is shown where there is
one (``test_captured_on_gpu``).
"""

from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from bench.ours import training_of
from replication.data.loaders import load
from replication.settings.schema import Seed, Settings
from replication.training.captured import WARM_UP, Captured, capturable
from replication.training.fit import Training
from replication.training.run import Run
from replication.training.second_stage import SecondStage

from ..tools.builders import make_joint_settings, make_settings
from ..tools.kinds import kinds_of_updates
from ..tools.tape import Operations, Tape, captured_on_tape

CPU = torch.device("cpu")
KINDS = kinds_of_updates()
UPDATES = WARM_UP + 2  # of an epoch: one captures, one is replayed


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(workdir: Any) -> None:
    """The neighbours' distances are kept below the current folder."""


def eager(training: Training) -> Training:
    training.captured.is_on = False
    return training


def epochs_of(settings: Settings) -> list[int]:
    """Two with other learning rates, weights and layers."""
    return [settings.layerwise_epochs, settings.epochs - 1]


def updates_of(training: Training, settings: Settings, count: int = UPDATES) -> list[dict]:
    losses = []
    for epoch in epochs_of(settings):
        for descent in training.descents:
            descent.start_epoch(epoch)
        batches = islice(training.batches.epoch(epoch), count)
        losses += [training.update(batch) for batch in batches]
    return losses


@pytest.mark.parametrize("kind", KINDS)
def test_a_replayed_update_is_an_eager_one_bit_for_bit(kind: str) -> None:
    """And an update is the same operations, on the same shapes, with the same numbers."""
    settings = KINDS[kind]
    with captured_on_tape():
        plain, taped = (training_of(settings, [0, 1], CPU, "float32") for _ in range(2))
        operations = watched(eager(plain))
        expected = updates_of(plain, settings)
        found = updates_of(taped, settings)
    assert taped.captured.is_on
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    weights = taped.stack.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in plain.stack.state_dict().items())
    for first, second, *others in operations.values():  # the first makes the optimisers' state
        assert first
        assert all(other == second for other in others)


def watched(training: Training) -> dict[Any, list[list[tuple]]]:
    """The operations of each update to come, by the way that it takes through the code."""
    update, found = training.captured.update, defaultdict(list)

    def noted(*batch: Tensor) -> dict[str, Tensor]:
        with Operations() as operations:
            losses = update(*batch)
        found[tuple(losses)].append(operations.described())
        return losses

    training.captured.update = noted
    return found
