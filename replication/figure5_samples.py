"""Figure 5: samples of the models of Table 1, with the nearest training images (section 3).

The claim: the samples look like digits (a) and faces (b), and are not copies of training images:
the last column shows the training image nearest, in pixels, to the sample on its left. Drawn from
the first seed of Table 1's runs; (b) is of TFD where that was trained, else of its stand-in.
"""

from typing import TYPE_CHECKING

from .cli import main
from .pages.drawing import Drawing
from .pages.image_grids import BLACK, gap_of, side_by_side, squares
from .pages.other_variants import tell_others
from .pages.style import OURS, SMALL, new_figure, not_run
from .pages.titles import title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

DIGITS, FACES = ["mnist"], ["tfd", "olivetti"]


def draw_figure(drawing: Drawing) -> None:
    """(a) digits and (b) faces: rows of samples; a gap; the neighbours of the last ones."""
    figure = new_figure(9, 4.25)
    left, right = figure.subplots(1, 2)
    draw_samples(left, "a", drawing, DIGITS)
    draw_samples(right, "b", drawing, FACES)
    tell_others(figure, drawing, [*DIGITS, *FACES])
    drawing.save(figure)


def draw_samples(axes: "Axes", letter: str, drawing: Drawing, variants: list[str]) -> None:
    """The samples of the first of ``variants`` that has a record, titled with its data."""
    axes.spines[:].set_visible(False)
    variant = next((v for v in variants if drawing.record(v)), variants[-1])
    record = drawing.record(variant)
    settings = record.settings if record else drawing.settings(variant)
    stands_in = variants is FACES and settings.data != "tfd"
    name = title_of(settings.data) + (", in place of TFD" if stands_in else "")
    axes.set_title(f"({letter}) {name}: {settings.style_dim}-D code")
    if record is None or not any(seed.status == "ok" for seed in record.seeds):
        axes.set_box_aspect(0.78)  # as large as the other panel's picture
        not_run(axes, record)
        return
    arrays = drawing.arrays(variant)
    samples, nearest = squares(arrays["samples"]), squares(arrays["nearest"])
    sheet = side_by_side(samples, nearest[:, None], BLACK)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    tile, columns = samples.shape[-1] + 1, samples.shape[1]
    compared = columns * tile + gap_of(samples) + tile / 2
    places = {(columns - 1) * tile / 2: "samples", compared: "nearest in\ntraining"}
    axes.set_xticks([*places], [*places.values()], fontsize=SMALL)
    axes.set_yticks([])
    axes.tick_params(length=0)
    corner = ((columns - 1) * tile - 0.5, -0.5)
    axes.add_patch(outline(corner, tile, len(sheet)))


def outline(corner: tuple[float, float], width: float, height: float) -> "Patch":
    """The frame of the samples that are compared."""
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, fill=False, ec=OURS, lw=2, clip_on=False)


if __name__ == "__main__":
    main(__file__)
