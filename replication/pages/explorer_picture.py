"""The explorer as a picture: for README, where nothing moves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from replication.evidence import bundle
from replication.evidence.bundle import Bundled
from replication.settings.schema import Settings

from .drawing import Drawing
from .explorer import Exact, activated, codes_stored, layers_of
from .image_grids import WHITE, squares, tiled
from .style import SMALL, new_figure, not_run, save_figure, scatter_by_class, square_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = 5  # rows of digits


def draw_explorer(
    stored: Mapping[str, Mapping[str, Drawing]], path: Path, weights: Path = bundle.BUNDLE
) -> None:
    """A plane of codes, and ten labels in a few styles; nothing where the bundle has neither."""
    plane, labels = chosen(stored, weights)
    if plane is None and labels is None:
        return
    figure = new_figure(8, 3.1)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.9])
    if plane is None:
        not_run(left)
    else:
        draw_plane(left, *plane)
    if labels is None:
        not_run(right)
    else:
        draw_labels(right, *labels, weights)
    save_figure(figure, path.with_suffix(""))


Plane = tuple[Settings, dict[str, np.ndarray]]
Labels = tuple[Settings, Bundled]


def chosen(
    stored: Mapping[str, Mapping[str, Drawing]], weights: Path
) -> tuple[Plane | None, Labels | None]:
    """What is drawn of the bundle, if it has it."""
    plane, labels = None, None
    for own in bundle.entries(weights):
        settings = bundle.settings_of(own, weights)
        arrays = codes_stored(own, stored[own.item][own.preset])
        if settings.cluster_head_distance is not None or settings.second_stage is not None:
            continue  # the page has these planes, too
        if settings.style_dim == 2 and "codes" in arrays:
            plane = plane or (settings, arrays)
        elif settings.labels and settings.label_dim == 10 and settings.label_at == "encoder":
            labels = labels or (settings, own)
    return plane, labels


def draw_plane(axes: "Axes", settings: Settings, arrays: Mapping[str, np.ndarray]) -> None:
    scatter_by_class(axes, arrays["codes"], arrays["labels"])
    square_frame(axes, arrays["codes"], settings.style_prior.std)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color="0.7")
    axes.set_title("every place of the plane is an image")


def draw_labels(axes: "Axes", settings: Settings, own: Bundled, weights: Path) -> None:
    """A column for each label, a row for each style: the prior's middle, then samples."""
    layers = layers_of(own, bundle.tensors(own, weights), settings)
    styles = settings.style_prior.std * np.random.default_rng(0).normal(
        size=(STYLES, settings.style_dim)
    )
    styles[0] = 0
    codes = [np.concatenate([label, style]) for style in styles for label in np.eye(10)]
    images = np.rint(255 * decoded(layers, np.array(codes))).astype(np.uint8)
    sheet = tiled(squares(images.reshape(STYLES, 10, -1)), WHITE)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    tile = sheet.shape[1] / 10
    axes.set_xticks([(k + 0.5) * tile for k in range(10)], [str(k) for k in range(10)])
    axes.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=SMALL)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title("a column has one label, a row one style")


def decoded(layers: Sequence[Exact], codes: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], [N, pixels], of ``codes`` [N, inputs]."""
    for weight, bias, activation in layers:
        codes = activated(codes @ weight.T + bias, activation)
    return codes.clip(0, 1)
