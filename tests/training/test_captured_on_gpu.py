"""On a GPU a captured update gives the bits of an eager one, of every kind of update."""

from itertools import islice
from pathlib import Path

import pytest
import torch

from bench.ours import training_of
from replication.data.loaders import load
from replication.settings.schema import Seed, Settings
from replication.training.captured import WARM_UP
from replication.training.fit import Training
from replication.training.run import Execution, Run
from replication.training.second_stage import SecondStage

from ..tools.builders import make_joint_settings
from ..tools.kinds import kinds_of_updates
from .test_second_stage import STAGE

KINDS = kinds_of_updates()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(workdir: Path) -> None:
    """The neighbours' distances are kept below the current folder."""


@pytest.fixture(autouse=True)
def deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eager convolutions themselves give other bits each time otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def updates_of(training: Training, settings: Settings) -> list[dict[str, torch.Tensor]]:
    """The losses of 20 updates, in two epochs that have other numbers and layers."""
    losses = []
    for epoch in (settings.layerwise_epochs, settings.epochs - 1):
        for descent in training.descents:
            descent.start_epoch(epoch)
        losses += [training.update(b) for b in islice(training.batches.epoch(epoch), 10)]
    return losses


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_captured_updates_are_eager_ones_bit_for_bit(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = KINDS[kind]
    device = torch.device("cuda")
    eager, captured = (training_of(settings, [0, 1], device, "float32") for _ in range(2))
    eager.captured.is_on = False
    expected, found = updates_of(eager, settings), updates_of(captured, settings)
    assert captured.captured.is_on, capsys.readouterr().err
    assert all(k.outputs and k.warmed_up == WARM_UP for k in captured.captured.kinds.values())
    for ours, theirs in zip(found, expected, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    weights = captured.stack.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in eager.stack.state_dict().items())


def test_the_second_stage_is_captured_bit_for_bit() -> None:
    settings = make_joint_settings(second_stage={**STAGE, "epochs": 5, "batch_size": 300})
    assert settings.second_stage is not None
    trained = []
    for is_on in (False, True):
        run = Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)], Execution("cuda"))
        stage = SecondStage(run.stack, settings.second_stage, run.streams, run.dataset)
        stage.captured.is_on = is_on
        trained.append((stage.train(), run.stack.state_dict()))
        assert stage.captured.is_on == is_on
    for ours, theirs in zip(*trained, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_capture_that_fails_leaves_training_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """An update that reads the device cannot be captured; its bits are those of an eager one."""
    settings = KINDS["table2_semi_supervised/mnist_100"]
    device = torch.device("cuda")
    eager, broken = (training_of(settings, [0, 1], device, "float32") for _ in range(2))
    eager.captured.is_on = False
    update = broken.captured.update

    def reading(*batch: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = update(*batch)
        losses["reconstruction"].sum().item()
        return losses

    broken.captured.update = reading
    expected, found = updates_of(eager, settings), updates_of(broken, settings)
    assert not broken.captured.is_on
    assert capsys.readouterr().err.count("note: updates run without a CUDA graph") == 1
    for ours, theirs in zip(found, expected, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
