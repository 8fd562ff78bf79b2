"""Figure 2: what is decoded over the Gaussian's percentiles."""

import pytest
import torch

from replication import figure2_prior_matching as figure2
from replication.base.errors import UserError
from replication.data.loaders import load
from replication.models.priors import Gaussian
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.run import Run

ITEM = "figure2_prior_matching"


def run_of(variant: str = "aae_gaussian", **changes: object) -> Run:
    settings = experiments().settings_of("smoke", ITEM, variant).model_copy(update=changes)
    return Run(settings, load(settings), [Seed(0, 0)], item=ITEM)


def test_the_manifold_is_decoded_in_evaluation_mode() -> None:
    """With batch-norm an image is that of its code, whatever the others are."""
    run = run_of(batch_norm="all", epochs=1)
    sheet = figure2.train(run).arrays["manifold"][0]
    axis = Gaussian(2, run.settings.style_prior.std).percentiles(figure2.STEPS)
    corner = torch.stack([axis[0], axis[-1]])  # the first row is the highest second code
    with run.stack.evaluating(), torch.no_grad():
        image = run.stack.template.decoder(corner[None])
    assert torch.equal(sheet[:8, :8], run.dataset.scaling.to_bytes(image).view(8, 8))


def test_images_in_colour_are_refused_before_anything_is_trained() -> None:
    message = "figure2_prior_matching shows grey images alone, and data: street_digits has 3"
    with pytest.raises(UserError, match=message):
        figure2.train(run_of(data="street_digits", epochs=10**6))


def test_codes_that_lie_in_no_plane_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(UserError, match="draws a plane of codes, and style_dim is 3"):
        figure2.train(run_of(style_dim=3, epochs=10**6))
