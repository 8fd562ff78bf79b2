"""The bench of subnormal numbers: what it counts, and that flushing them moves no weight."""

import pytest
import torch

from bench import subnormal as bench
from bench.ours import training_of
from replication.settings.experiments import experiments


def test_flushed_momenta_are_zero_and_move_no_weight() -> None:
    settings = experiments().settings_of("smoke", bench.ITEM, bench.VARIANT)
    kept, flushed = (training_of(settings, [0], bench.CPU, "float32") for _ in range(2))
    for training in (kept, flushed):
        assert bench.rate(training, 0, flush=False) > 0
        for momentum in bench.momenta(training):
            momentum.fill_(1e-39)
        assert bench.subnormal(training) == 1
    for training in (kept, flushed):
        bench.rate(training, 1, flush=training is flushed)
    assert bench.subnormal(flushed) == 0
    assert bench.same_weights(kept, flushed)
    assert (torch.tensor([1e-39]) * 0.5 > 0).all(), "the process is as it was"


def test_a_line_has_the_ratio() -> None:
    told = bench.line(2, {"kept": 10.0, "flushed": 15.0, "subnormal": 0.25})
    assert told.startswith("epoch 3:  25.0% of the momenta")
    assert told.endswith("10.0 kept, 15.0 flushed, 1.50x")


@pytest.mark.slow
@pytest.mark.data
def test_both_trainings_end_with_the_same_weights() -> None:
    """Tiny: whether it is measured at all, not how fast it is."""
    result = bench.measure(epochs=1, images=1000, precision="float32")
    assert result["same_weights"]
    assert len(result["epochs"]) == 1
