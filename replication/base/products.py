"""Products of matrices in float32 proper, for distances: rounded products suit training only."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """No product is rounded to bfloat16 or TF32 within, whatever the training has asked for.

    A squared distance is a small difference of large products: a log-likelihood by rounded ones is
    wrong by several nats, and another neighbour is the nearest.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
