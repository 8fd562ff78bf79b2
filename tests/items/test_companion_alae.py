"""The companion ALAE: its classifiers of codes, what is evaluated, and its table and figure."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from replication import cli
from replication import companion_alae as companion
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.published import published
from replication.measures import attacks, codes
from replication.measures.probes import PROBED
from replication.pages.drawing import Drawing
from replication.pages.style import new_figure
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.run import Outcome, Run
from tests.tools.tables import shown_rows

ITEM = "companion_alae"
VARIANTS = list(experiments().items[ITEM].variants)


def clusters(count: int, spread: float, seed: int) -> tuple[Tensor, Tensor]:
    """``count`` points around each of four corners, and the corner of each."""
    stream = torch.Generator().manual_seed(seed)
    labels = torch.arange(4).repeat(count)
    return 5 * torch.eye(4)[labels] + spread * torch.randn(len(labels), 4, generator=stream), labels


# Classifiers


def test_the_nearest_neighbour_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "BLOCK", 33)
    train, labels = clusters(100, 4.0, 0)
    test, _ = clusters(50, 4.0, 1)
    theirs = KNeighborsClassifier(1).fit(train.numpy(), labels.numpy()).predict(test.numpy())
    assert codes.nearest_neighbour(train, labels, test).tolist() == theirs.tolist()


def test_a_training_code_is_its_own_nearest_neighbour() -> None:
    train, _ = clusters(60, 4.0, 0)
    own = torch.arange(len(train))
    assert torch.equal(codes.nearest_neighbour(train, own, train), own)


def test_codes_of_apart_classes_are_all_told_and_of_none_are_not() -> None:
    train, labels = clusters(100, 0.1, 0)
    test, expected = clusters(50, 0.1, 1)
    apart = codes.accuracies(train, labels, test, expected, 0)
    assert apart == {"nearest_neighbour": 100, "linear": 100}
    nothing = codes.accuracies(torch.randn(400, 4), labels, torch.randn(200, 4), expected, 0)
    assert all(10 < value < 42 for value in nothing.values())


def test_the_linear_classifier_has_the_published_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = clusters(100, 3.0, 0)
    from sklearn.svm import LinearSVC

    pair = (train.numpy(), labels.numpy())
    theirs = LinearSVC(C=0.02, max_iter=5000, random_state=0).fit(*pair).predict(pair[0])
    assert np.array_equal(codes.linear_classifier(*pair, pair[0]), theirs)
    seen: list[int] = []
    monkeypatch.setattr(
        codes, "linear_classifier", lambda x, y, test: seen.append(len(x)) or np.zeros(len(test))
    )
    for classified in (0, 30):
        codes.accuracies(train, labels, train, labels, classified)
    assert seen == [400, 30]


def test_principal_components_of_pixels_tell_less_than_all_of_them() -> None:
    data = load(experiments().settings_of("smoke", ITEM, companion.FLOORS))
    found = codes.pixel_accuracies(data, 2, 0)
    assert found["short_nearest_neighbour_percent"] < 75
    assert found["long_nearest_neighbour_percent"] > 95


# Training


def outcome(seeds: int = 1, **changes: object) -> tuple[Run, Outcome]:
    settings = experiments().settings_of("smoke", ITEM, "alae")
    settings = settings.model_copy(update={"epochs": 1, **changes})
    numbers = [Seed(s, s) for s in range(seeds)]
    run = Run(settings, load(settings), numbers)
    return run, companion.train(run)


@pytest.fixture(scope="module")
def trained() -> tuple[Run, Outcome]:
    """Two seeds, one epoch."""
    return outcome(seeds=2)


def test_the_averaged_copy_is_what_is_evaluated() -> None:
    averaged, with_it = outcome(weight_average_updates=113)
    last, without = outcome(weight_average_updates=0)
    rows = [o.fitted.histories[0][0] for o in (with_it, without)]
    for loss in ("discriminator", "generator", "latent_reconstruction"):
        assert rows[0][loss] == rows[1][loss], "training does not see the average"
    error = "test_reconstruction_per_pixel"
    assert with_it.metrics[error].item() == rows[0][error]
    assert rows[0][error] != rows[1][error]
    found = codes.code_accuracies(averaged.stack, averaged.dataset, 0, [True])
    assert all(torch.equal(found[name], with_it.metrics[name]) for name in found)
    weight = "encoder.last.weight"
    assert not torch.equal(averaged.stack.state_dict()[weight], last.stack.state_dict()[weight])


def test_every_variant_averages_as_the_main_branch_does_except_that_of_mnist() -> None:
    for variant in VARIANTS:
        settings = experiments().settings_of("paper", ITEM, variant)
        assert settings.alae is not None
        if variant == "alae_mnist_ref":
            assert (settings.weight_average_updates, settings.signed_pixels) == (0, False)
            assert settings.alae.generator_slope == 0.01
            continue
        assert settings.weight_average_updates == pytest.approx(
            1 / (1 - 0.5 ** (128 / 10_000)), rel=0.01
        )
        assert settings.alae.generator_slope == 0.2


def test_the_judged_numbers_are_of_the_mnist_branch() -> None:
    targets = published().items[ITEM].targets
    own = {t.variant for name, t in targets.items() if name.startswith("alae_")}
    assert own == {"alae_mnist_ref"}


def test_a_diverged_seed_has_no_accuracies(trained: tuple[Run, Outcome]) -> None:
    run, _ = trained
    found = codes.code_accuracies(run.stack, run.dataset, 0, [False, True])
    assert len(found) == len(companion.COLUMNS)
    for values in found.values():
        assert values[0].isnan()
        assert 10 < values[1] <= 100


def test_the_long_codes_are_the_features_before_the_last_layer(
    trained: tuple[Run, Outcome],
) -> None:
    run, _ = trained
    found = codes.codes(run.stack, run.dataset, run.dataset.test.images)
    assert found["long"].shape == (2, 397, run.settings.hidden_sizes[-1])
    assert found["short"].shape == (2, 397, run.settings.style_dim)
    last = torch.nn.functional.leaky_relu(
        run.stack.model(1).get_submodule("encoder.last")(found["long"][1]), 0.2
    )
    torch.testing.assert_close(last, found["short"][1], rtol=1e-4, atol=1e-5)


# Drawing


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alae")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for variant in ("ae_l2", companion.FLOORS):
            arguments = ["train", "--variant", variant, "--seeds", "0,1"]
            cli.run(ITEM, [*arguments, "--results", str(folder)])
    return folder


def test_table_and_figure_show_what_was_run_and_what_not(stored: Path, tmp_path: Path) -> None:
    drawing = Drawing("smoke", ITEM, stored, tmp_path)
    companion.draw_table(drawing)
    companion.draw_figure(drawing)
    rows = shown_rows(drawing.stem)
    columns = list(companion.COLUMNS.values())
    assert all("(n=2)" in rows["AE, squared error (ours)"][c] for c in columns)
    assert all("±" not in rows["pixels; short: principal components"][c] for c in columns)
    assert all(rows["ALAE (ours)"][c] == "not run" for c in columns)
    told = ["93.79 [m]", "93.47 [m]", "97.61 [m]", "98.20 [m]"]
    assert [rows["ALAE (published)"][c] for c in columns] == told
    assert all(float(rows["BiGAN (published)"][c].split()[0]) > 90 for c in columns)
    assert drawing.stem.with_suffix(".png").stat().st_size > 0
    for name in ("AE, squared error", "pixels, no encoder"):
        shares = [float(rows[name][c].split()[0]) for c in companion.ATTACKS.values()]
        assert shares[0] > 70, "8 x 8 digits are easy"
        assert shares[0] >= shares[1] >= shares[2], "PGD is FGSM with more steps"
    assert rows["ALAE"]["after PGD"] == "not run"


def test_a_panel_has_samples_where_there_are_any(trained: tuple[Run, Outcome]) -> None:
    arrays = {name: a[0].numpy() for name, a in trained[1].arrays.items()}
    assert arrays["sampled"].shape == (2 * companion.SAMPLED, 1, 8, 8)
    axes = new_figure(4, 1).subplots()
    companion.panel(axes, arrays)
    drawn = axes.images[0].get_array()
    right = drawn[:, -companion.SAMPLED * 9 :].reshape(2, 9, companion.SAMPLED, 9)
    samples = arrays["sampled"].reshape(2, companion.SAMPLED, 8, 8)
    assert np.array_equal(right[:, :8, :, :8].transpose(0, 2, 1, 3), samples)
    del arrays["sampled"]
    companion.panel(axes, arrays)
    assert (axes.images[1].get_array()[:, -companion.SAMPLED * 9 :] == 255).all()


def test_a_record_of_floors_has_no_history(stored: Path) -> None:
    record = records.read(records.path_of("smoke", ITEM, companion.FLOORS, stored))
    assert [seed.history for seed in record.seeds] == [[], []]
    assert record.stable


def test_the_note_on_attacks_has_the_numbers_of_the_attacks(tmp_path: Path) -> None:
    """Typed again in the note: what draws imports no measure, for torch would take seconds."""
    (note,) = companion.attacks(Drawing("quick", companion.ITEM, tmp_path)).notes
    assert f"fitted on {PROBED:,} training images; the first {attacks.ATTACKED:,} test" in note
    assert f"moved by at most {attacks.RADIUS} of its range" in note


def test_nothing_stored_is_said_to_be_not_run(tmp_path: Path) -> None:
    drawing = Drawing("quick", ITEM, tmp_path, tmp_path / "figures")
    companion.draw_table(drawing)
    companion.draw_figure(drawing)
    text = drawing.stem.with_suffix(".md").read_text(encoding="utf-8")
    # Six variants, untrained encoders and pixels, in two tables; the verdicts of three.
    verdicts = len(companion.COLUMNS) * 3
    columns = len(companion.COLUMNS) + len(companion.ATTACKS)
    assert text.count("not run") == columns * (6 + 2) + verdicts
    assert "the published ALAE was trained for 400" in text


def test_fewer_images_for_the_linear_classifier_are_told(tmp_path: Path) -> None:
    *_, told = companion.notes(Drawing("quick", ITEM, tmp_path))
    rows = ", ".join((companion.MAIN_BRANCH | companion.TUTORIAL).values())
    assert told == f"The SVM is fitted on all training images, on 20,000 of them for: {rows}."
    assert not any("SVM" in note for note in companion.notes(Drawing("smoke", ITEM, tmp_path)))
