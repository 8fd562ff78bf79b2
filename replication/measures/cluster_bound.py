"""The least error that clusters of equal size allow."""

import numpy as np

# Test images of MNIST by class: what the published clustering errors are of.
MNIST_TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


def least_error_of_equal_clusters(shares: np.ndarray, clusters: int) -> float:
    """Per cent of images that ``clusters`` equal ones must get wrong, of classes with ``shares``.

    With n_c clusters named after class c of share p_c, at most min(p_c, n_c / clusters) of the
    images are right. Each cluster goes where it adds most: the sum is concave, so this is exact.
    """
    filled = np.zeros(len(shares))
    for _ in range(clusters):
        gains = np.minimum(shares - filled, 1 / clusters)
        best = int(gains.argmax())
        filled[best] += gains[best]
    return float(100 * (1 - filled.sum()))
