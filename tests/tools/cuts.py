"""Trainings that end in the middle, as by Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from replication.training.jobs.keeper import Keeper


@contextmanager
def cut_in_epoch(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, a training is interrupted at the end of an epoch; checkpoints are of those before."""
    told = Keeper.epoch

    def cut(self: Keeper, rows: list[Any], recorded: bool) -> None:
        if rows[0]["epoch"] == number:
            raise KeyboardInterrupt
        told(self, rows, recorded)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "epoch", cut)
        with pytest.raises(KeyboardInterrupt):
            yield
