"""Figure 4: the share of codes in their own part of the prior, and what the figure shows."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from replication import figure4_label_regularisation as figure4
from replication.base.errors import UserError
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.arrays import read_arrays
from replication.models.priors import ClassPrior, GaussianMixture, SwissRoll
from replication.pages.drawing import Drawing
from replication.pages.outlines import prior_outlines
from replication.pages.style import new_figure
from replication.settings.experiments import experiments
from replication.settings.models import StylePrior
from replication.settings.schema import Seed
from replication.training.run import Outcome, Run
from tests.tools.builders import make_settings

ROOT = Path(__file__).parents[2]
ITEM = "figure4_label_regularisation"
PRIORS: list[ClassPrior] = [GaussianMixture(), SwissRoll()]
LABELS = torch.arange(10).repeat(30)


def centres(prior: ClassPrior, classes: Tensor) -> Tensor:
    """The middle of each class's part of the prior."""
    if isinstance(prior, GaussianMixture):
        return prior.place(classes, torch.zeros(*classes.shape, 2))
    assert isinstance(prior, SwissRoll)
    return prior.place((classes + 0.5) / 10)


@pytest.mark.parametrize("prior", PRIORS)
def test_codes_in_the_middle_of_their_part_are_all_in_it(prior: ClassPrior) -> None:
    shifted = (LABELS + 1) % 10
    codes = torch.stack([centres(prior, LABELS), centres(prior, shifted)])
    shares = figure4.own_part_percent(codes, LABELS, prior)
    assert shares.tolist() == [100, 0]


@pytest.mark.parametrize("prior", PRIORS)
def test_chance_is_the_mean_share_of_permuted_labels(prior: ClassPrior) -> None:
    """Neither the classes nor the parts are equally frequent here."""
    stream = torch.Generator().manual_seed(0)
    labels = (torch.rand(400, generator=stream).square() * 10).long()
    codes = centres(prior, labels).unsqueeze(0)
    found = figure4.references(codes, labels, prior, [Seed(0, 0)])["own_part_chance_percent"]
    orders = [torch.randperm(400, generator=stream) for _ in range(400)]
    permuted = [figure4.own_part_percent(codes, labels[order], prior) for order in orders]
    assert found.item() == pytest.approx(torch.cat(permuted).mean().item(), abs=0.5)
    assert found.item() > 12


@pytest.mark.parametrize("prior", PRIORS)
def test_the_ceiling_is_the_share_of_prior_samples(prior: ClassPrior) -> None:
    codes = torch.zeros(2, len(LABELS), 2)
    ceiling = figure4.references(codes, LABELS, prior, [Seed(0, 0), Seed(1, 1)])
    assert (ceiling["own_part_ceiling_percent"] > 95).all()


def test_the_shares_of_the_classes_make_up_the_whole() -> None:
    prior = GaussianMixture()
    classes = torch.where(LABELS < 3, 9, LABELS).unsqueeze(0)
    shares = figure4.each_class(centres(prior, classes), LABELS, prior)
    values = [shares[f"class_{k}_own_part_percent"].tolist() for k in range(10)]
    assert values == [[0]] * 3 + [[100]] * 7


def test_a_class_that_the_test_set_lacks_has_no_share() -> None:
    """Its mean would be no number, which no record can hold."""
    prior, labels = GaussianMixture(), LABELS[LABELS != 3]
    shares = figure4.each_class(centres(prior, labels).unsqueeze(0), labels, prior)
    assert [*shares] == [f"class_{k}_own_part_percent" for k in range(10) if k != 3]
    assert all(share.tolist() == [100] for share in shares.values())


def test_a_component_is_decoded_outwards_from_left_to_right() -> None:
    prior = GaussianMixture()
    codes = figure4.petal(prior, 0).view(figure4.STEPS, figure4.STEPS, 2)
    assert (codes[:, 1:, 0] > codes[:, :-1, 0]).all(), "along the petal"
    assert (codes[1:, :, 1] < codes[:-1, :, 1]).all(), "across it"
    np.testing.assert_allclose(codes.mean((0, 1)), [prior.radius, 0], atol=1e-5)


def test_outlines_are_those_of_the_priors() -> None:
    """95 % of a component lie inside its line, where its density is constant; the roll is its."""
    for k, line in enumerate(prior_outlines(StylePrior(kind="mixture"))):
        points = torch.tensor(np.stack(line, -1))
        density = GaussianMixture().component_log_densities(points)[:, k]
        peak = GaussianMixture().component_log_densities(centres(PRIORS[0], torch.tensor([k])))
        np.testing.assert_allclose(peak[0, k] - density, -np.log(0.05), rtol=1e-4)
    for k, line in enumerate(prior_outlines(StylePrior(kind="swiss_roll"))):
        position = torch.linspace(k / 10, (k + 1) / 10, 50)
        np.testing.assert_allclose(np.stack(line, -1), SwissRoll().place(position), atol=1e-5)


def test_a_prior_without_an_outline_is_not_drawn_as_another() -> None:
    with pytest.raises(AssertionError, match="ring"):
        prior_outlines(StylePrior.model_construct(kind="ring"))  # type: ignore[arg-type]


