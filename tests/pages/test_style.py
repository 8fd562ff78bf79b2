"""The figures' style: colours that everyone tells apart, labels that stand on their cloud."""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from replication.pages.style import (
    DIGITS,
    PRINT_DPI,
    SCREEN_DPI,
    label_places,
    new_figure,
    not_run,
    save_figure,
    scatter_by_class,
    square_frame,
)

# Machado, Oliveira and Fernandes (2009), of full severity, on linear RGB.
SEEN = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def least_distance(colours: list[str], seen: np.ndarray) -> float:
    """The least CIE 1976 difference (in L*a*b*, D65) of two of the colours."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ seen.T, 0, 1) @ TO_XYZ.T / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
    distances = np.linalg.norm(lab[:, None] - lab, axis=-1)
    return float(distances[np.triu_indices(len(colours), 1)].min())


def test_the_digits_colours_are_told_apart_by_everyone() -> None:
    for name, seen in SEEN.items():
        assert least_distance([*DIGITS], seen) > 20, name
    usual = [f"C{k}" for k in range(10)]  # what a distance of 20 is better than
    assert least_distance(usual, SEEN["deuteranopia"]) < 10


def clouds(centres: list[tuple[float, float]], count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    stream = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(centres)), count)
    return stream.normal(centres, 0.3, (count, len(centres), 2)).swapaxes(0, 1).reshape(
        -1, 2
    ), labels


def test_a_label_stands_in_its_cloud() -> None:
    centres = [(0.0, 0.0), (3.0, 0.0), (0.0, 3.0)]
    places = label_places(*clouds(centres))
    for digit, centre in enumerate(centres):
        assert np.linalg.norm(places[digit] - centre) < 0.6


def test_labels_of_clouds_upon_each_other_stand_apart() -> None:
    places = label_places(*clouds([(0.0, 0.0), (0.0, 0.0)]))
    assert np.linalg.norm(places[0] - places[1]) > 0.1


def test_labels_of_many_clouds_in_one_place_hide_none() -> None:
    """A disc is as wide as an eighth of the codes' span."""
    codes, labels = clouds([(0.0, 0.0)] * 10)
    span = np.quantile(codes, 0.98, axis=0) - np.quantile(codes, 0.02, axis=0)
    places = np.array([*label_places(codes, labels).values()]) / span
    apart = np.linalg.norm(places[:, None] - places, axis=-1)[np.triu_indices(10, 1)]
    assert apart.min() > 0.18


def test_labels_leave_the_kept_places_free() -> None:
    codes, labels = clouds([(0.0, 0.0)])
    place = label_places(codes, labels)[0]
    assert np.linalg.norm(label_places(codes, labels, place[None])[0] - place) > 0.1


def test_a_label_stands_at_the_core_beside_its_head_and_not_on_the_trail() -> None:
    """Codes of a class are a core at the head, and a thin trail to another class's head."""
    stream = np.random.default_rng(0)
    cores = [stream.normal(centre, 0.1, (300, 2)) for centre in ((0.0, 0.0), (10.0, 10.0))]
    trail = np.linspace((1, 1), (9, 9), 40) + stream.normal(0, 0.1, (40, 2))
    codes, labels = np.vstack([*cores, trail]), np.repeat([0, 1, 0], [300, 300, 40])
    places = label_places(codes, labels, kept=np.array([[0.0, 0.0], [10.0, 10.0]]))
    assert np.linalg.norm(places[0]) < 1.5
    assert np.linalg.norm(places[1] - (10, 10)) < 1.5


def test_a_tail_stays_in_the_frame() -> None:
    """Of one axis alone, as that of a few codes that a prior did not catch."""
    codes = np.linspace(-5, 5, 20_000).reshape(-1, 2)
    codes[:30] = [[5.9, 0.0]]
    axes = new_figure(2, 2).subplots()
    square_frame(axes, codes, 1.0)
    assert axes.get_xlim() == axes.get_ylim()
    assert 5.9 < axes.get_xlim()[1] < 6.2
    assert not axes.texts
    square_frame(axes, codes, 9.0)
    assert axes.get_xlim() == (-9.0, 9.0)


def test_what_is_so_far_that_it_would_shrink_the_rest_is_counted() -> None:
    codes = np.linspace(-5, 5, 20_000).reshape(-1, 2)
    codes[:3] = 100
    axes = new_figure(2, 2).subplots()
    square_frame(axes, codes, 1.0)
    assert 5 < axes.get_xlim()[1] < 5.3
    assert [text.get_text() for text in axes.texts] == ["3 of 10,000 outside"]


def test_screens_and_print_have_their_resolution(tmp_path: Path) -> None:
    codes, labels = clouds([(0.0, 0.0), (3.0, 0.0)])
    for name in ("one", "again"):
        figure = new_figure(2, 1)
        scatter_by_class(figure.subplots(), codes, labels)
        save_figure(figure, tmp_path / name)
    assert Image.open(tmp_path / "one.png").size == (2 * SCREEN_DPI, SCREEN_DPI)
    assert PRINT_DPI >= 300
    for ending in (".png", ".pdf"):
        first, second = ((tmp_path / name).with_suffix(ending) for name in ("one", "again"))
        assert first.read_bytes() == second.read_bytes()


def test_an_empty_panel_leaves_the_axes_that_it_shares() -> None:
    left, right = new_figure(4, 2).subplots(1, 2, sharey=True)
    left.plot([0, 1], [3, 5])
    before = list(left.get_yticks())
    not_run(right)
    assert list(left.get_yticks()) == before
    assert not right.xaxis.get_tick_params()["labelbottom"]
