"""Penalties by their weight: what is reported of them, and that held-out images alone choose."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from replication import ablations_penalties as ablations
from replication.base.errors import UserError
from replication.data.loaders import load
from replication.evidence import records
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments
from replication.settings.losses import Penalty
from replication.settings.schema import Seed
from replication.training.run import Run
from tests.tools.builders import make_record, make_seed
from tests.tools.tables import shown_rows

ITEM = "ablations_penalties"


def run_of(**changes: Any) -> Run:
    settings = experiments().settings_of("smoke", ITEM, "none").model_copy(update=changes)
    return Run(settings, load(settings), [Seed(0, 0), Seed(1, 1)])


@pytest.mark.parametrize("kind", ["code_l1", "code_kl", "contractive", "weights_l1", "weights_l2"])
def test_the_loss_is_the_error_and_the_penalty_beside_it(kind: Any) -> None:
    """In the first update, where the networks are the same with a penalty and without."""
    batches = {"epochs": 1, "batch_size": 1000, "code_activation": "sigmoid"}
    penalty = Penalty(kind=kind, weight=0.01)
    plain, own = run_of(**batches), run_of(**batches, penalty=penalty)
    powers = {"weights_l1": 1, "weights_l2": 2}
    weights = own.stack.weights("encoder", "decoder")
    expected = sum(w.abs().pow(powers.get(kind, 1)).flatten(1).sum(1) for w in weights)
    bare, found = ([h[-1] for h in run.fit(dict).histories] for run in (plain, own))
    for seed, (without, row) in enumerate(zip(bare, found, strict=True)):
        error = row["reconstruction"] - row["penalty"]
        assert error == pytest.approx(without["reconstruction"], rel=1e-4)
        assert row["penalty"] > 0
        if kind in powers:
            assert row["penalty"] == pytest.approx(0.01 * expected[seed].item(), rel=1e-4)


def test_the_share_is_that_of_the_last_epoch() -> None:
    rows = [{"reconstruction": 9.0, "penalty": 9.0}, {"reconstruction": 4.0, "penalty": 1.0}]
    *found, at_once = ablations.shares(
        [rows, [{"reconstruction": 2.0}], [{"negative_elbo": 2.0}], []]
    )
    assert [share.item() for share in found] == [25.0, 0.0, 0.0]
    assert at_once.isnan(), "a seed that diverged at once has none"


def test_a_decoder_that_is_given_labels_is_refused() -> None:
    run = run_of(label_at="decoder", label_dim=10, labels="all")
    with pytest.raises(UserError, match="decodes styles alone, and label_dim: 10"):
        ablations.train(run)


def test_test_images_are_not_looked_at() -> None:
    outcomes = []
    for black in (False, True):
        run = run_of(epochs=2, validation_images=100)
        if black:
            blank = replace(run.dataset.test, images=torch.zeros_like(run.dataset.test.images))
            run.dataset = replace(run.dataset, test=blank)
        outcomes.append(ablations.train(run).metrics)
    for name, values in outcomes[0].items():
        assert torch.equal(values, outcomes[1][name])
        assert values.isfinite().all()


def test_a_weight_is_drawn_on_the_networks_that_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"none": (0.0, 90.0), "contractive_10": (5.0, 91.0), "contractive_1": (1.0, 90.5)}
    told |= {"none_relu": (0.0, 80.0), "code_l1_1": (20.0, 85.0)}
    for variant, (share, read) in told.items():
        settings = experiments().settings_of("quick", ITEM, variant)
        metrics = dict.fromkeys(ablations.COLUMNS, read)
        metrics |= {ablations.SHARE: share, ablations.ERROR: 0.016}
        names = {"preset": "quick", "item": ITEM, "variant": variant}
        record = make_record(settings=settings, seeds=[make_seed(metrics=metrics)], **names)
        records.write(record, {}, records.path_of("quick", ITEM, variant, tmp_path))
    drawing = Drawing("quick", ITEM, tmp_path, tmp_path / "figures")
    ablations.draw_table(drawing)
    rows = shown_rows(drawing.stem)
    assert rows["contractive, weight 0.1"]["linear probe, %"] == "91.00"
    assert rows["contractive, weight 0.1"]["error per pixel x 1000"] == "16.00"
    assert rows["squared network weights, weight 0.01"]["linear probe, %"] == "not run"
    drawn: list[Any] = []
    monkeypatch.setattr(Drawing, "save", lambda self, figure: drawn.append(figure))
    ablations.draw_figure(drawing)
    shares, probes = drawn[0].axes[:3], drawn[0].axes[3:6]
    assert [list(line.get_ydata()) for line in shares[0].lines] == [[1.0, 5.0]]
    lines = [[line.get_ydata() for line in axes.lines] for axes in probes]
    assert list(probes[0].lines[0].get_xdata()) == pytest.approx([1, 10])
    assert [list(y) for y in lines[0]] == [[90.5, 91.0], [90.0, 90.0]]
    assert [list(y) for y in lines[1]] == [[85.0], [80.0, 80.0]]
    assert lines[2] == []
