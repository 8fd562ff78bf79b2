"""In what arithmetic torch computes: set in one place, before a training or a measuring begins."""

import os

import torch

from replication.base.errors import UserError
from replication.training.run import Execution


def check_precision(precision: str, device: str) -> None:
    """A UserError where ``device`` has no products in ``precision``."""
    if precision == "tf32" and torch.device(device).type != "cuda":
        problem = f"precision tf32 is one of CUDA's GPUs, not of {device}"
        raise UserError(problem, "name one with --device cuda, or give --precision float32")


def set_arithmetic(execution: Execution) -> None:
    """Make torch compute as ``execution`` says; a UserError where its device cannot.

    On a GPU deterministic kernels are asked for, with a warning where an operation has none; what
    a CPU does is deterministic as it is.
    """
    check_precision(execution.precision, execution.device)
    # Before the first thread begins, which inherits it. What momenta of idle units shrink to, below
    # 1e-38, moves no weight, and a processor computes it ten times as slowly (bench.subnormal).
    torch.set_flush_denormal(True)
    torch.set_num_threads(execution.threads)
    rounded = execution.precision == "tf32"
    torch.set_float32_matmul_precision("high" if rounded else "highest")
    torch.backends.cudnn.allow_tf32 = rounded  # of convolutions, and on if nobody says otherwise
    on_gpu = torch.device(execution.device).type == "cuda"
    if on_gpu:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at the first product
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(on_gpu, warn_only=True)
    # No result is read of memory that was never written: filling it would cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
