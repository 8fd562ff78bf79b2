"""What all tests share: no network trackers, a fresh working folder where one is written to."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

os.environ["WANDB_MODE"] = "disabled"  # tests of the tracker set their own

# CI judges the change, not the luck of the draw; elsewhere hypothesis keeps searching.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


@pytest.fixture(autouse=True)
def as_torch_begins() -> None:
    """Results are promised bit for bit at equal thread counts; hypothesis draws any number."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def as_the_environment_began() -> Iterator[None]:
    """A command sets its variables for a whole process, which here is that of other tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder: checkpoints, results and logs of the test go there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
