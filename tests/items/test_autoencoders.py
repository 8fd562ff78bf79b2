"""Plain autoencoders: penalties, spoilt inputs, layer-wise training, the worth of their codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import entropy
from torch import nn

from replication import cli
from replication import companion_autoencoders as companion
from replication.base.streams import Streams
from replication.data.loaders import load
from replication.evidence import records
from replication.measures import fine_tuning
from replication.measures.code_plane import pictures
from replication.measures.representation import component_error, sampling_priors
from replication.models.build import build
from replication.models.priors import FittedGaussian, Gaussian
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.fit import Fitted
from replication.training.inputs import EncoderInput
from replication.training.layerwise import Layerwise
from replication.training.penalties import activity_divergence, with_squared_jacobian
from replication.training.run import Run
from replication.training.schedule import in_order
from tests.tools.builders import make_joint_settings, make_record, make_seed, make_settings
from tests.tools.tables import shown_rows

ITEM = companion.ITEM
CPU = torch.device("cpu")


def run_of(variant: str, **changes: Any) -> Run:
    settings = experiments().settings_of("smoke", ITEM, variant).model_copy(update=changes)
    return Run(settings, load(settings), [Seed(0, 0)])


def test_the_divergence_of_activities_is_that_of_coins() -> None:
    codes = torch.tensor([[0.1, 0.5, 0.02], [0.3, 0.7, 0.08]])
    expected = sum(entropy([0.05, 0.95], [m, 1 - m]) for m in (0.2, 0.6, 0.05))
    assert activity_divergence(codes, 0.05).item() == pytest.approx(expected, rel=1e-5)
    assert activity_divergence(torch.zeros(4, 3), 0.05).isfinite(), "units that are never active"


def test_the_jacobian_is_right_on_average() -> None:
    stream = torch.Generator().manual_seed(0)
    layers = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    images = torch.randn(4, 6, generator=stream)

    class Model:
        def encoder(self, inputs: torch.Tensor, epsilon: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"style": layers(inputs)}

    rows = [torch.autograd.functional.jacobian(layers, image) for image in images]
    expected = torch.stack([row.square().sum() for row in rows]).mean().item()
    many = images.repeat(5000, 1)
    directions = torch.randn(len(many), 3, generator=stream)
    codes, found = with_squared_jacobian(Model(), many, many[:, :0], directions)
    assert found.item() == pytest.approx(expected, rel=0.05)
    assert torch.equal(codes["style"], layers(many))
    # The codes are those that the error is of: the encoder learns from them, too.
    weight = layers[0].weight
    own, same = (torch.autograd.grad(c.sum(), weight)[0] for c in (codes["style"], layers(many)))
    assert torch.equal(own, same)


@pytest.mark.parametrize(
    ("variant", "weight"),
    [("sparse_l1", 0.1), ("sparse_kl", 0.1), ("contractive", 0.01), ("weights_l1", 0.00001)],
)
def test_a_larger_weight_makes_the_penalty_less(variant: str, weight: float) -> None:
    """What each penalty measures, after a few epochs with a weight and with a hundred times it."""
    found = []
    for factor in (1, 100):
        penalty = experiments().settings_of("smoke", ITEM, variant).penalty
        assert penalty is not None
        heavy = penalty.model_copy(update={"weight": factor * weight})
        run = run_of(variant, penalty=heavy, epochs=3)
        run.fit(dict)
        images = run.dataset.scaling.to_network(run.dataset.train.images)
        with torch.no_grad():
            codes = run.stack.template.encoder(images)["style"]
            found.append(
                {
                    "sparse_l1": codes.abs().sum(-1).mean(),
                    "sparse_kl": activity_divergence(codes, penalty.activity),
                    "contractive": codes.var(0).sum(),
                    "weights_l1": sum(
                        w.abs().sum() for w in run.stack.weights("encoder", "decoder")
                    ),
                }[variant]
            )
    assert found[1] < 0.7 * found[0]


def test_inputs_are_spoilt_as_often_as_asked_and_in_no_other_way() -> None:
    images = torch.full((1, 200, 64), 0.5)
    for changes, values in (
        ({"input_masking": 0.25}, {0.0: 0.25, 0.5: 0.75}),
        ({"input_salt_and_pepper": 0.3}, {0.0: 0.15, 1.0: 0.15, 0.5: 0.7}),
    ):
        settings = make_settings(input_noise_std=0.0, **changes)
        spoilt, _ = EncoderInput(Streams([0], CPU), settings, 0)(images)
        assert set(spoilt.unique().tolist()) == set(values)
        for value, share in values.items():
            assert (spoilt == value).double().mean().item() == pytest.approx(share, abs=0.02)


def test_each_layer_is_trained_alone_and_then_the_whole() -> None:
    run = run_of("stacked_denoising", layerwise_epochs=1, epochs=4)
    layerwise = in_order(run.stack, run.settings, run.streams, run.dataset)[0]
    assert isinstance(layerwise, Layerwise)
    assert layerwise.pairs == [
        ("encoder.trunk.0", "decoder.output"),
        ("encoder.trunk.2", "decoder.trunk.2"),
        ("encoder.heads.style", "decoder.trunk.0"),
    ]
    batch = next(iter(run.batches().epoch()))
    for epoch in range(4):
        for descent in layerwise.descents:
            descent.start_epoch(epoch)
        before = {k: v.clone() for k, v in run.stack.state_dict().items()}
        losses = layerwise(batch)
        moved = {
            k.rpartition(".")[0]
            for k, v in run.stack.state_dict().items()
            if (v != before[k]).any()
        }
        whole = {part for pair in layerwise.pairs for part in pair}
        assert moved == (whole if epoch == 3 else set(layerwise.pairs[epoch]))
        assert list(losses) == ["reconstruction" if epoch == 3 else "layer"]


def test_a_layers_target_is_what_the_layers_below_make_of_the_clean_image() -> None:
    run = run_of("stacked_denoising")
    layerwise = in_order(run.stack, run.settings, run.streams, run.dataset)[0]
    assert isinstance(layerwise, Layerwise)
    images = torch.rand(7, 64)
    encoder = run.stack.template.encoder
    with torch.no_grad():
        expected = encoder.trunk[:2](images)
        torch.testing.assert_close(layerwise._below(run.stack.template, images, 1), expected)
        torch.testing.assert_close(layerwise._below(run.stack.template, images, 0), images)


def test_the_fitted_gaussian_has_the_codes_moments() -> None:
    stream = torch.Generator().manual_seed(1)
    mixing = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, 0.0]])
    codes = torch.randn(5000, 3, generator=stream) @ mixing.T + torch.tensor([1.0, -2.0, 3.0])
    drawn = FittedGaussian(codes).sample(50_000, stream)
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), codes.T.cov(), atol=0.08, rtol=0)
    assert (drawn[:, 2] == 3).all(), "a unit without spread keeps its value"


def test_a_gaussian_is_fitted_to_codes_of_one_number() -> None:
    codes = torch.tensor([[1.0], [3.0], [5.0]])
    fitted = FittedGaussian(codes)
    assert fitted.root.abs().tolist() == [[2.0]], "the standard deviation of 1, 3 and 5"
    drawn = fitted.sample(20_000, torch.Generator().manual_seed(0))
    assert drawn.shape == (20_000, 1)
    assert drawn.mean().item() == pytest.approx(3, abs=0.05)
    assert drawn.std().item() == pytest.approx(2, abs=0.05)


def test_codes_that_no_adversary_saw_have_no_prior_to_draw_from() -> None:
    """Of a joint loss, too, which has no phases: with and without its adversary of the style."""
    codes, seeds = torch.randn(1, 50, 2), [make_seed(0, metrics={"prior_distance": 1.0})]
    for changes, kind in (({}, Gaussian), ({"style_adversary": None}, FittedGaussian)):
        settings = make_joint_settings(joint={"weights": changes})
        run = Run(settings, load(settings), [Seed(0, 0)])
        assert [type(p) for p in sampling_priors(run, codes, [False])] == [kind]
        record = make_record(item=ITEM, settings=settings, seeds=seeds)
        shown = str(companion.measure(record, "prior_distance"))
        assert shown == ("1.000" if kind is Gaussian else "")


def test_the_fine_tuned_error_is_the_same_however_images_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With batch-norm, that is, in evaluation mode alone."""
    run = run_of("stacked_denoising", batch_norm="encoder", fine_tuning_epochs=5)
    errors = []
    for chunk in (2000, 7):
        monkeypatch.setattr(fine_tuning, "CHUNK", chunk)
        encoder = build(run.settings, run.dataset.pixels, 0).get_submodule("encoder")
        errors.append(fine_tuning.fine_tuned_error(run, encoder, 0))
    assert errors[0] == errors[1] < 50


