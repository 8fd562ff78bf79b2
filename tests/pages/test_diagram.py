"""The architecture diagrams say what the modules do, and can be read."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from replication import cli
from replication.data.loaders import load
from replication.pages.diagrams.diagram import figure_of
from replication.pages.diagrams.layout import WIDTH, Box, Diagram, Layout
from replication.pages.diagrams.trace import SHAPES, Architecture, Flow, shape_of, trace, units_of
from replication.pages.titles import title_of
from replication.settings.data import DataName
from replication.settings.experiments import experiments
from replication.settings.schema import Settings

FIGURE_1 = ("quick", "figure2_prior_matching", "aae_gaussian")
FIGURE_8 = ("quick", "table2_semi_supervised", "mnist_100")
ENCODER = {"encoder.trunk", "encoder.heads.style", "encoder.heads.label"}
DECODER = {"decoder.trunk", "decoder.output"}
ADVERSARIES = {
    f"{code}_discriminator.{unit}" for code in ("style", "label") for unit in ("trunk", "logit")
}


def changed(variant: tuple[str, str, str], **changes: object) -> Settings:
    values = experiments().settings_of(*variant).model_dump()
    return Settings.model_validate({**values, **changes})


def with_cluster_heads() -> Settings:
    """As Figure 10 has it."""
    phases = experiments().settings_of(*FIGURE_8).phases.model_dump()
    phases["head_distance"] = {"learning_rate": {0: 0.01}}
    return changed(FIGURE_8, style_dim=2, cluster_head_distance=2.0, phases=phases)


MIXTURE = (*FIGURE_1[:2], "aae_mixture")
NETWORKS = {
    "figure 1": changed(FIGURE_1),
    "figure 3": changed(MIXTURE, label_dim=10, label_at="discriminator", labels=10000),
    "figure 6": changed(FIGURE_1, label_dim=10, label_at="decoder", labels="all", style_dim=15),
    "figure 8": changed(FIGURE_8),
    "figure 8, smoke": changed(("smoke", *FIGURE_8[1:])),
    "figure 10": with_cluster_heads(),
}


@pytest.fixture(scope="module")
def traces() -> dict[str, Architecture]:
    return {name: trace(settings) for name, settings in NETWORKS.items()}


@pytest.fixture(params=NETWORKS)
def network(
    request: pytest.FixtureRequest, traces: dict[str, Architecture]
) -> tuple[Settings, Architecture]:
    return NETWORKS[request.param], traces[request.param]


def flows(architecture: Architecture, target: str) -> set[tuple[str, int]]:
    return {(flow.source, flow.size) for flow in architecture.flows if flow.target == target}


# The trace


def test_losses_come_in_the_papers_order(traces: dict[str, Architecture]) -> None:
    assert [(loss.phase, loss.name) for loss in traces["figure 8"].losses] == [
        ("Reconstruction", "reconstruction"),
        ("Regularisation", "discriminator"),
        ("Regularisation", "generator"),
        ("Classification", "classification"),
    ]


def test_each_loss_trains_its_own_modules(traces: dict[str, Architecture]) -> None:
    assert {loss.name: loss.trains for loss in traces["figure 8"].losses} == {
        "reconstruction": ENCODER | DECODER,
        "discriminator": ADVERSARIES,
        "generator": ENCODER,
        "classification": ENCODER - {"encoder.heads.style"},
    }


def test_each_loss_is_computed_from_its_own_sources(traces: dict[str, Architecture]) -> None:
    logits = {"style_discriminator.logit", "label_discriminator.logit"}
    assert {loss.name: loss.sources for loss in traces["figure 8"].losses} == {
        "reconstruction": {"images", "decoder.output"},
        "discriminator": logits,
        "generator": logits,
        "classification": {"encoder.heads.label", "labels"},
    }


def test_sizes_of_table_2(traces: dict[str, Architecture]) -> None:
    units = traces["figure 8"].units
    assert {unit.hidden_sizes for name, unit in units.items() if "trunk" in name} == {(1000, 1000)}
    ends = {name: unit.size for name, unit in units.items() if "trunk" not in name}
    assert ends == {
        "encoder.heads.style": 10,
        "encoder.heads.label": 10,
        "decoder.output": 784,
        "style_discriminator.logit": 1,
        "label_discriminator.logit": 1,
    }


def test_flows_of_figure_8(traces: dict[str, Architecture]) -> None:
    figure = traces["figure 8"]
    assert flows(figure, "encoder.trunk") == {("images", 784), ("labelled_images", 784)}
    codes = {("encoder.heads.label", 10), ("encoder.heads.style", 10)}
    assert flows(figure, "decoder.trunk") == codes
    for code in ("style", "label"):
        inputs = {(f"prior of {code}", 10), (f"encoder.heads.{code}", 10)}
        assert flows(figure, f"{code}_discriminator.trunk") == inputs
    label = {f.through for f in figure.flows if f.source == "encoder.heads.label"}
    assert label == {frozenset({"softmax"})}
    assert Flow("images", "encoder.trunk", 784, frozenset({"add", "noise"})) in figure.flows


def test_figure_1_knows_no_label(traces: dict[str, Architecture]) -> None:
    figure = traces["figure 1"]
    assert flows(figure, "encoder.trunk") == {("images", 784)}
    assert flows(figure, "decoder.trunk") == {("encoder.heads.style", 2)}
    assert not any("label" in name for name in figure.units)


def test_figures_3_6_and_10_differ_by_where_the_label_goes(
    traces: dict[str, Architecture],
) -> None:
    given = {"figure 3": 11, "figure 6": 10}
    codes = {("encoder.heads.style", 2), ("prior of style", 2), ("given", given["figure 3"])}
    assert flows(traces["figure 3"], "style_discriminator.trunk") == codes
    assert flows(traces["figure 3"], "prior of style") == {("given", 11)}
    codes = {("encoder.heads.style", 15), ("given", given["figure 6"])}
    assert flows(traces["figure 6"], "decoder.trunk") == codes
    heads = "decoder.cluster_heads"
    assert flows(traces["figure 10"], heads) == {("encoder.heads.label", 10)}
    assert flows(traces["figure 10"], "decoder.trunk") == {(heads, 2), ("encoder.heads.style", 2)}
    distance = next(x for x in traces["figure 10"].losses if x.name == "head_distance")
    assert distance.trains == {heads} == distance.sources


@pytest.mark.parametrize("data", ["digits", "street_digits", "drawn_faces"])
def test_shapes_are_those_of_the_data(data: str) -> None:
    assert load(changed(FIGURE_1, data=data)).shape == SHAPES[data]


@pytest.mark.parametrize("data", get_args(DataName))
def test_every_data_set_has_a_shape_and_a_title(data: str) -> None:
    assert len(shape_of(changed(FIGURE_1, data=data))) == 3
    assert title_of(data) != data


def test_own_data_have_the_shape_of_their_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    images, labels = np.zeros((2, 5, 6, 3), np.uint8), np.arange(2)
    arrays = {f"{part}_images": images for part in ("train", "test")}
    arrays |= {f"{part}_labels": labels for part in ("train", "test")}
    np.savez(tmp_path / "mine.npz", **arrays)
    settings = changed(FIGURE_1, data={"npz": "mine.npz"}, validation_images=0)
    assert shape_of(settings) == (3, 5, 6)
    assert title_of(settings.data) == "npz:mine"


def test_the_heads_of_a_part_are_units_of_their_own() -> None:
    heads = nn.ModuleDict({"style": nn.Linear(4, 2), "label": nn.Linear(4, 3)})
    model = nn.ModuleDict({"encoder": nn.ModuleDict({"trunk": nn.Linear(5, 4), "heads": heads})})
    units = ["encoder.trunk", "encoder.heads.style", "encoder.heads.label"]
    assert list(units_of(model)) == units


# The drawing


def drawn(settings: Settings, architecture: Architecture) -> Figure:
    figure = figure_of(architecture, settings.style_prior, "SMOKE (small digits): a title")
    FigureCanvasAgg(figure).draw()
    return figure


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def test_texts_are_apart_and_inside(network: tuple[Settings, Architecture]) -> None:
    figure = drawn(*network)
    found = [(t.get_text(), t.get_window_extent()) for t in texts(figure)]
    assert len(found) > 30
    for text, area in found:
        inside = figure.bbox.x0 <= area.x0 and area.x1 <= figure.bbox.x1
        assert inside, text
        assert figure.bbox.y0 <= area.y0, text
        assert area.y1 <= figure.bbox.y1, text
    for (one, first), (other, second) in combinations(found, 2):
        assert not first.overlaps(second), (one, other)


def test_texts_do_not_cross_the_outline_of_a_box(network: tuple[Settings, Architecture]) -> None:
    figure = drawn(*network)
    inches = [(t.get_text(), t.get_window_extent()) for t in texts(figure)]
    for box in layout(*network).boxes.values():
        for text, area in inches:
            left, right, bottom, top = (v / figure.dpi for v in (*area.intervalx, *area.intervaly))
            apart = right <= box.left or left >= box.right or top <= box.bottom or bottom >= box.top
            inside = (
                box.left <= left <= right <= box.right and box.bottom <= bottom <= top <= box.top
            )
            assert apart or inside, (text, box.title)


def layout(settings: Settings, architecture: Architecture) -> Diagram:
    return Layout(architecture, settings.style_prior).diagram()


def on_the_outline(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    upright = min(abs(x - box.left), abs(x - box.right)) < 1e-6 and box.bottom <= y <= box.top
    level = min(abs(y - box.bottom), abs(y - box.top)) < 1e-6 and box.left <= x <= box.right
    return upright or level


def test_arrows_join_boxes(network: tuple[Settings, Architecture]) -> None:
    diagram = layout(*network)
    assert len(diagram.arrows) >= len(diagram.boxes) - 1
    for arrow in diagram.arrows:
        assert on_the_outline(diagram.boxes[arrow.source], arrow.points[0]), arrow
        assert on_the_outline(diagram.boxes[arrow.target], arrow.points[-1]), arrow
    joined = {end for arrow in diagram.arrows for end in (arrow.source, arrow.target)}
    assert joined == set(diagram.boxes)


def crossings(diagram: Diagram) -> Iterator[tuple[str, str, str]]:
    """Each segment of an arrow that passes through a box which it does not join."""
    for arrow in diagram.arrows:
        for (x, y), (to, level) in zip(arrow.points, arrow.points[1:], strict=False):
            for name, box in diagram.boxes.items():
                beside = max(x, to) < box.left or min(x, to) > box.right
                beyond = max(y, level) < box.bottom or min(y, level) > box.top
                if name not in (arrow.source, arrow.target) and not (beside or beyond):
                    yield arrow.source, arrow.target, name


def test_boxes_are_apart_and_no_arrow_crosses_one(network: tuple[Settings, Architecture]) -> None:
    diagram = layout(*network)
    for one, other in combinations(diagram.boxes.values(), 2):
        beside = one.right <= other.left or other.right <= one.left
        assert beside or one.top <= other.bottom or other.top <= one.bottom, (one, other)
    for box in diagram.boxes.values():
        assert box.left >= 0, box
        assert box.right <= WIDTH, box
    assert list(crossings(diagram)) == []


def test_a_changed_size_changes_the_texts() -> None:
    def words(**changes: object) -> list[str]:
        settings = changed(("smoke", *FIGURE_8[1:]), **changes)
        return sorted(t.get_text() for t in texts(drawn(settings, trace(settings))))

    before = words()
    assert before.count("64") == 2 * 4 + 3  # hidden layers; images of 8 x 8, twice in, once out
    assert words(hidden_sizes=[64, 48]).count("48") == 4
    assert words(style_dim=7).count("7") == 3  # from z to the decoder; both into D(z)
    assert words(label_dim=13).count("13") == 3
    assert "noise" in before
    assert "noise" not in words(input_noise_std=0.0)


@pytest.mark.parametrize("item", ["figure1_adversarial_autoencoder", "figure8_semi_supervised"])
def test_items_are_drawn_without_records(item: str, tmp_path: Path) -> None:
    paths = ["--results", str(tmp_path), "--figures", str(tmp_path)]
    cli.run(item, ["draw", "--preset", "smoke", *paths])
    first = (tmp_path / "smoke" / f"{item}.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert (tmp_path / "smoke" / f"{item}.pdf").read_bytes().startswith(b"%PDF")
    cli.run(item, ["draw", "--preset", "smoke", *paths])
    assert (tmp_path / "smoke" / f"{item}.png").read_bytes() == first