def run_of(variant: str = "mixture", **changes: object) -> Run:
    settings = experiments().settings_of("smoke", ITEM, variant).model_copy(update=changes)
    return Run(settings, load(settings), [Seed(0, 0)])


@pytest.fixture(scope="module", params=["mixture", "swiss_roll"])
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """The smoke variant, stopped half-way."""
    torch.set_num_threads(1)
    return figure4.train(run_of(request.param, epochs=20, evaluate_every=20))


def test_training_puts_each_class_in_its_own_part(outcome: Outcome) -> None:
    metrics = {name: value.item() for name, value in outcome.metrics.items()}
    assert metrics["test_own_part_percent"] > 50
    assert abs(metrics["own_part_chance_percent"] - 10) < 1
    assert metrics["prior_distance"] > metrics["prior_sampling_noise"]


def test_permuted_labels_are_at_chance(outcome: Outcome) -> None:
    prior = GaussianMixture() if "components" in outcome.arrays else SwissRoll()
    codes, labels = outcome.arrays["codes"], outcome.arrays["labels"][0]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    share = figure4.own_part_percent(codes, labels[order], prior).item()
    deviation = 100 * (0.1 * 0.9 / len(labels)) ** 0.5
    assert abs(share - outcome.metrics["own_part_chance_percent"].item()) < 4 * deviation


def test_what_is_drawn_is_small_and_has_its_shape(outcome: Outcome) -> None:
    side = 8 + 2  # an image and its frame
    if "components" in outcome.arrays:
        rows, columns = figure4.STEPS * side, figure4.STEPS * side
        assert outcome.arrays["components"].shape == (1, 3, rows, columns)
    else:
        rows, columns = figure4.ROWS * side, figure4.COLUMNS * side
        assert outcome.arrays["walk"].shape == (1, rows, columns)
    pictures = [a for name, a in outcome.arrays.items() if name in ("components", "walk")]
    assert [p.dtype for p in pictures] == [torch.uint8]
    assert outcome.arrays["codes"].shape == (1, 397, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_dim": 9}, "label_dim is 9, digits has 10 classes"),
        ({"style_prior": StylePrior(), "label_at": "encoder"}, "the gaussian prior has no parts"),
    ],
)
def test_a_prior_without_a_part_for_each_class(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        figure4.train(run_of(**changes))


def test_images_in_colour_and_a_label_for_the_decoder_are_refused() -> None:
    with pytest.raises(UserError, match="data: street_digits has 3 channels; choose grey data"):
        figure4.train(run_of(data="street_digits"))
    with pytest.raises(UserError, match="label_dim: 10 gives its decoder a label, too; set"):
        figure4.train(run_of(label_at="encoder"))


def test_the_shares_of_the_classes_are_of_the_same_draws_as_that_of_all() -> None:
    outcome = figure4.train(run_of(posterior="gaussian", epochs=1))
    labels = outcome.arrays["labels"][0]
    of_class = [outcome.metrics[f"class_{k}_own_part_percent"].item() for k in range(10)]
    whole = sum(float(x) * int(n) for x, n in zip(of_class, labels.bincount(), strict=True))
    assert outcome.metrics["test_own_part_percent"].item() == pytest.approx(whole / len(labels))


def test_more_labels_than_images() -> None:
    with pytest.raises(UserError, match="2000 labels need 200 images of class 0"):
        figure4.train(run_of(labels=2000))


def test_labels_in_the_discriminator_need_labels() -> None:
    settings = experiments().settings_of("smoke", ITEM, "mixture").model_dump()
    with pytest.raises(ValueError, match="label_at: discriminator needs labels"):
        make_settings(**{**settings, "labels": 0})


def test_the_figure_is_drawn_without_records(tmp_path: Path) -> None:
    figure4.draw_figure(Drawing("quick", ITEM, tmp_path / "results", tmp_path / "figures"))
    assert (tmp_path / "figures" / "quick" / f"{ITEM}.png").stat().st_size > 0


def test_the_panel_of_data_without_a_class_names_another_as_the_least(tmp_path: Path) -> None:
    own = records.path_of("quick", ITEM, "mixture", ROOT / "results")
    record, arrays = records.read(own), read_arrays(own)
    for seed in record.seeds:
        del seed.metrics["class_3_own_part_percent"]
        others = {f"class_{k}_own_part_percent": 90.0 + k for k in range(10) if k != 3}
        seed.metrics.update(others)
    records.write(record, arrays, records.path_of("quick", ITEM, "mixture", tmp_path))
    axes = new_figure(5, 5).subplots()
    figure4.scatter(axes, Drawing("quick", ITEM, tmp_path), "mixture", "(a)")
    assert "least, of digit 0: 90 %" in axes.get_xlabel()


def test_the_notes_below_the_panels_are_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(drawing: Drawing, figure: Figure) -> None:
        figure.draw_without_rendering()
        for axes in figure.axes[::2]:
            shown = axes.xaxis.label.get_window_extent()
            assert "of two prior samples" in axes.get_xlabel()
            assert figure.bbox.x0 <= shown.x0
            assert shown.x1 < figure.axes[1].get_window_extent().x0

    monkeypatch.setattr(Drawing, "save", check)
    figure4.draw_figure(Drawing("quick", ITEM, ROOT / "results", tmp_path))
