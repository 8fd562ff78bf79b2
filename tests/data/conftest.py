"""What tests of several data sets share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from replication.data import matlab


@pytest.fixture(scope="module")
def read_in_this_process() -> Iterator[None]:
    """MATLAB files are read here: another process costs a second each, and has tests of its own."""

    def read(path: Path, names: tuple[str, ...], remedy: str) -> list[np.ndarray]:
        return matlab.read_matlab(path, names, remedy, known=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matlab, "read_apart", read)
        yield
