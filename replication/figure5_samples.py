"""Figure 5: samples of the model of Table 1, with the nearest training images (section 3).

The claim: the samples look like digits, and are not copies of training images: the last column
shows the training image nearest, in pixels, to the sample on its left. Drawn from the first seed
of Table 1's runs.
"""

import numpy as np

from .engine.cli import main
from .engine.drawing import Drawing, new_figure, not_run


def draw_figure(drawing: Drawing) -> None:
    """Rows of samples; a gap; the neighbours of the last ones."""
    figure = new_figure(5, 4.6)
    figure.suptitle(drawing.caption("Samples; last column: nearest training image (Figure 5a)"))
    axes = figure.subplots()
    axes.axis("off")
    if drawing.record("mnist") is None:
        not_run(axes)
    else:
        arrays = drawing.arrays("mnist")
        sheet = with_neighbours(arrays["samples"], arrays["nearest"])
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    drawing.save(figure)


def with_neighbours(samples: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Grey square images [R, C, pixels] and [R, pixels] as one picture."""
    rows, columns, pixels = samples.shape
    side = round(pixels**0.5)
    tiles = np.concatenate([samples, nearest[:, None]], 1).reshape(rows, columns + 1, side, side)
    sheet = tiles.transpose(0, 2, 1, 3).reshape(rows * side, (columns + 1) * side)
    gap = np.full((rows * side, side // 3), 255, dtype=sheet.dtype)
    return np.concatenate([sheet[:, :-side], gap, sheet[:, -side:]], 1)


if __name__ == "__main__":
    main(__file__)
