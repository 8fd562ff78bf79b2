"""Sheets of images, for the tracker, from what a training leaves for figures."""

from collections.abc import Mapping
from math import prod

import numpy as np

ROWS, COLUMNS = 40, 16  # of a sheet, at most; of one whose images have no rows of their own


def sheets(arrays: Mapping[str, np.ndarray], shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """A sheet, uint8 [height, width] or [height, width, 3], of each array that holds images.

    ``arrays`` are of one seed. Images are uint8 [..., K, pixels] or [..., K, channels, height,
    width] of the data's ``shape``; K of them make a row of the sheet, or 16 where there is but one.
    """
    found = {}
    for name, array in arrays.items():
        if array.dtype != np.uint8:
            continue
        if array.ndim > 3 and array.shape[-3:] == shape:
            images = array
        elif array.ndim > 1 and array.shape[-1] == prod(shape):
            images = array.reshape(*array.shape[:-1], *shape)
        else:
            continue
        if images.ndim == 4 and len(images) % COLUMNS == 0:
            images = images.reshape(-1, COLUMNS, *shape)
        rows = images.reshape(-1, *images.shape[-4:])[:ROWS]
        count, columns, channels, height, width = rows.shape
        sheet = rows.transpose(0, 3, 1, 4, 2).reshape(count * height, columns * width, channels)
        found[name] = sheet[..., 0] if channels == 1 else sheet
    return found
