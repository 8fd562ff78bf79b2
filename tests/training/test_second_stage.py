"""The second stage: what it learns, what it leaves alone, and that it can be repeated."""

import math

import pytest
import torch

from replication.data.loaders import load
from replication.measures.evaluate import metrics_on_test, over_chunks
from replication.models.plane import places_apart
from replication.settings.schema import Seed, Settings
from replication.training.run import Run
from replication.training.second_stage import (
    SecondStage,
    costs,
    discrimination,
    learned,
    plane_heads,
    representation,
    styles_of,
)
from tests.tools.builders import make_joint_settings

STAGE = {
    "style_dim": 2,
    "cluster_head_distance": 6.0,
    "hidden_sizes": [16],
    "epochs": 2,
    "batch_size": 50,
    "reconstruction_weight": 0.1,
    "style_adversary_weight": 1.0,
    "head_distance_weight": 0.1,
    "autoencoder": {"learning_rate": 0.002},
    "discriminator": {"learning_rate": 0.001, "betas": [0.5, 0.99]},
    "schedule": {"decay_from": 0.5},
}


def settings_of(**changes: object) -> Settings:
    return make_joint_settings(second_stage={**STAGE, **changes})


def run_of(settings: Settings, seeds: list[int]) -> Run:
    chosen = [Seed(s, s) for s in seeds]
    return Run(settings, load(settings), chosen)


def trained(settings: Settings, seeds: list[int]) -> tuple[Run, dict[str, torch.Tensor]]:
    run = run_of(settings, seeds)
    assert settings.second_stage is not None
    stage = SecondStage(run.stack, settings.second_stage, run.streams, run.dataset)
    return run, stage.train()


def test_a_second_stage_that_diverges_is_told() -> None:
    settings = settings_of(autoencoder={"learning_rate": 1e30})
    fitted = run_of(settings, [0, 1]).fit(lambda: {})
    assert fitted.diverged == [True, True]
    assert not any("plane_reconstruction" in history[-1] for history in fitted.histories)
    sound = run_of(settings_of(), [0]).fit(lambda: {})
    assert sound.diverged == [False]
    assert sound.histories[0][-1]["plane_reconstruction"] > 0


def test_what_was_learned_before_is_left_alone() -> None:
    settings = settings_of()
    before = run_of(settings, [0])
    run, _ = trained(settings, [0])
    old, new = before.stack.state_dict(), run.stack.state_dict()
    moved = {name.split(".")[0] for name in new if not torch.equal(old[name], new[name])}
    assert moved == {"plane"}
    same = [metrics_on_test(r.stack, r.dataset)["test_error_percent"].item() for r in (before, run)]
    assert same[0] == same[1]


def test_the_plane_is_the_heads_by_probability_plus_the_style() -> None:
    run, _ = trained(settings_of(), [0])
    images = run.dataset.scaling.to_network(run.dataset.test.images)
    heads = over_chunks(run.stack, plane_heads, torch.eye(10))[0]
    known, styles = (over_chunks(run.stack, f, images) for f in (learned, styles_of))
    places = over_chunks(run.stack, representation, images)
    torch.testing.assert_close(places[0], known["label"][0] @ heads + styles[0])
    codes = over_chunks(run.stack, lambda model, x: model.encoder(x), images)
    torch.testing.assert_close(known["label"], codes["label"].softmax(-1))


def test_the_planes_game_has_the_losses_of_the_others() -> None:
    """At a discriminator that answers 0: 2 log 2 and log 2."""
    run = run_of(settings_of(), [0])
    for parameter in run.stack.parameters("plane.discriminator"):
        parameter.data.zero_()
    model, places = run.stack.template, torch.randn(5, 2)
    assert discrimination(model, places, places).item() == pytest.approx(2 * math.log(2))
    inputs = (torch.rand(5, 64), torch.rand(5, 16), torch.eye(10)[:5], torch.eye(10), 6.0)
    assert costs(model, *inputs)["style_adversary"].item() == pytest.approx(math.log(2))


def test_heads_keep_their_distance_and_images_are_learned() -> None:
    _, first = trained(settings_of(epochs=1), [0])
    run, last = trained(settings_of(epochs=12), [0])
    assert last["plane_reconstruction"].item() < first["plane_reconstruction"].item()
    heads = over_chunks(run.stack, plane_heads, torch.eye(10))[0]
    assert torch.pdist(heads).min() > 5.5


def test_stacked_equals_alone_and_repeated() -> None:
    settings = settings_of(epochs=1)
    both, losses = trained(settings, [0, 1])
    for k in range(2):
        one, own = trained(settings, [k])
        again, repeated = trained(settings, [k])
        for name in own:
            torch.testing.assert_close(losses[name][k], own[name][0], rtol=1e-4, atol=1e-5)
            assert torch.equal(own[name], repeated[name])
        del one, again
    assert both.stack.size == 2


@pytest.mark.parametrize(("count", "dimensions"), [(10, 2), (20, 2), (10, 10), (4, 9), (12, 10)])
def test_places_start_as_far_apart_as_asked(count: int, dimensions: int) -> None:
    places = places_apart(count, dimensions, 7.0)
    assert places.shape == (count, dimensions)
    assert torch.pdist(places).min().item() == pytest.approx(7.0, rel=1e-4)
