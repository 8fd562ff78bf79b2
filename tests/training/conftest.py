"""Fixtures of several test files of the training."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb


@pytest.fixture
def no_wandb_session(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No W&B variable, key or session but the test's own; everything below an empty folder."""
    wandb.teardown()
    for name in [n for n in os.environ if n.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(workdir / "home"))
    monkeypatch.setenv("NETRC", str(workdir / "netrc"))
    yield
    wandb.teardown()
