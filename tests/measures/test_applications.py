"""The companion's uses of a trained model: known answers, parity, faults."""

import os
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication import companion_applications as companion
from replication.base.errors import UserError
from replication.data.dataset import Split, leave_out, scaled
from replication.data.digits import load_digits
from replication.data.loaders import load
from replication.measures import anomaly, features
from replication.measures.anomaly import anomaly_scores, areas, measure_anomaly, rival_scores
from replication.measures.augmentation import classifier_errors, generated_images, pools
from replication.measures.evaluate import cpu_workers, metrics_on_test, of_each_seed
from replication.measures.features import check_sizes, errors, nearest
from replication.measures.probes import linear_probe
from replication.models.priors import style_prior
from replication.models.stack import Stack
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings
from replication.training.run import Run
from tests.tools.builders import make_settings

ITEM = "companion_applications"
CPU = torch.device("cpu")
SMOKE = experiments().runnable(ITEM, "smoke")
PHASES = {"reconstruction": {"learning_rate": {0: 0.01}}}
ADVERSARIES = PHASES | {
    "discriminator": {"learning_rate": {0: 0.1}},
    "generator": {"learning_rate": {0: 0.1}},
}


def settings_of(variant: str, **changes: Any) -> Settings:
    return experiments().settings_of("smoke", ITEM, variant).model_copy(update=changes)


def run_of(settings: Settings, *seeds: int) -> Run:
    return Run(settings, load(settings), [Seed(s, s) for s in seeds])


# Settings


