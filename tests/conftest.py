"""What all tests share: no network trackers, a fresh working folder where one is written to."""

import os
from pathlib import Path

import pytest
import torch

os.environ["WANDB_MODE"] = "disabled"  # tests of the tracker set their own


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Results are promised bit for bit at equal thread counts."""
    torch.set_num_threads(1)


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder: checkpoints, results and logs of the test go there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