def test_the_plane_is_decoded_in_evaluation_mode() -> None:
    """With batch-norm one code gives one image, whatever it is decoded with."""
    run = run_of("aae_2d", batch_norm="all", epochs=1)
    run.fit(dict)
    arrays = pictures(run)
    with run.stack.evaluating(), torch.no_grad():
        images = run.stack.template.decoder(arrays["grid"][0])
    assert torch.equal(arrays["plane"][0], run.dataset.scaling.to_bytes(images))


def test_all_components_leave_no_error_and_none_the_warned() -> None:
    data = load(experiments().settings_of("smoke", ITEM, "undercomplete"))
    assert component_error(data, 64) == pytest.approx(0, abs=1e-6)
    errors = [component_error(data, size) for size in (1, 2, 8)]
    assert errors == sorted(errors, reverse=True)


def test_a_seed_that_diverged_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = experiments().settings_of("smoke", ITEM, "stacked_denoising")
    settings = settings.model_copy(update={"layerwise_epochs": 0, "epochs": 1, "evaluate_every": 1})
    run = Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)])
    train_both = run.fit

    def one_diverges(evaluate: Callable[[], dict[str, torch.Tensor]]) -> Fitted:
        fitted = train_both(evaluate)
        for parameter in run.stack.parameters():
            parameter.data[1] = float("nan")
        return Fitted(fitted.histories, [False, True])

    monkeypatch.setattr(run, "fit", one_diverges)
    outcome = companion.train(run)
    for name in ("fid", "log_likelihood_10000", "linear_probe_percent", "fine_tuned_error_percent"):
        healthy, diverged = outcome.metrics[name].isfinite().tolist()
        assert healthy, name
        assert not diverged, name


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("family")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for variant in ("undercomplete", "stacked_denoising"):
            arguments = ["train", "--variant", variant, "--seeds", "0,1"]
            cli.run(ITEM, [*arguments, "--results", str(folder)])
    return folder