@pytest.mark.parametrize(
    ("application", "named"),
    [
        ({"kind": "features"}, "label_counts"),
        ({"kind": "generation", "label_counts": [10]}, "label_counts"),
        ({"kind": "augmentation", "generated_images": 10}, "classifier_updates"),
        ({"kind": "anomaly", "classifier_updates": 10}, "classifier_updates"),
        ({"kind": "features", "label_counts": [0]}, "greater than 0"),
        ({"kind": "compression"}, "generation"),
    ],
)
def test_an_application_has_its_own_numbers_alone(application: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make_settings(application=application)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"application": {"kind": "generation"}}, "label_dim: 0"),
        ({"label_dim": 0, "phases": {}, "application": {"kind": "generation"}}, "decoder"),
        ({"label_dim": 0, "phases": ADVERSARIES, "application": {"kind": "anomaly"}}, "held_out"),
        (
            {"label_dim": 0, "phases": PHASES, "held_out_class": 0}
            | {"application": {"kind": "anomaly"}},
            "discriminator",
        ),
        (
            {"label_dim": 0, "phases": ADVERSARIES, "held_out_class": 0}
            | {"style_prior": {"kind": "swiss_roll"}, "application": {"kind": "anomaly"}},
            "density",
        ),
        (
            {
                "labels": "all",
                "application": {
                    "kind": "augmentation",
                    "generated_images": 9,
                    "classifier_updates": 9,
                },
            },
            "number of labels",
        ),
    ],
)
def test_an_application_needs_its_parts(changes: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make_settings(**{"labels": 0 if changes.get("label_dim") == 0 else 100, **changes})


def test_the_class_held_out_stays_in_the_test_alone() -> None:
    settings = make_settings(labels=0, label_dim=0, phases=PHASES, validation_images=300)
    whole, without = load(settings), load(settings.model_copy(update={"held_out_class": 3}))
    for split in ("train", "validation"):
        before, after = getattr(whole, split), getattr(without, split)
        assert (before.labels == 3).any()
        assert (after.labels == before.labels[before.labels != 3]).all()
        assert (after.images == before.images[before.labels != 3]).all()
    assert (without.test.labels == whole.test.labels).all()


@pytest.mark.parametrize("held_out", [10, 99])
def test_a_class_that_does_not_exist_cannot_be_held_out(held_out: int) -> None:
    with pytest.raises(UserError, match=f"digits has no class {held_out}; choose one of 0 to 9"):
        leave_out(load_digits(), held_out)


def test_more_labels_than_images_are_refused() -> None:
    with pytest.raises(UserError, match="1401 labels, digits has 1400 images"):
        check_sizes([10, 1401], load_digits())
    application = settings_of("features").application
    assert application is not None
    asked = settings_of(
        "features", application=application.model_copy(update={"label_counts": [9999]})
    )
    with pytest.raises(UserError, match="9999"):  # before anything is trained
        companion.train(run_of(asked.model_copy(update={"epochs": 10**6}), 0))
    settings = settings_of("augmentation_100", labels=10_000, epochs=10**6)
    with pytest.raises(UserError, match="ask for fewer labels"):
        companion.train(run_of(settings, 0))


def test_with_all_labels_the_images_are_read_once_for_all_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The neighbours of 60,000 images in pixels take minutes, and no seed changes them."""
    application = settings_of("features").application
    assert application is not None
    run = run_of(settings_of("features"), 0, 1)
    count = len(run.dataset.train)
    counts = application.model_copy(update={"label_counts": [10, count]})
    run.settings = run.settings.model_copy(update={"application": counts})
    read: list[tuple[list[str], int]] = []

    def counting(spaces: dict, labels: Any, expected: Any, chosen: Any) -> dict[str, float]:
        read.append((list(spaces), len(chosen)))
        return {f"nearest_{space}": float(len(chosen)) for space in spaces}

    monkeypatch.setattr(features, "errors", counting)
    found = features.measure_features(run, [False, False])
    names = ["pixels", "components"]
    of_seed = [(["codes", *names], 10), (["codes"], count)]
    assert read == [(names, count), *of_seed, *of_seed]
    assert found[f"error_percent_nearest_pixels_{count}"].tolist() == [count, count]


def test_a_seed_that_diverged_is_not_measured() -> None:
    found = of_each_seed(lambda index: {"number": float(index)}, [False, True, False])
    assert found["number"].tolist() == pytest.approx([0, float("nan"), 2], nan_ok=True)
    assert of_each_seed(lambda _: {"number": 1.0}, [True]) == {}


def test_several_workers_find_what_one_finds() -> None:
    """Beside a GPU the seeds are measured at the same time, on all cores."""
    draws = np.random.default_rng(0)
    train, test = draws.random((5, 200, 20)), draws.random((5, 50, 20))
    labels = np.arange(200) % 4

    def measure(index: int) -> dict[str, float]:
        threads.add(threading.get_ident())
        known = train[index], labels, test[index]
        place = np.arange(50)  # so that the sum tells which image has which class
        return {"nearest": nearest(*known) @ place, "logistic": linear_probe(*known) @ place}

    threads: set[int] = set()
    alone, diverged = of_each_seed(measure, [False] * 5), [False, False, True, False, False]
    assert threads == {threading.get_ident()}
    together = of_each_seed(measure, [False] * 5, workers=3)
    assert all(torch.equal(together[name], alone[name]) for name in alone)
    assert len(threads) > 1
    assert of_each_seed(measure, diverged, workers=3)["nearest"].isnan().tolist() == diverged


def test_on_a_cpu_a_run_has_one_core_to_measure_on() -> None:
    assert cpu_workers(CPU) == 1
    assert cpu_workers(torch.device("cuda", 0)) == os.cpu_count()


# Anomalies


class FirstPixels(nn.Module):
    """An encoder whose style is ``scale`` times the first pixels."""

    def __init__(self, size: int, scale: float):
        super().__init__()
        self.size = size
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"style": self.scale * images[:, : self.size]}


class Black(nn.Module):
    """A decoder that answers black images."""

    def forward(self, style: Tensor) -> Tensor:
        return style.new_zeros(len(style), 64)


class Total(nn.Module):
    def forward(self, style: Tensor) -> Tensor:
        return style.sum(-1)


def test_anomaly_scores_of_a_known_model() -> None:
    run = run_of(settings_of("anomaly_0"), 0)
    parts = [
        nn.ModuleDict(
            {"encoder": FirstPixels(8, k), "decoder": Black(), "style_discriminator": Total()}
        )
        for k in (1.0, 2.0)
    ]
    run.stack = Stack(lambda k: parts[k], range(2), CPU)
    scores = anomaly_scores(run)
    pixels = run.dataset.test.images.float() / 255
    for index, scale in enumerate((1, 2)):
        codes = scale * pixels[:, :8]
        squares = 0.5 * (codes / 5).square().sum(1)
        prior = scores["prior"][index]
        torch.testing.assert_close(prior - prior.min(), squares - squares.min())
        torch.testing.assert_close(scores["discriminator"][index], -codes.sum(1))
        torch.testing.assert_close(scores["reconstruction"][index], pixels.square().mean(1))


def test_areas_have_their_known_values() -> None:
    anomalous = np.array([True, False, False, True, False])
    rising = np.array([4.0, 1.0, 2.0, 5.0, 3.0])
    assert areas(rising, anomalous) == (100, 100)
    assert areas(np.zeros(5), anomalous) == pytest.approx((50, 40)), "AUPRC at chance is the share"
    assert areas(-rising, anomalous)[0] == 0
    assert areas(np.array([1.0, 0.0, 2.0, 3.0, -1.0]), anomalous)[0] == pytest.approx(100 * 5 / 6)


def test_rivals_see_what_lies_off_the_line() -> None:
    """Two principal components hold two pixels that vary; a third pixel is the anomaly."""
    digits, stream = load_digits(), torch.Generator().manual_seed(0)
    images = torch.zeros(300, 64, dtype=torch.uint8)
    images[:, :2] = torch.randint(0, 255, (300, 2), dtype=torch.uint8, generator=stream)
    odd = images[:1].clone()
    odd[:, 2] = 200
    train, test = Split(images[50:], torch.zeros(250)), Split(torch.cat([images[:50], odd]), odd)
    scores = rival_scores(replace(digits, train=train, test=test), 2, 0)
    assert scores["pca"][-1] == pytest.approx((200 / 255) ** 2 / 64, rel=1e-3)
    assert scores["pca"][:-1].max() < 1e-9
    assert scores["forest"].shape == (51,)
    gaps = torch.cdist(test.images.double() / 255, train.images.double() / 255).min(1).values
    nearest_image = anomaly.nearest_distances(scaled(train.images), scaled(test.images))
    assert nearest_image == pytest.approx(gaps.numpy(), abs=1e-3)
    assert nearest_image[-1] == nearest_image.max()


def test_an_anomaly_is_measured_in_every_seed_that_is_healthy() -> None:
    run = run_of(settings_of("anomaly_0", epochs=1), 0, 1)
    metrics = measure_anomaly(run, [True, False])
    share = 100 * (run.dataset.test.labels == 0).double().mean().item()
    assert metrics["auprc_percent_chance"][1].item() == pytest.approx(share)
    for own in metrics.values():
        assert own[0].isnan()
        assert 0 <= own[1] <= 100


def test_the_nearest_images_are_found_once_for_all_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    run, found = run_of(settings_of("anomaly_0"), 0, 1), list[np.ndarray]()
    whole = anomaly.nearest_distances

    def counted(*images: Tensor) -> np.ndarray:
        found.append(whole(*images))
        return found[-1]

    monkeypatch.setattr(anomaly, "nearest_distances", counted)
    auroc = measure_anomaly(run, [False, False])["auroc_percent_nearest"]
    assert len(found) == 1
    anomalous = (run.dataset.test.labels == run.settings.held_out_class).numpy()
    assert auroc.tolist() == pytest.approx([areas(found[0], anomalous)[0]] * 2)


# Augmentation


class Answer(nn.Module):
    """A decoder that shows the label in the first pixels and the style's sign after them."""

    def forward(self, style: Tensor, label: Tensor) -> Tensor:
        rest = style.new_zeros(len(style), 64 - 10 - style.shape[1])
        return torch.cat([label, (style > 0).float(), rest], -1)


def test_each_class_is_asked_for_in_turn_in_styles_of_the_prior() -> None:
    run = run_of(settings_of("augmentation_100"), 0, 1)
    run.stack = Stack(lambda _: nn.ModuleDict({"decoder": Answer()}), [0], CPU)
    drawn = generated_images(run, 0, 1000)
    assert drawn.images.dtype == torch.uint8
    assert (drawn.labels.bincount() == 100).all()
    assert (drawn.images[:, :10].argmax(1) == drawn.labels).all()
    signs = drawn.images[:, 10 : 10 + run.settings.style_dim].double() / 255
    assert signs.mean().item() == pytest.approx(0.5, abs=0.06)
    assert (generated_images(run, 0, 1000).images == drawn.images).all()


def test_pools_differ_in_what_half_of_them_is() -> None:
    digits = load_digits().train
    labelled, generated = digits[:30], digits[30:80]
    found = pools(labelled, generated)
    assert {name: len(pool) for name, pool in found.items()} == {
        "labels": 30,
        "duplicated": 100,
        "generated": 100,
    }
    both, copies = found["generated"], found["duplicated"]
    assert (both.images[:50] == copies.images[:50]).all()
    assert (both.images[50:] == generated.images).all()
    assert (both.labels[50:] == generated.labels).all()
    assert (copies.images == labelled.images[torch.arange(100) % 30]).all()
    assert (copies.labels == labelled.labels[torch.arange(100) % 30]).all()


def test_labels_alone_give_the_very_classifier_of_table_2() -> None:
    nn_100 = experiments().settings_of("smoke", "table2_semi_supervised", "nn_100")
    nn_100 = nn_100.model_copy(update={"epochs": 2, "evaluate_every": 2})
    theirs = run_of(nn_100, 3)
    fitted = theirs.fit(lambda: metrics_on_test(theirs.stack, theirs.dataset))
    run = run_of(settings_of("augmentation_100"), 3)
    labelled = run.batches().labelled
    assert labelled is not None
    own = [run.dataset.train[chosen] for chosen in labelled]
    error = classifier_errors(run, own, int(fitted.histories[0][-1]["updates"]))
    assert error.tolist() == [fitted.histories[0][-1]["test_error_percent"]]


def test_more_labels_teach_more_and_a_stack_is_its_seeds() -> None:
    run = run_of(settings_of("augmentation_100"), 0, 1)
    train = run.dataset.train
    few, many = [train[:40], train[40:80]], [train[:700], train[700:]]
    assert (classifier_errors(run, few, 150) > 5 + classifier_errors(run, many, 150)).all()
    alone = run_of(settings_of("augmentation_100"), 1)
    both = classifier_errors(run, few, 60)
    assert both[1].item() == pytest.approx(classifier_errors(alone, few[1:], 60).item(), abs=0.6)


@pytest.mark.parametrize("posterior", ["gaussian", "universal"])
def test_the_classifier_has_nothing_of_the_model_but_its_encoder(posterior: str) -> None:
    """Neither a posterior of a style, which it does not have, nor any noise on its input."""
    noise = {"input_masking": 0.5, "input_salt_and_pepper": 0.5, "input_dropout": 0.5}
    drawn = {"posterior": posterior, "posterior_noise_dim": 5 * (posterior == "universal")}
    plain, noisy = (run_of(settings_of("augmentation_100", **c), 0) for c in ({}, noise | drawn))
    own = [plain.dataset.train[:100]]
    assert classifier_errors(noisy, own, 5) == classifier_errors(plain, own, 5)


# Features


def test_one_label_a_class_leaves_one_neighbour() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((10, 3)), rng.standard_normal((50, 3))
    found = nearest(train, np.arange(10), test)
    assert (found == np.square(test[:, None] - train).sum(2).argmin(1)).all()
    six = nearest(np.arange(12.0)[:, None], np.repeat([0, 1], 6), np.array([[4.9], [6.9]]))
    assert six.tolist() == [0, 1]


def test_a_space_that_holds_the_class_is_read_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    labels, expected = rng.integers(0, 4, 500), rng.integers(0, 4, 400)
    clear = (np.eye(4)[labels], np.eye(4)[expected])
    noise = (rng.standard_normal((500, 4)), rng.standard_normal((400, 4)))
    found = errors({"codes": clear, "pixels": noise}, labels, expected, np.arange(500))
    assert found["nearest_codes"] == found["logistic_codes"] == 0
    assert found["nearest_pixels"] == pytest.approx(75, abs=9)
    assert found["logistic_pixels"] == pytest.approx(75, abs=9)


# Generation


def test_an_image_of_the_prior_is_what_its_own_model_decodes() -> None:
    """Two stacked models draw what each of them draws alone."""
    from replication.measures.generation import prior_images

    settings = settings_of("generation_aae")
    prior = style_prior(settings)
    both = run_of(settings, 0, 1)
    for index in range(2):
        alone = run_of(settings, index)
        own = prior_images(alone, 0, 30, prior).int()
        assert (prior_images(both, index, 30, prior).int() - own).abs().max() <= 1
        assert prior.std == 5
