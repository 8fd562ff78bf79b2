"""Variants that the paper does not have: in its tables and in its figures, or told below them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.text
import numpy as np
import pytest

from replication import (
    figure2_prior_matching,
    figure4_label_regularisation,
    figure5_samples,
    figure7_style_and_content,
    figure9_clusters,
    figure11_dimensionality_reduction,
)
from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.records import read
from replication.pages.drawing import Drawing
from replication.settings.outside import VARIABLE, use_overlays
from tests.tools.site import seed_result, store

LIKE = {
    "figure2_prior_matching": "aae_gaussian",
    "figure4_label_regularisation": "mixture",
    "figure7_style_and_content": "mnist",
    "figure11_dimensionality_reduction": "labels_100",
    "table1_log_likelihood": "mnist",
    "table3_clustering": "clusters_16",
}
STREAM = np.random.default_rng(0)
CODES: dict[str, np.ndarray] = {
    "codes": STREAM.normal(0, 2, (100, 2)).astype(np.float32),
    "labels": np.arange(100, dtype=np.uint8) % 10,
}
IMAGES: dict[str, np.ndarray] = {
    "sources": np.zeros((10, 1, 8, 8), np.uint8),
    "decoded": np.zeros((10, 10, 1, 8, 8), np.uint8),
    "sampled": np.zeros((5, 10, 1, 8, 8), np.uint8),
}
HEADS = {"heads": 5 * STREAM.normal(size=(10, 2)).astype(np.float32)}
SHEET = {"components": np.zeros((10, 120, 120), np.uint8)}
METRICS = {
    "prior_distance": 0.1,
    "prior_sampling_noise": 0.1,
    "test_own_part_percent": 50.0,
    "own_part_chance_percent": 10.0,
    "own_part_ceiling_percent": 99.0,
    **dict.fromkeys(figure7_style_and_content.ROWS, 20.0),
    **{f"class_{k}_own_part_percent": 50.0 for k in range(10)},
}
Texts = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant of one's own, under every item."""
    monkeypatch.setenv(VARIABLE, "")
    lines = [
        f"  {i}: {{variants: {{mine: {{place: My own, like: {v}}}}}}}" for i, v in LIKE.items()
    ]
    (tmp_path / "mine.yaml").write_text("\n".join(["items:", *lines]))
    use_overlays([tmp_path / "mine.yaml"])


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    """Draws an item of a record of ``mine`` with those arrays; what is written in the figure."""

    def drawn(script: Any, arrays: dict[str, np.ndarray]) -> list[str]:
        item = script.__name__.rpartition(".")[2]
        drawing = Drawing("quick", item, tmp_path / "results", tmp_path / "figures")
        seed = seed_result(0, 5.0)
        seed = seed.model_copy(update={"metrics": seed.metrics | METRICS})
        path = store(drawing.results, "quick", "mine", [seed], item=drawing.source)
        records.write(read(path), arrays, path)
        written: list[str] = []

        def save(figure: Any) -> None:
            written.extend(t.get_text() for t in figure.findobj(matplotlib.text.Text))
            Drawing.save(drawing, figure)

        drawing.save = save  # type: ignore[method-assign]
        script.draw_figure(drawing)
        assert drawing.stem.with_suffix(".png").exists()
        return [text for text in written if text]

    return drawn


@pytest.mark.parametrize(
    ("script", "arrays", "title"),
    [
        (figure2_prior_matching, CODES, "(f) My own"),
        (figure4_label_regularisation, CODES | SHEET, "(e) My own"),
        (figure7_style_and_content, IMAGES, "(c) My own; above: the label given"),
        (figure11_dimensionality_reduction, CODES | HEADS, "(e) My own"),
    ],
)
def test_a_figure_has_a_panel_more(
    texts: Texts, script: Any, arrays: dict[str, np.ndarray], title: str
) -> None:
    found = texts(script, arrays)
    assert any(text.startswith(title) for text in found)
    assert not any("without a panel" in text for text in found)


@pytest.mark.parametrize(
    ("script", "arrays"),
    [
        (figure2_prior_matching, CODES | {"labels": np.full(100, 25, np.uint8)}),
        (figure11_dimensionality_reduction, CODES),
    ],
)
def test_what_has_no_panel_is_told(
    texts: Texts, script: Any, arrays: dict[str, np.ndarray]
) -> None:
    """26 classes, no heads: none of them spoils the paper's panels."""
    found = texts(script, arrays)
    assert "Also run, without a panel: My own (the report has their numbers)." in found


def test_damaged_arrays_of_it_are_no_missing_panel(texts: Texts) -> None:
    with pytest.raises(UserError, match=r"mine\.npz is damaged: codes is 100 x 3 of float32"):
        texts(figure2_prior_matching, CODES | {"codes": np.zeros((100, 3), np.float32)})


@pytest.mark.parametrize(
    ("script", "where"),
    [
        (figure5_samples, "Parzen-window log-likelihood (Table 1)"),
        (figure9_clusters, "Unsupervised clustering error (Table 3)"),
    ],
)
def test_a_figure_of_a_tables_runs_names_the_table(texts: Texts, script: Any, where: str) -> None:
    found = texts(script, CODES)
    assert any("My own" in text and where in text for text in found)
