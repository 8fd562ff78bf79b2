"""As many principal components as a code has numbers: of few or small images there are fewer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from replication.data.dataset import Dataset
from replication.data.digits import load_digits
from replication.measures.anomaly import rival_scores
from replication.measures.codes import pixel_accuracies
from replication.measures.components import fitted_components
from replication.measures.features import principal_components
from replication.measures.probes import pixel_probe
from replication.measures.representation import component_error

RIVALS: dict[str, Callable[[Dataset, int], Any]] = {
    "anomaly": lambda data, size: rival_scores(data, size, 0)["pca"],
    "codes": lambda data, size: [*pixel_accuracies(data, size, 0).values()],
    "features and hashing": lambda data, size: principal_components(data, size)[1],
    "figure7": pixel_probe,
    "autoencoders": component_error,
}


@pytest.mark.parametrize("images", [40, 200])
@pytest.mark.parametrize("rival", RIVALS)
def test_of_a_larger_code_than_there_are_components_all_are_taken(rival: str, images: int) -> None:
    """Digits have 64 pixels: of 40 images there are 40 components, of 200 images 64."""
    digits = load_digits()
    small = replace(digits, train=digits.train[:images], test=digits.test[:50])
    measure = RIVALS[rival]
    most = measure(small, min(images, 64))
    np.testing.assert_array_equal(measure(small, 65), most)
    np.testing.assert_array_equal(measure(small, 1000), most)


def test_fewer_components_are_those_of_scikit_learn() -> None:
    images = np.random.default_rng(0).normal(size=(30, 8))
    own, peer = fitted_components(images, 3, 5), PCA(3, random_state=5).fit(images)
    np.testing.assert_array_equal(own.transform(images), peer.transform(images))
