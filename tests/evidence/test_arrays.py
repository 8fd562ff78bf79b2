"""The arrays beside a record: each is what its name stands for, or the file is refused."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.base.errors import UserError
from replication.evidence.arrays import FORMS, read_arrays
from replication.pages.drawing import Drawing

ROOT = Path(__file__).parents[2]
ITEM, VARIANT = "figure2_prior_matching", "aae_gaussian"
CODES, LABELS = np.zeros((6, 2), np.float32), np.arange(6, dtype=np.uint8)


def stored(path: Path, arrays: dict[str, Any]) -> Path:
    """The record at whose side the arrays lie."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".npz").write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    "arrays",
    [
        {"codes": CODES, "labels": LABELS},
        {"codes": CODES.astype(np.float16)},
        {"heads": np.zeros((3, 2), np.float32), "codes": CODES},
        {"heads": np.zeros((3, 16), np.uint8), "members": np.zeros((3, 2, 16), np.uint8)},
        {"grid": np.zeros((9, 2), np.float32), "plane": np.zeros((9, 16), np.uint8)},
        {"sources": np.zeros((5, 3, 8, 9), np.uint8)},
        {"curve_10000": np.zeros(7, np.float32)},
        {"of_an_item_of_yours": np.arange(3)},
    ],
    ids=lambda arrays: ", ".join(arrays),
)
def test_what_items_store_is_read(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    found = read_arrays(stored(tmp_path / "a.json", arrays))
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"codes": CODES * np.nan}, "codes holds what is no finite number"),
        ({"codes": CODES.astype(float) + 1e300}, "codes holds what is no finite number"),
        ({"codes": np.array("text")}, "codes holds <U4"),
        ({"codes": CODES.astype(complex)}, "codes holds complex"),
        ({"codes": np.float32(1.0)}, "codes is a single value of float32, not codes x 2 numbers"),
        ({"codes": CODES[:0]}, "codes is empty"),
        ({"codes": np.zeros((6, 3), np.float32)}, "codes is 6 x 3 of float32"),
        ({"codes": np.zeros((6, 2), np.int64)}, "codes is 6 x 2 of int64"),
        ({"codes": CODES, "labels": LABELS[:5]}, "labels is 5 of uint8, not codes bytes"),
        ({"labels": LABELS.astype(float)}, "labels is 6 of float64"),
        ({"members": np.zeros((3, 2, 15), np.uint8)}, "members is 3 x 2 x 15 of uint8"),
        ({"heads": np.zeros((3, 5), np.uint8)}, "not heads x 2 numbers or heads x pixels² bytes"),
        ({"grid": np.zeros((8, 2), np.float32)}, "grid is 8 x 2 of float32"),
        ({"sources": np.zeros((5, 2, 8, 8), np.uint8)}, "sources is 5 x 2 x 8 x 8"),
        ({"answers": np.zeros((2, 4, 16), np.uint8)}, "answers is 2 x 4 x 16"),
        ({"curve_10": np.zeros((2, 2))}, "curve_10 is 2 x 2 of float64, not bandwidths numbers"),
        ({"test_clusters": np.zeros(9, np.uint8)}, "test_clusters is 9 of uint8"),
        ({"of_an_item_of_yours": np.array(["x"])}, "of_an_item_of_yours holds <U1"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, arrays: dict[str, Any], fault: str) -> None:
    path = stored(tmp_path / "a.json", arrays)
    with pytest.raises(UserError) as caught:
        read_arrays(path)
    assert str(path.with_suffix(".npz")) in caught.value.problem
    assert fault in caught.value.problem


def test_a_part_that_is_no_array_is_refused(tmp_path: Path) -> None:
    """numpy gives its bytes."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("codes.npy", b"text")
    with pytest.raises(UserError, match="codes holds"):
        read_arrays(tmp_path / "a.json")


def test_an_array_that_is_missing_is_one_line(tmp_path: Path) -> None:
    found = read_arrays(stored(tmp_path / "a.json", {"codes": CODES}))
    assert found.get("manifold") is None
    with pytest.raises(UserError, match=r"a\.npz has no manifold; restore it"):
        found["manifold"]


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*/*/*.npz")), ids=lambda p: p.stem)
def test_committed_arrays_have_their_forms(path: Path) -> None:
    names = read_arrays(path.with_suffix(".json")).keys()
    assert all(name in FORMS or name.startswith("curve_") for name in names)


def test_a_class_without_a_colour_is_not_drawn(tmp_path: Path) -> None:
    labels = LABELS + 5
    path = tmp_path / "quick" / ITEM / f"{VARIANT}.json"
    stored(path, {"codes": CODES, "labels": labels})
    with pytest.raises(UserError, match="the label 10: figures have colours for 0 to 9"):
        Drawing("quick", ITEM, tmp_path).arrays(VARIANT)
    stored(path, {"codes": CODES, "labels": labels - 1})
    assert Drawing("quick", ITEM, tmp_path).arrays(VARIANT)["labels"].max() == 9
