"""Learning curves: the metric that tells most, points that stand for its values, round ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.pages.curves import MOST_POINTS, Axis, chart_of, charted
from tests.tools.builders import make_record, make_seed, make_settings


def rows(name: str, values: list[float]) -> list[dict[str, float]]:
    return [{"epoch": e, "updates": e, name: v} for e, v in enumerate(values, 1)]


def test_an_error_is_drawn_before_a_loss_and_a_loss_before_nothing() -> None:
    both = [{**row, "generator": 1.0} for row in rows("test_error_percent", [5.0, 4.0])]
    assert charted(make_record(seeds=[make_seed(history=both)])) == "test_error_percent"
    loss = make_record(seeds=[make_seed(history=rows("discriminator", [1.0, 2.0]))])
    assert charted(loss) == "discriminator"
    chart = chart_of(loss)
    assert chart is not None
    assert chart.metric == "discriminators' loss"
    assert chart_of(make_record(seeds=[make_seed(history=[])])) is None


def test_points_have_their_values_in_the_unit_that_is_shown() -> None:
    history = rows("test_reconstruction_per_pixel", [0.04, 0.03])
    chart = chart_of(make_record(seeds=[make_seed(0, history=history)]))
    assert chart is not None
    (line,) = chart.lines
    assert (line.epochs, line.values) == (["1", "2"], ["40", "30"])
    assert line.points == [("60.0", "15.0"), ("460.0", "225.0")]


def test_runs_that_share_a_seed_are_told_apart_and_what_diverged_is_left_out() -> None:
    history = rows("test_error_percent", [5.0, 4.0])
    seeds = [make_seed(0, label_seed=k, history=history) for k in range(2)]
    chart = chart_of(
        make_record(seeds=[*seeds, make_seed(1, status="diverged", metrics={}, history=[])])
    )
    assert chart is not None
    assert [line.name for line in chart.lines] == ["seed 0", "seed 0, labels 1"]


def test_long_histories_are_thinned_and_keep_their_end() -> None:
    values = [100.0 / n for n in range(1, 1001)]
    history = rows("test_error_percent", values)
    settings = make_settings(epochs=1000)
    chart = chart_of(make_record(settings=settings, seeds=[make_seed(history=history)]))
    assert chart is not None
    assert len(chart.lines[0].points) <= MOST_POINTS + 1
    assert chart.lines[0].values[-1] == "0.1"
    assert chart.metric.endswith("(logarithmic)")


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6))
def test_ticks_lie_on_their_axis(low: float, factor: float) -> None:
    for logarithmic in [False, True] if factor > 20 else [False]:
        axis = Axis(low, low * factor, 200, 10, logarithmic)
        ticks = axis.ticks()
        assert 1 <= len(ticks) <= 13
        assert ticks == sorted(set(ticks))
        assert all(9.9 <= axis.at(tick) <= 200.1 for tick in ticks)


def test_a_constant_curve_has_an_axis() -> None:
    chart = chart_of(make_record(seeds=[make_seed(history=rows("generator", [1.0, 1.0]))]))
    assert chart is not None
    assert float(chart.lines[0].points[0][1]) == pytest.approx(120)
