"""Reading MATLAB files that are whole, cut or damaged: the other process shields from scipy."""

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from replication.base.errors import UserError
from replication.data.matlab import read_matlab

X, Y = np.arange(12, dtype=np.uint8).reshape(2, 6), np.array([[1], [2]], np.int16)


def matlab(compressed: bool) -> bytes:
    file = io.BytesIO()
    savemat(file, {"X": X, "y": Y}, do_compression=compressed)
    return file.getvalue()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_come_as_they_were_stored(tmp_path: Path, known: bool, compressed: bool) -> None:
    path = tmp_path / "with a space.mat"
    path.write_bytes(matlab(compressed))
    y, x = read_matlab(path, ("y", "X"), "", known)
    assert (x.dtype, y.dtype) == (X.dtype, Y.dtype)
    assert (x == X).all()
    assert (y == Y).all()


def test_what_crashes_scipy_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    """The tag of the data, changed to one that is not of numbers: a signal ends scipy's process."""
    path = tmp_path / "faces.mat"
    file = io.BytesIO()
    savemat(file, {"faces": np.zeros((64, 4), np.uint8)}, do_compression=False)
    content = bytearray(file.getvalue())
    assert content[184] == 2, "the tag of unsigned bytes"
    content[184] = 14
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged: it crashes the process that reads it"):
        read_matlab(path, ("faces",), "copy it again")


@pytest.mark.parametrize("compressed", [True, False])
def test_wherever_a_file_is_cut(tmp_path: Path, compressed: bool) -> None:
    whole, path = matlab(compressed), tmp_path / "cut.mat"
    for length in [0, 3, 100, 127, 130, 150, 184, 190, len(whole) - 9]:
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut.mat (is|has no)"):
            read_matlab(path, ("X", "y"), "copy it again")


def test_names_in_the_file_do_not_break_the_line(tmp_path: Path) -> None:
    path, file = tmp_path / "names.mat", io.BytesIO()
    savemat(file, {"other": Y}, do_compression=False)
    path.write_bytes(file.getvalue().replace(b"other", b"ot\ner"))
    with pytest.raises(UserError) as caught:
        read_matlab(path, ("X",), "copy it again")
    assert caught.value.problem == rf"{path} has no X, only ot\ner"


def test_a_web_page(tmp_path: Path) -> None:
    path = tmp_path / "page.mat"
    path.write_bytes(b"<!doctype html>" * 20)
    with pytest.raises(UserError, match="is a web page"):
        read_matlab(path, ("X",), "copy it again")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing.mat: No such file"):
        read_matlab(tmp_path / "nothing.mat", ("X",), "copy it again")
