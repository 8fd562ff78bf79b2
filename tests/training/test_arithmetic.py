"""How torch computes is set in one place, as the execution says."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from replication.base.errors import UserError
from replication.training.arithmetic import check_precision, set_arithmetic
from replication.training.jobs.executions import NAME
from replication.training.run import Execution
from tests.training.test_weights import run, shrink


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test of a GPU sets is no other test's."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32
    yield
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(
    ("precision", "products"),
    [("float32", "highest"), ("tf32", "high"), ("bf16-products", "highest")],
)
def test_a_gpu_is_deterministic_and_rounds_only_where_asked(precision: str, products: str) -> None:
    set_arithmetic(Execution("cuda:0", 1, precision))
    assert torch.get_float32_matmul_precision() == products
    assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_cpu_computes_as_it_always_did() -> None:
    set_arithmetic(Execution("cuda:0", 1, "tf32"))
    set_arithmetic(Execution("cpu", 2, "float32"))
    assert torch.get_num_threads() == 2
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_momenta_that_move_no_weight_cost_no_time(device: str) -> None:
    """A processor computes numbers below 1e-38 ten times as slowly: they become zero."""
    shrunk = torch.full((1000,), 1e-38)
    assert (shrunk * 0.5 > 0).all()
    set_arithmetic(Execution(device, 1, "float32"))
    assert (shrunk * 0.5 == 0).all()


def test_tf32_is_told_apart_in_the_folder_of_the_weights() -> None:
    name = Execution("cuda:1", 1, "tf32").name
    match = NAME.fullmatch(name)
    assert name == "tf32-cuda"
    assert match is not None
    assert match.groups() == ("tf32", None, "cuda")


def test_tf32_on_a_cpu_is_one_line(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, seeds=[0], epochs=1)
    with pytest.raises(UserError, match="precision tf32 is one of CUDA's GPUs, not of cpu") as told:
        run("train", "--precision", "tf32")
    assert "--device cuda" in told.value.remedy
    assert not list(workdir.rglob("*.pt"))
    check_precision("tf32", "cuda:0")
