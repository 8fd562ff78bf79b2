"""Items of ours: what they store, what their tables tell, and how minutes are counted."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch

from replication import ablations_ours, ours_clustering, ours_dimensionality_reduction
from replication import ours_semi_supervised as ours
from replication.data.loaders import load
from replication.evidence import records
from replication.evidence.records import Record
from replication.evidence.seeds import SeedResult
from replication.pages.drawing import Drawing
from replication.pages.minutes import along_minutes, core_minutes
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.training.fit import Kept, Monitor
from replication.training.run import Run
from tests.tools.builders import make_joint_settings, make_record, make_seed
from tests.tools.tables import shown_rows

SECONDS = 90.0


def seed_of(number: int, metrics: dict[str, float], **provenance: Any) -> SeedResult:
    """A seed of two evaluations, whose first errs twice as much."""
    rows: list[dict[str, Any]] = [
        {"epoch": epoch, "updates": 10 * epoch, **{k: v * (3 - epoch) for k, v in metrics.items()}}
        for epoch in (1, 2)
    ]
    seed = make_seed(number, metrics=metrics, history=rows)
    changed = {"seconds": SECONDS, **provenance}
    return seed.model_copy(update={"provenance": seed.provenance.model_copy(update=changed)})


def stored(item: str, variant: str, seeds: list[SeedResult], results: Path, **made: Any) -> None:
    settings = experiments().settings_of("quick", item, variant)
    settings = settings.model_copy(update={"seeds": [s.seed for s in seeds]})
    names = {"preset": "quick", "item": item, "variant": variant, "settings": settings}
    arrays = made.pop("arrays", {})
    path = records.path_of("quick", item, variant, results)
    records.write(make_record(seeds=seeds, **names), arrays, path)


def test_minutes_are_those_of_a_core_and_a_seed() -> None:
    """Two seeds of one stack share its time; two threads count twice."""
    alone = make_record(seeds=[seed_of(0, {"a": 1.0})])
    shared = make_record(seeds=[seed_of(0, {"a": 1.0}, stacked=2, threads=2)])
    assert core_minutes(alone).mean == core_minutes(shared).mean == pytest.approx(SECONDS / 60)
    half = make_record(seeds=[seed_of(0, {"a": 1.0}, stacked=2)])
    assert core_minutes(half).mean == pytest.approx(SECONDS / 120)


def test_minutes_are_the_processors_where_they_are_told() -> None:
    """What else the machine did is in the clock's time: a cell of these says so."""
    told = seed_of(0, {"a": 1.0}, core_seconds=30.0, threads=2)
    assert str(core_minutes(make_record(seeds=[told]))) == "0.5"
    mixed = core_minutes(make_record(seeds=[told, seed_of(1, {"a": 1.0})]))
    assert str(mixed) == "1.0 ± 0.7, by the clock"


def test_errors_lie_along_the_minutes_by_updates() -> None:
    record = make_record(seeds=[seed_of(0, {"a": 1.0}), seed_of(1, {"a": 3.0})])
    minutes, values = along_minutes(record, "a")
    assert minutes.tolist() == pytest.approx([SECONDS / 120, SECONDS / 60])
    assert values.tolist() == [[2.0, 1.0], [6.0, 3.0]]
    assert not len(along_minutes(record, "b")[0])


def test_the_table_tells_the_papers_numbers_ours_and_the_search(tmp_path: Path) -> None:
    errors = {"test_error_percent": 1.5, "validation_error_percent": 1.7}
    grid = torch.zeros(8, 10, 784, dtype=torch.uint8).numpy()
    seeds = [seed_of(n, errors) for n in range(2)]
    stored("ours_semi_supervised", "mnist_100", seeds, tmp_path, arrays={"grid": grid})
    stored("ours_semi_supervised", "tried_20_epochs", seeds[:1], tmp_path)
    drawing = Drawing("quick", "ours_semi_supervised", tmp_path, tmp_path / "figures")
    ours.draw_table(drawing)
    ours.draw_figure(drawing)
    rows = shown_rows(drawing.stem)
    own = rows["100: this recipe (ours)"]
    assert own["test error"] == "1.50 (n=2)"
    assert own["core-minutes"] == "1.5, by the clock"
    assert own["held-out error"] == "", "it trains on all images"
    assert rows["100: AAE (the paper's table)"]["test error"].startswith("1.90 ± 0.10")
    assert rows["all: this recipe (ours)"]["test error"] == "not run"
    tried = next(cells for name, cells in rows.items() if name.startswith("Tried"))
    assert tried["held-out error"].startswith("1.70")
    assert drawing.stem.with_suffix(".png").stat().st_size > 10_000


def cluster_seed(number: int, error: float, entropy: float, warps: float) -> SeedResult:
    names = [ours_clustering.ERROR, ours_clustering.BOUND, *ours_clustering.MEASURES]
    metrics = dict.fromkeys(names, error) | {"label_entropy": entropy, "warps": warps}
    return seed_of(number, metrics)


def test_the_figure_says_whose_clusters_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [cluster_seed(number, 9.0, 0.1, 0.9) for number in (12, 13)]
    heads = np.arange(16 * 64, dtype=np.uint8).reshape(16, 64)
    arrays = {"heads": heads, "members": np.zeros((16, 3, 64), np.uint8)}
    stored("ours_clustering", "clusters_16", seeds, tmp_path, arrays=arrays)
    drawn: list[Any] = []
    monkeypatch.setattr(Drawing, "save", lambda self, figure: drawn.append(figure))
    ours_clustering.draw_figure(Drawing("quick", "ours_clustering", tmp_path, tmp_path))
    told = drawn[0].axes[0].get_xlabel()
    assert told == "Our clusters, 16, with warps; seed 12, the first of 2"


