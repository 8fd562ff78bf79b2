"""The forest plot: places in margins, arrows beyond the axis, shapes by kind of run."""

from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from replication.evidence.published import published
from replication.evidence.statistics import summary
from replication.evidence.verdicts import verdict
from replication.pages.forest import (
    LEAST,
    MOST,
    Mark,
    Row,
    draw_forest,
    draw_mark,
    margin,
    place,
    ticks,
)
from replication.pages.judged import scaled
from replication.pages.style import new_figure
from tests.tools.site import TABLE


def share(text: str) -> float:
    return float(text.removesuffix("%"))


def test_places_are_even_and_end_at_the_axis() -> None:
    steps = [share(place(value)) for value in range(int(LEAST), int(MOST) + 1)]
    for left, right in pairwise(steps):
        assert right - left == pytest.approx(steps[1] - steps[0], abs=0.02)
    assert place(LEAST - 5) == place(LEAST)
    assert place(MOST + 5) == place(MOST)
    left, width = margin()
    assert share(left) == pytest.approx(share(place(-1.0)))
    assert share(left) + share(width) == pytest.approx(share(place(1.0)), abs=0.011)
    assert [text for _, text in ticks()] == ["-4", "-2", "0", "+2", "+4", "+6", "+8"]


@pytest.mark.parametrize(
    ("item", "name", "worse"), [(TABLE, "mnist_100", 1), ("table1_log_likelihood", "mnist", -1)]
)
def test_a_mark_is_in_margins_and_worse_is_to_the_right(item: str, name: str, worse: int) -> None:
    target = published().items[item].targets[name]
    judged = verdict(item, name, "quick", None, False)
    values = [target.value + worse * target.margin * x for x in (1.0, 2.0, 3.0)]
    mark = scaled(summary(values), judged, "reduced", "text", "there")
    assert mark.value == pytest.approx(2)
    assert mark.interval is not None
    assert mark.interval[0] < 2 < mark.interval[1]
    assert sum(mark.interval) == pytest.approx(4)


def test_what_lies_beyond_the_axis_is_an_arrow_without_an_interval() -> None:
    far = Mark("full", 20.0, (15.0, 25.0), "far", "there")
    assert (far.beyond, far.ends, far.x) == ("right", None, place(MOST))
    near = Mark("full", 7.0, (5.0, 9.0), "near", "there")
    assert (near.beyond, near.ends) == ("", (place(5.0), place(MOST)))
    single = Mark("ours", -6.0, None, "one seed", "there")
    assert (single.beyond, single.ends) == ("left", None)
    assert len({mark.path for mark in (far, near, single)}) == 3


def test_an_interval_that_is_cut_has_an_arrow() -> None:
    cut = Mark("full", 7.0, (5.0, 9.0), "cut", "there")
    assert [x for x, _ in cut.cuts] == [place(MOST)]
    both = Mark("full", 0.0, (-9.0, 9.0), "both", "there")
    assert [x for x, _ in both.cuts] == [place(LEAST), place(MOST)]
    assert len({path for _, path in both.cuts}) == 2
    for mark in (Mark("full", 0.0, (-1.0, 1.0), "", ""), Mark("full", 20.0, (15.0, 25.0), "", "")):
        assert mark.cuts == []
    for mark, arrows in ((cut, [">"]), (both, ["<", ">"])):
        axes = new_figure(2, 2).subplots()
        draw_mark(axes, 0, mark)
        assert [m for line in axes.lines if (m := line.get_marker()) in "<>"] == arrows


def test_the_picture_has_the_rows_that_have_marks(tmp_path: Path) -> None:
    marks = [Mark("full", 0.0, (-1.0, 1.0), "a", "a"), Mark("ours", 9.0, None, "b", "b")]
    rows = [Row("first", "a", marks, "replicated"), Row("second", "b", [], "not run")]
    for name in ("one", "two"):
        draw_forest(rows, tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    draw_forest([*rows, rows[0], rows[0]], tmp_path / "taller.png")
    one, taller = (Image.open(tmp_path / f"{name}.png").height for name in ("one", "taller"))
    assert taller > one
    draw_forest([], tmp_path / "empty.png")
    assert (tmp_path / "empty.pdf").exists()
