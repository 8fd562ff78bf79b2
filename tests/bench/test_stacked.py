"""Several seeds at once, ours and JAX's: that both do the same, and what is said of them."""

import re
import sys
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import stacked
from bench.ours import training_of
from replication.base.streams import Streams
from replication.base.streams import stacked as in_a_stack
from replication.evidence.seeds import Machine
from replication.models.priors import priors_of
from replication.pages.speed import ALONE, Stacked
from replication.settings.experiments import experiments

ROOT = Path(__file__).parents[2]
WITH_JAX = pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra bench")
MACHINE = Machine(
    commit="", dirty=False, python="3", torch="2", numpy="2", device="a machine", threads=1
)


@WITH_JAX
def test_jax_and_ours_have_the_same_losses_and_weights() -> None:
    """From the same weights, with the same batches and noise, in float32, for three updates."""
    import jax

    from bench import jax_peer

    settings = experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100")
    seeds = [0, 1]
    training = training_of(settings, seeds, torch.device("cpu"), "float32")
    streams, priors = Streams(seeds, torch.device("cpu")), priors_of(settings)
    state = jax_peer.state_of(training)
    update = jax.jit(jax.vmap(partial(jax_peer.update, jax_peer.recipe_of(settings))))
    for batch in islice(training.batches.epoch(), 3):
        passes = (batch.images, batch.images, batch.labelled_images)
        draws = [streams.normal("noise", *images.shape[1:]) for images in passes]
        for name in ("style", "label"):
            generators = streams[f"prior of {name}"]
            draws.append(in_a_stack([priors[name].sample(50, g) for g in generators]))
        given = (batch.images, batch.labelled_images, batch.labels)
        theirs = jax_peer.Draws(*(draw.numpy() for draw in draws))
        state, losses = update(state, *(tensor.numpy() for tensor in given), theirs)
        ours = training.update(batch)
        assert losses.keys() == ours.keys()
        for name, loss in ours.items():
            np.testing.assert_allclose(losses[name], loss.numpy(), rtol=1e-5, err_msg=name)
    for name, weights in training.stack.state_dict().items():
        np.testing.assert_allclose(state.parameters[name], weights.numpy(), rtol=1e-4, atol=1e-6)


def result() -> Stacked:
    rates = {
        ALONE: 10.0,
        "ours, 10 at once": 8.0,
        "JAX, one seed after the other": 9.0,
        "JAX, 10 at once": 12.0,
    }
    return Stacked(machine=MACHINE, seeds=10, updates=5, load=1.0, updates_per_second=rates)


def test_the_table_gives_ratios_to_one_seed_after_the_other() -> None:
    lines = stacked.table(result()).splitlines()
    told = {line[:32].strip(): line.split()[-2:] for line in lines[2:]}
    assert told[ALONE] == ["10.0", "1.00x"]
    assert told["ours, 10 at once"] == ["8.0", "0.80x"]
    assert told["JAX, 10 at once"] == ["12.0", "1.20x"]


def test_what_ratios_are_made_to_must_be_there() -> None:
    values = result().model_dump()
    del values["updates_per_second"][ALONE]
    with pytest.raises(ValueError, match="lacks ours, one seed after the other"):
        Stacked.model_validate(values)


def test_jax_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bench.jax_peer", None)
    monkeypatch.delattr("bench.jax_peer", raising=False)
    assert stacked.jax_peer() is None
    printed = capsys.readouterr().out
    assert printed.startswith("without JAX (")
    assert printed.count("\n") == 1


@pytest.mark.slow
@pytest.mark.data
def test_each_program_is_measured_in_earnest() -> None:
    """Tiny: whether it is measured at all, not how fast it is."""
    rates = stacked.measured(seeds=2, updates=2)
    ours = {ALONE, "ours, 2 at once"}
    assert ours <= set(rates)
    assert len(rates) == (4 if find_spec("jax") else 2)
    assert min(rates.values()) > 0


def test_the_manual_says_what_is_stored() -> None:
    """The table of docs/benches.md, "Beside JAX", is that of the stored bench."""
    text = (ROOT / "docs" / "benches.md").read_text(encoding="utf-8")
    (path,) = (ROOT / "bench" / "results").glob("stacked_*.json")
    stored = Stacked.model_validate_json(path.read_text())
    plain = re.sub(r" \(`.*`\)", "", text.replace("ten at", f"{stored.seeds} at"))
    lines = plain.splitlines()
    for name, rate in stored.updates_per_second.items():
        (line,) = (line for line in lines if line.startswith(f"| {name} |"))
        assert line.endswith(f"| {rate:.1f} | {stored.to_ours(name):.2f} |")
    assert f"(load {stored.load:.1f};" in text
