"""Many images as one picture."""

import numpy as np

WHITE, BLACK = 255, 0


def squares(images: np.ndarray) -> np.ndarray:
    """Grey square images [..., pixels] as [..., 1, side, side]."""
    side = round(images.shape[-1] ** 0.5)
    return images.reshape(*images.shape[:-1], 1, side, side)


def tiled(images: np.ndarray, line: int) -> np.ndarray:
    """uint8 [R, K, C, H, W] as [R * (H + 1), K * (W + 1), C]: a line of that grey parts them."""
    apart = np.pad(images, [(0, 0)] * 3 + [(0, 1)] * 2, constant_values=line)
    rows, columns, channels, height, width = apart.shape
    return apart.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)


def side_by_side(left: np.ndarray, right: np.ndarray, line: int) -> np.ndarray:
    """[R, J, C, H, W] and [R, K, C, H, W] tiled, with a white gap between them."""
    first, second = tiled(left, line), tiled(right, line)
    between = np.full((len(first), gap_of(right), first.shape[2]), WHITE, dtype=np.uint8)
    return np.concatenate([first, between, second], 1)


def gap_of(images: np.ndarray) -> int:
    """The width of a gap in pixels, in proportion to the images [..., W]."""
    return images.shape[-1] // 3
