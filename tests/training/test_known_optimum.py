"""Each phase finds the optimum that it must have, on problems whose optimum is known.

A fault that changes numbers in silence (a swapped loss, a lost half, a forgotten softmax, a
gradient that flows where it should not) misses it.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from replication.data.dataset import Dataset, Split
from replication.data.digits import load_digits
from replication.settings.schema import Seed
from replication.training.losses import adversarial_codes, discriminator_loss, generator_loss
from replication.training.run import Run
from tests.tools.builders import make_settings

ADAM = {"method": "adam", "learning_rate": {0: 0.01}}
DIGITS = load_digits()


def run_of(dataset: Dataset, phases: dict[str, Any], **changes: Any) -> Run:
    small = {"labels": 0, "label_dim": 0, "input_noise_std": 0.0, "init_std": "he"}
    small |= {"hidden_sizes": [32], "batch_size": 20, "phases": phases}
    return Run(make_settings(**{**small, **changes}), dataset, [Seed(0, 0)])


def trained(run: Run) -> Run:
    run.fit(dict)
    return run


def few(images: Tensor, labels: Tensor | None = None) -> Dataset:
    """A data set of these images [N, pixels], repeated to forty."""
    known = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
    times = 40 // len(images)
    split = Split(images.repeat(times, 1), known.repeat(times))
    return replace(DIGITS, train=split, test=split)


def codes_of(run: Run, images: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        found: dict[str, Tensor] = run.stack.model(0).encoder(images.float() / 255)
    return found


# Reconstruction


def test_two_images_are_told_by_one_number() -> None:
    """The least error of a code of one number is that of both images: none."""
    images = DIGITS.train.images[[0, 7]]
    run = trained(run_of(few(images), {"reconstruction": ADAM}, style_dim=1, epochs=150))
    model = run.stack.model(0)
    with torch.no_grad():
        output = model.decoder(codes_of(run, images)["style"])
    assert (output - images / 255).square().mean() < 1e-3


# Regularisation


def test_a_prior_of_almost_one_point_is_matched_by_codes_at_that_point() -> None:
    game = {"discriminator": ADAM, "generator": ADAM}
    changes = {"style_prior": {"std": 0.05}, "epochs": 60, "style_dim": 1}
    run = run_of(replace(DIGITS, train=DIGITS.train[:200]), game, **changes)
    before = codes_of(run, DIGITS.train.images[:200])["style"].square().mean().sqrt()
    trained(run)
    after = codes_of(run, DIGITS.train.images[:200])["style"].square().mean().sqrt()
    assert before > 0.3
    assert after < 0.15


class Adding:
    """A model whose discriminators add up what they see: known on codes and on labels."""

    @staticmethod
    def style_discriminator(codes: Tensor) -> Tensor:
        return codes.sum(-1)

    @staticmethod
    def label_discriminator(codes: Tensor) -> Tensor:
        return 2 * codes.sum(-1) - 1

    @staticmethod
    def encoder(images: Tensor, epsilon: Tensor) -> dict[str, Tensor]:
        return {"style": images[:, :2], "label": 5 * images}


def test_both_discriminators_see_both_halves_and_the_label_as_a_probability() -> None:
    """Whatever the logits are, a softmax adds up to 1, as a one-hot sample does."""
    images, one_hot = torch.rand(6, 4), torch.eye(4)[[0, 1, 2, 3, 0, 1]]
    fake = adversarial_codes(Adding(), torch.empty(6, 0), images, torch.empty(6, 0))
    real = {"style": torch.ones(6, 2), "label": one_hot}
    of_style = softplus(torch.tensor(-2.0)) + softplus(images[:, :2].sum(-1)).mean()
    of_label = softplus(torch.tensor(-1.0)) + softplus(torch.tensor(1.0))
    found = discriminator_loss(Adding(), real, fake)
    assert found.item() == pytest.approx((of_style + of_label).item())
    confused = softplus(-images[:, :2].sum(-1)).mean() + softplus(torch.tensor(-1.0))
    assert generator_loss(Adding(), fake).item() == pytest.approx(confused.item())
    minimax = -softplus(images[:, :2].sum(-1)).mean() - softplus(torch.tensor(1.0))
    assert generator_loss(Adding(), fake, saturating=True).item() == pytest.approx(minimax.item())


# Classification


def test_few_labels_are_learned_and_unlabelled_images_are_not_used() -> None:
    """The labels are none that the images could tell: only those given can be known."""
    images = torch.cat([DIGITS.train.images[DIGITS.train.labels == k][:20] for k in (0, 1)])
    settings: dict[str, Any] = {"labels": 20, "label_dim": 10, "epochs": 30}
    labels = torch.arange(10).repeat(4)
    dataset = replace(DIGITS, train=Split(images, labels), test=Split(images, labels))
    run = trained(run_of(dataset, {"classification": ADAM}, **settings))
    labelled = run.batches().labelled
    assert labelled is not None
    chosen = labelled[0]
    named = codes_of(run, images[chosen])["label"].argmax(-1)
    assert (named == labels[chosen]).double().mean() > 0.9
    others = torch.ones(40, dtype=torch.bool)
    others[chosen] = False
    named = codes_of(run, images[others])["label"].argmax(-1)
    assert (named == labels[others]).double().mean() < 0.5


# Variational


def test_a_variational_autoencoder_of_one_image_has_the_prior_as_its_posterior() -> None:
    """A single image needs no code: the divergence falls to 0, and the bound to its entropy."""
    image = (DIGITS.train.images[:1] > 127).to(torch.uint8) * 255
    phases = {"variational": ADAM}
    run = run_of(few(image), phases, posterior="gaussian", style_dim=2, epochs=100)
    fitted = run.fit(dict)
    assert fitted.histories[0][-1]["negative_elbo"] < 0.5  # of a black and white image, 0
