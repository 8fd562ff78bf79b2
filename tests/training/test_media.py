"""What the tracker shows: a sheet of every array of images, of nothing else."""

from pathlib import Path

import numpy as np
import pytest

from replication.evidence import records
from replication.training.jobs.media import sheets

QUICK = Path(__file__).parents[2] / "results" / "quick"
GREY, COLOUR = (1, 28, 28), (3, 32, 32)


def test_a_row_of_a_sheet_is_a_row_of_images() -> None:
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    (sheet,) = sheets({"grid": images}, (1, 2, 2)).values()
    np.testing.assert_array_equal(sheet[:2, 2:4], images[0, 1].reshape(2, 2))
    np.testing.assert_array_equal(sheet[2:, :2], images[1, 0].reshape(2, 2))


def test_colours_stay_and_many_images_in_one_row_are_folded() -> None:
    images = np.random.default_rng(0).integers(0, 256, (32, 3, 4, 5), np.uint8)
    (sheet,) = sheets({"samples": images}, (3, 4, 5)).values()
    assert sheet.shape == (2 * 4, 16 * 5, 3)
    np.testing.assert_array_equal(sheet[4:, :5], images[16].transpose(1, 2, 0))


def test_what_is_no_image_is_left_out() -> None:
    arrays = {
        "test_predictions": np.zeros(784, np.uint8),
        "codes": np.zeros((100, 2), np.float32),
        "decoded": np.zeros((100, 784), np.float32),
        "labels": np.zeros((3, 100), np.uint8),
    }
    assert sheets(arrays, GREY) == {}


@pytest.mark.parametrize(
    ("record", "shape", "names"),
    [
        ("table1_log_likelihood/mnist", GREY, {"samples", "nearest"}),
        ("table3_clustering/clusters_30", GREY, {"heads", "members"}),
        ("figure7_style_and_content/svhn", COLOUR, {"sources", "decoded", "sampled"}),
        ("companion_alae/alae", GREY, {"sources", "reconstructed", "sampled"}),
        ("companion_autoencoders/aae_2d", GREY, {"answers", "plane"}),
        ("companion_applications/generation_aae", GREY, {"samples"}),
    ],
)
def test_items_that_draw_images_show_them(
    record: str, shape: tuple[int, int, int], names: set[str]
) -> None:
    found = sheets(records.read_arrays(QUICK / f"{record}.json"), shape)
    assert found.keys() == names
    for sheet in found.values():
        assert sheet.dtype == np.uint8
        assert len(np.unique(sheet)) > 10
        assert max(sheet.shape[:2]) <= 40 * 32
