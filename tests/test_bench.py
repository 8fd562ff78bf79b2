"""The bench counts what the code does."""

import torch

from bench.step import counted, floor, table, training_of
from replication.engine.config import experiments


def test_an_update_makes_no_product_that_is_not_needed() -> None:
    """The floor is counted from the layers by hand, the other from torch's own calls.

    But for one: the encoder gives the labelled images a style too (0.4 % here, 0.03 % at width
    1000).
    """
    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    training = training_of(settings, 1, torch.device("cpu"), "float32")
    styles = 2 * settings.batch_size * settings.hidden[-1] * settings.style_size
    assert counted(training) == floor(settings, pixels=64) + styles


def test_the_floor_at_the_networks_of_the_paper() -> None:
    """71 MFLOP an image, as recounted by hand from the layers' sizes."""
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    assert round(floor(settings) / settings.batch_size / 1e6) == 71


def test_the_table_gives_ratios() -> None:
    result = {
        "machine": {"device": "a machine"},
        "seeds": 1,
        "floor_flop_per_update": 2e9,
        "executed_flop_per_update": 2e9,
        "ceiling_gflops": {"float32": 100.0, "bf16-products": 200.0},
        "updates_per_second": {"ours, bf16-products": 50.0, "DataLoader loop": 10.0},
    }
    lines = table(result).splitlines()
    ours = next(line for line in lines if line.startswith("ours"))
    assert ours.split()[-4:] == ["50.0", "100.0", "50%", "5.00x"]
