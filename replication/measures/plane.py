"""A representation in few dimensions as a picture: its map to a plane, how it tells the classes.

Nothing here needs torch: it is drawn with.
"""

import numpy as np

CUT_OFF = 1e-6  # of the singular values: heads in a plane leave the other directions undefined


def onto_circle(heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The affine map, (centre [n], matrix [n, 2]), of m heads [m, n] to m even places on a circle.

    The k-th head goes nearest to the k-th place, the radius is one; exact where the heads span
    m - 1 dimensions. The centre is the heads' mean: through the origin, without it, an offset of
    all heads would have to be mapped to nothing, by a matrix that blows up everything else.
    """
    angles = 2 * np.pi * np.arange(len(heads)) / len(heads)
    places = np.stack([np.cos(angles), np.sin(angles)], 1)
    centre = heads.mean(0)
    return centre, np.linalg.lstsq(heads - centre, places, rcond=CUT_OFF)[0]


def in_plane(codes: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``codes`` [N, n] and ``heads`` [m, n] as they are drawn, [N, 2] and [m, 2].

    Two dimensions stay as they are; more are mapped by ``onto_circle``. NaN where
    training diverged.
    """
    if codes.shape[1] == 2:
        return codes, heads
    if not np.isfinite(heads).all():
        return np.full((len(codes), 2), np.nan), np.full((len(heads), 2), np.nan)
    centre, matrix = onto_circle(heads)
    return (codes - centre) @ matrix, (heads - centre) @ matrix


def in_planes(codes: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``in_plane`` for each seed, as stored: float32 of [seeds, N, n] and [seeds, m, n]."""
    drawn = [in_plane(*own) for own in zip(codes, heads, strict=True)]
    planes, placed = (np.stack(part).astype(np.float32) for part in zip(*drawn, strict=True))
    return planes, placed


def told_by_heads(codes: np.ndarray, heads: np.ndarray, labels: np.ndarray) -> float:
    """Per cent of ``codes`` [N, n] with the class of the head [m, n] that is nearest to them.

    A head has the class of most codes around it: how far the representation shows the classes
    apart.
    """
    squares = np.square(codes).sum(1, keepdims=True) + np.square(heads).sum(1)
    nearest = (squares - 2 * codes @ heads.T).argmin(1)
    counts = np.zeros((len(heads), labels.max() + 1), int)
    np.add.at(counts, (nearest, labels), 1)
    return float(100 * counts.max(1).sum() / len(codes))