def test_without_labels_the_seed_is_kept_that_agrees_best_of_the_decided(tmp_path: Path) -> None:
    seeds = [
        cluster_seed(0, 9.0, 0.1, 0.9),
        cluster_seed(1, 3.0, 0.2, 0.4),
        cluster_seed(2, 6.0, 0.5, 0.1),  # undecided
    ]
    stored("ours_clustering", "clusters_16", seeds, tmp_path)
    stored("ours_clustering", "clusters_30", seeds[2:], tmp_path)
    drawing = Drawing("quick", "ours_clustering", tmp_path, tmp_path / "figures")
    record = drawing.record("clusters_16")
    assert isinstance(record, Record)
    kept = ours_clustering.chosen(record)
    assert kept is not None
    assert kept.seed == 1
    ours_clustering.draw_table(drawing)
    rows = shown_rows(drawing.stem)
    warped = rows["Our clusters, 16, with warps"]
    assert warped["chosen without labels"] == "3.00"
    assert warped["worst seed"] == "9.00"
    assert warped["permutation-invariant"] == "no"
    assert warped["the paper's AAE, %"].startswith("9.55 ± 2.05")
    assert rows["Our clusters, 30, with warps"]["chosen without labels"] == "all are undecided"
    bare = record.settings.model_copy(update={"warps": None, "smoothness": None})
    cells = ours_clustering.cells(record.model_copy(update={"settings": bare}))
    assert cells[3] == "no cost to choose by"
    invariant = rows["Our clusters, 16, permutation-invariant"]
    assert invariant["permutation-invariant"] == "yes"
    assert invariant["error, %"] == "not run"


class Noting(Monitor):
    """Notes what is to be kept."""

    def keep(self, kept: Kept) -> None:
        self.kept = kept


def run_of(item: str, variant: str, **changes: Any) -> tuple[Run, Noting]:
    settings = experiments().settings_of("smoke", item, variant).model_copy(update=changes)
    monitor = Noting()
    return Run(settings, load(settings), [Seed(0, 0)], monitor=monitor), monitor


@pytest.mark.parametrize("variant", ["labels_100", "ten_dimensional", "unsupervised"])
def test_the_plane_keeps_the_error_of_its_first_stage(variant: str, workdir: Path) -> None:
    item = "ours_dimensionality_reduction"
    run, monitor = run_of(item, variant, epochs=3, evaluate_every=3)
    outcome = ours_dimensionality_reduction.train(run)
    clusters = run.settings.label_dim
    assert outcome.arrays["codes"].shape == (1, 397, 2)
    assert outcome.arrays["heads"].shape == (1, clusters, 2)
    last = outcome.fitted.histories[0][-1]
    assert outcome.metrics["test_error_percent"].item() == last["test_error_percent"]
    second = run.settings.second_stage
    assert second is not None
    distance = second.cluster_head_distance
    assert outcome.metrics["least_head_distance"].item() > 0.9 * distance
    for name, weight in run.stack.state_dict().items():
        assert torch.equal(monitor.kept.weights[name], weight)
    assert any(name.startswith("plane.") for name in monitor.kept.weights)


def test_ours_and_the_ablations_store_what_is_drawn(workdir: Path) -> None:
    run, _ = run_of("ours_semi_supervised", "mnist_100", epochs=2)
    outcome = ours.train(run)
    assert outcome.arrays["grid"].shape == (1, 8, 10, 64)
    assert outcome.metrics["smallest_class_percent"].item() > 0
    run, _ = run_of("ablations_ours", "classifier", epochs=2)
    assert not run.stack.parameters("decoder")
    assert "mean_image_per_pixel" not in ablations_ours.train(run).metrics


def test_the_ablations_table_is_drawn(tmp_path: Path) -> None:
    errors = {"test_error_percent": 2.0, "validation_error_percent": 1.9}
    stored("ablations_ours", "whole", [seed_of(n, errors) for n in range(3)], tmp_path)
    worse = {name: value + 1 for name, value in errors.items()}
    stored("ablations_ours", "no_smoothness", [seed_of(n, worse) for n in range(3)], tmp_path)
    drawing = Drawing("quick", "ablations_ours", tmp_path, tmp_path / "figures")
    ablations_ours.draw_table(drawing)
    ablations_ours.draw_figure(drawing)
    rows = shown_rows(drawing.stem)
    assert rows["without smoothness"]["difference (95 %)"].startswith("+1.00")
    assert rows["nothing left out"]["test error, %"] == "2.00 (n=3)"
    assert rows["without balance"]["test error, %"] == "not run"


def test_settings_of_ours_are_told_apart_from_the_papers() -> None:
    """No preset of the paper, and every recipe with warps says that it has them."""
    for item in ("ours_semi_supervised", "ours_clustering", "ours_dimensionality_reduction"):
        assert experiments().runnable(item, "paper") == []
        for name, variant in experiments().items[item].variants.items():
            settings = experiments().settings_of("quick", item, name)
            if settings.warps and item == "ours_clustering":
                assert "warps" in variant.place
    assert make_joint_settings().joint is not None


@pytest.mark.data
def test_the_manuals_code_gives_each_image_its_class(capsys: pytest.CaptureFixture[str]) -> None:
    """With the weights of the repository, in float16: the error of the record's first seed."""
    text = Path("docs/ours.md").read_text()
    code = text[text.index("    import torch\n") : text.index("## How the settings were chosen")]
    exec(dedent(code), {})
    record = records.read(records.path_of("quick", "ours_semi_supervised", "mnist_100"))
    error = float(capsys.readouterr().out.split("(")[1].split(")")[0])
    assert 100 * error == pytest.approx(record.values("test_error_percent")[0], abs=0.03)