def test_measures_are_between_their_bounds(stored: Path) -> None:
    record = records.read(records.path_of("smoke", ITEM, "stacked_denoising", stored))
    for seed in record.seeds:
        own = seed.metrics
        assert own["test_reconstruction_per_pixel"] < 0.6 * own["mean_image_per_pixel"]
        assert own["nearest_neighbour_percent"] > 80
        assert own["fine_tuned_error_percent"] < 25
        assert 0 < own["fid_sampling_noise"] < own["fid"]
        assert 1 < own["inception_score"] < 10
        pixels = 64 * own["test_reconstruction_per_pixel"]
        assert own["squared_error_per_image"] == pytest.approx(pixels, rel=1e-5)
        stages = {row["epoch"]: set(row) for row in seed.history}
        assert "layer" in stages[1]
        assert "reconstruction" in stages[record.settings.epochs]


def test_the_mismatch_is_in_units_of_the_prior() -> None:
    """0.353 under a prior of 5 is better matched than 0.101 under one of 1."""

    def shown(variant: str, distance: float) -> str:
        settings = experiments().settings_of("quick", ITEM, variant)
        seeds = [make_seed(k, metrics={"prior_distance": distance}) for k in range(2)]
        record = make_record(item=ITEM, variant=variant, settings=settings, seeds=seeds)
        return str(companion.measure(record, "prior_distance"))

    assert shown("aae", 0.353) == "0.071"
    assert shown("vae_8d", 0.101) == "0.101"
    assert shown("plain_8d", 0.06) == "", "it has no prior to match"


def test_table_and_figure_show_what_was_run_and_what_not(stored: Path, tmp_path: Path) -> None:
    drawing = Drawing("smoke", ITEM, stored, tmp_path)
    companion.draw_table(drawing)
    companion.draw_figure(drawing)
    rows = shown_rows(drawing.stem)
    assert "±" in rows["undercomplete, 2-D"]["FID"]
    assert rows["undercomplete, 2-D"]["fine-tuned error, %"] == ""
    assert rows["contractive, 8-D"]["error per pixel x 1000"] == "not run"
    assert float(rows["real images"]["IS"].split()[0]) > 1
    assert "layer by layer" in drawing.stem.with_suffix(".md").read_text(encoding="utf-8")
    assert drawing.stem.with_suffix(".png").stat().st_size > 0


def test_rows_that_another_classifier_read_are_named(tmp_path: Path) -> None:
    """Trained on another machine it rounds otherwise: FID is not quite the same measure then."""
    for variant, error in (("undercomplete", 1.82), ("aae_2d", 1.82), ("contractive", 2.22)):
        settings = experiments().settings_of("quick", ITEM, variant)
        seeds = [make_seed(metrics={"reader_error_percent": error})]
        names = {"preset": "quick", "item": ITEM, "variant": variant}
        record = make_record(settings=settings, seeds=seeds, **names)
        records.write(record, {}, records.path_of("quick", ITEM, variant, tmp_path))
        drawing = Drawing("quick", ITEM, tmp_path, tmp_path / "figures")
        notes = companion.readers(drawing)
        assert len(notes) == (variant == "contractive")
    assert "1.82 % of the test images, that of “contractive, 8-D”" in notes[0]
    assert "2.22 %" in notes[0]
