"""Principal components of images: what codes of an autoencoder are compared with."""

from typing import Any

import numpy as np


def fitted_components(train: np.ndarray, size: int, seed: int = 0, solver: str = "auto") -> Any:
    """scikit-learn's PCA of ``train`` [N, d] with ``size`` components.

    With N or d, where that is less: there are no more.
    """
    from sklearn.decomposition import PCA

    kept = min(size, *train.shape)
    return PCA(kept, svd_solver=solver, random_state=seed).fit(train)
