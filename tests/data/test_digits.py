import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits as embedded

from replication.data import digits


def test_they_are_scikit_learns() -> None:
    bunch, found = embedded(), digits.load_digits()
    pixels = np.concatenate([found.train.images.numpy(), found.test.images.numpy()])
    labels = np.concatenate([found.train.labels.numpy(), found.test.labels.numpy()])
    ours = sorted(zip(pixels.reshape(1797, 64).tolist(), labels.tolist(), strict=True))
    theirs = np.round(bunch.data * 255 / 16).astype(np.uint8).tolist()
    assert ours == sorted(zip(theirs, bunch.target.tolist(), strict=True))


def test_scikit_learn_is_asked_where_its_file_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = digits.load_digits()

    class Elsewhere:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    monkeypatch.setattr(digits, "distribution", lambda name: Elsewhere())
    assert digits.load_digits().sha256 == usual.sha256


def test_loading_them_imports_no_scikit_learn() -> None:
    code = (
        "import sys, replication.data.digits as d; d.load_digits(); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
