"""Sealed files with another content than belongs there: one line that names the file."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel

from replication.base import sealed
from replication.base.errors import UserError
from replication.settings.schema import Seed
from replication.training.fit import Fitted as History
from replication.training.fit import Kept
from replication.training.jobs import stored, weights
from replication.training.jobs.checkpoint import Checkpoints
from tests.tools.disk import names_in
from tests.tools.sealed_content import (
    ROW,
    make_checkpoint,
    make_finished,
    make_fitted,
    make_told,
    make_trained_stack,
)

KINDS = {
    stored.Checkpoint: make_checkpoint,
    stored.Fitted: make_fitted,
    stored.TrainedStack: make_trained_stack,
    stored.Finished: make_finished,
}
SEED = Seed(0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_belongs_there_is_read(tmp_path: Path, kind: type[BaseModel]) -> None:
    sealed.save(tmp_path / "state.pt", KINDS[kind]())
    assert stored.read(tmp_path / "state.pt", kind).keys() == KINDS[kind]().keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [[], {}, None, 3, "text", torch.zeros(2), {1: 2}], ids=repr)
def test_anything_else_is_refused(tmp_path: Path, kind: type[BaseModel], content: Any) -> None:
    path = tmp_path / "state.pt"
    sealed.save(path, content)
    with pytest.raises(UserError, match="another version of this suite") as caught:
        stored.read(path, kind)
    assert str(path) in caught.value.problem
    assert f"delete {path}" in caught.value.remedy


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (stored.Checkpoint, make_checkpoint(seconds=-1.0)),
        (stored.Checkpoint, make_checkpoint(diverged=[False, False])),
        (stored.Checkpoint, make_checkpoint(histories=[[{"loss": 1.0}]])),
        (stored.Checkpoint, make_checkpoint(training={"models": {}})),
        (stored.Checkpoint, make_checkpoint(stack=[[0]])),
        (stored.Fitted, make_fitted(streams={"batches": torch.zeros(3)})),
        (stored.Fitted, make_fitted(told=make_told(data=None))),
        (stored.Fitted, make_fitted(history=[ROW, ROW])),
        (stored.TrainedStack, make_trained_stack(told=make_told())),
        (stored.TrainedStack, make_trained_stack(diverged=[False])),
        (stored.TrainedStack, make_trained_stack(weights={"bias": torch.zeros(3)})),
        (stored.TrainedStack, make_trained_stack(weights={"bias": torch.tensor(1.0)})),
        (stored.TrainedStack, make_trained_stack(streams={"batches": []})),
        (stored.Finished, make_finished(dataset={})),
        (stored.Finished, make_finished(arrays={"codes": [1.0]})),
    ],
)
def test_parts_are_checked(tmp_path: Path, kind: type[BaseModel], content: Any) -> None:
    sealed.save(tmp_path / "state.pt", content)
    with pytest.raises(UserError, match="another version of this suite"):
        stored.read(tmp_path / "state.pt", kind)


def test_a_foreign_checkpoint_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sealed, of the right name, with nothing in it; or a folder."""
    sealed.save(tmp_path / "epoch_000001.pt", make_checkpoint(1))
    sealed.save(tmp_path / "epoch_000002.pt", {})
    (tmp_path / "epoch_000003.pt").mkdir()
    checkpoints = Checkpoints(tmp_path, seconds=0)
    state = checkpoints.newest()
    assert state is not None
    assert state["epochs"] == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    weights.clear(tmp_path)
    assert names_in(tmp_path) == ["epoch_000003.pt"]


def test_a_seed_without_its_data_is_refused(tmp_path: Path) -> None:
    sealed.save(weights.fitted_of(tmp_path, SEED), make_fitted(told={}))
    with pytest.raises(UserError, match="told"):
        weights.told_of(tmp_path, SEED)


def test_what_was_told_of_another_seed_is_refused(tmp_path: Path) -> None:
    sealed.save(weights.fitted_of(tmp_path, Seed(0, 1)), make_fitted())
    with pytest.raises(UserError, match="is of another seed"):
        weights.told_of(tmp_path, Seed(0, 1))


def test_weights_of_two_models_are_refused(tmp_path: Path) -> None:
    for number, size in enumerate((2, 3)):
        kept = Kept({"weight": torch.zeros(1, size)}, {}, History([[ROW]], [False]))
        weights.keep(tmp_path, tmp_path / "stack", [Seed(number, number)], kept, make_told())
    with pytest.raises(UserError, match="does not fit the other seeds"):
        weights.restore([tmp_path, tmp_path], [Seed(0, 0), Seed(1, 1)])
