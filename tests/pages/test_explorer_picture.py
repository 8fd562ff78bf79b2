"""The picture of the explorer: of what the bundle has."""

from pathlib import Path

import numpy as np
from PIL import Image

from replication.evidence import bundle
from replication.pages.drawing import Drawing
from replication.pages.explorer import layers_of
from replication.pages.explorer_picture import chosen, decoded, draw_explorer
from replication.settings.experiments import experiments


def stored(results: Path) -> dict[str, dict[str, Drawing]]:
    return {item: {"quick": Drawing("quick", item, results)} for item in experiments().items}


def test_the_committed_bundle_has_a_plane_and_labels(tmp_path: Path) -> None:
    plane, labels = chosen(stored(Path("results")), bundle.BUNDLE)
    assert plane is not None
    assert labels is not None
    assert plane[1]["codes"].shape[1] == 2
    for name in ("one", "two"):
        draw_explorer(stored(Path("results")), tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert Image.open(tmp_path / "one.png").width == 1200


def test_without_a_bundle_nothing_is_drawn(tmp_path: Path) -> None:
    assert chosen(stored(tmp_path), tmp_path) == (None, None)
    draw_explorer(stored(tmp_path), tmp_path / "none.png", tmp_path)
    assert not (tmp_path / "none.png").exists()


def test_without_codes_the_plane_says_so(tmp_path: Path) -> None:
    draw_explorer(stored(tmp_path), tmp_path / "half.png", bundle.BUNDLE)
    half = np.asarray(Image.open(tmp_path / "half.png").convert("L"))
    draw_explorer(stored(Path("results")), tmp_path / "whole.png", bundle.BUNDLE)
    whole = np.asarray(Image.open(tmp_path / "whole.png").convert("L"))
    left = half.shape[1] // 4
    assert (half[:, :left] < 250).sum() < (whole[:, :left] < 250).sum() / 2


def test_labels_draw_what_they_name() -> None:
    """The middle of the prior, with each label: ten images that differ, with ink in the middle."""
    _, labels = chosen(stored(Path("results")), bundle.BUNDLE)
    assert labels is not None
    settings, own = labels
    codes = np.concatenate([np.eye(10), np.zeros((10, settings.style_dim))], 1)
    images = decoded(layers_of(own, bundle.tensors(own), settings), codes).reshape(10, 28, 28)
    assert images[:, 4:24, 4:24].sum() > 0.95 * images.sum()
    apart = np.abs(images[:, None] - images).mean((2, 3))
    assert (apart + np.eye(10) > 0.03).all()
