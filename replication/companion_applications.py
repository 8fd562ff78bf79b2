"""What adversarial autoencoders are used for, each beside its floor. Not in the paper.

- *Generation*: images decoded from the prior, by an adversarial and a variational autoencoder.
  Measured by Frechet distance (FID) and inception score, through the suite's own classifier;
  beside them those of real images.
- *Anomalies*: a digit that is left out of training is to be told from the others in the test
  images, by the reconstruction's error, the prior's density of the code or the discriminator;
  beside them principal components and an isolation forest, which take no autoencoder.
- *Augmentation*: a supervised classifier with few labels, taught by images that the
  semi-supervised model with the same labels draws; beside it one taught by copies.
- *Features*: codes learned without labels as the input of classifiers, against pixels and as many
  principal components.

Test labels choose nothing: no threshold is set, and the schedules are those of quick runs.
"""

from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .pages.drawing import Drawing, measured, new_figure, not_run, percent, seeds_of
from .pages.image_grids import WHITE, squares, tiled
from .pages.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from torch import Tensor

    from .evidence.records import Record
    from .training.job import Outcome, Run

GENERATION = {"generation_aae": "AAE", "generation_vae": "VAE"}
AUGMENTATION = {"augmentation_100": 100, "augmentation_1000": 1000}
SCORES = {
    "reconstruction": "reconstruction's error",
    "prior": "prior's density",
    "discriminator": "discriminator",
}
RIVALS = {"pca": "principal components", "forest": "isolation forest"}
AREAS = {"auroc": "AUROC, %", "auprc": "AUPRC, %"}
SPACES = {"codes": "codes", "components": "principal components", "pixels": "pixels"}
CLASSIFIERS = {"logistic": "logistic regression", "nearest": "nearest neighbours"}
COLUMNS = ["application", "case", "measure", "ours", "compared with", "floor or ceiling"]
Row = list[str]


def train(run: "Run") -> "Outcome":
    """Train by the phases that the settings name, then put the model to its use."""
    from .measures.features import check_sizes
    from .measures.semi_supervised import train_and_test
    from .training.job import Outcome

    assert run.settings.application is not None
    if run.settings.application.label_counts:
        check_sizes(run.settings.application.label_counts, run.dataset)
    outcome = train_and_test(run)
    metrics, arrays = measure(run, outcome.fitted.diverged)
    return Outcome(outcome.fitted, outcome.metrics | metrics, arrays)


def measure(run: "Run", diverged: list[bool]) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
    """The metrics and arrays of the application that the settings name."""
    from .measures.anomaly import measure_anomaly
    from .measures.augmentation import measure_augmentation
    from .measures.features import measure_features
    from .measures.generation import measure_generation
    from .models.priors import style_prior

    assert run.settings.application is not None
    kind = run.settings.application.kind
    if kind == "generation":
        return measure_generation(run, diverged, [style_prior(run.settings)] * len(run.seeds))
    if kind == "augmentation":
        return measure_augmentation(run)
    return (measure_anomaly if kind == "anomaly" else measure_features)(run, diverged), {}


# The table


def draw_table(drawing: Drawing) -> None:
    """A row for each application, case and measure."""
    rows = [
        *generation_rows(drawing),
        *anomaly_rows(drawing),
        *augmentation_rows(drawing),
        *feature_rows(drawing),
    ]
    counts = [
        f"{v} {seeds_of(drawing.record(v))}"
        for v in drawing.description.variants
        if shown(drawing, v)
    ]
    notes = [
        "Ours alone: no number is published for these. Mean ± sample deviation over seeds: "
        f"{', '.join(counts)}.",
        "FID and inception score are read through the suite's classifier, not through one of "
        "ImageNet: comparable within this table only. Its own error on test images stands beside.",
        "AUROC and AUPRC: all test images, the digit left out of training is the anomaly; the ± of "
        "their means is the deviation between digits.",
        "Augmentation: duplicated is the control, as many copies of the labelled images, and as "
        "many updates. Features: codes, as many principal components, pixels.",
    ]
    caption = drawing.caption("What adversarial autoencoders are used for")
    Table(caption, COLUMNS, rows, notes).write(drawing.stem)


def shown(drawing: Drawing, variant: str) -> bool:
    return drawing.preset in drawing.description.variants[variant].presets


def several(record: "Record | None", metrics: dict[str, str]) -> str:
    """Named values, or one word where there are none."""
    found = {name: measured(record, metric) for metric, name in metrics.items()}
    if len(set(found.values())) == 1 and next(iter(found.values())) in ("not run", "diverged"):
        return next(iter(found.values()))
    return "; ".join(f"{name} {text}" for name, text in found.items())


def generation_rows(drawing: Drawing) -> "Iterator[Row]":
    """Both measures of both autoencoders."""
    aae, vae = (drawing.record(v) for v in GENERATION)
    known = aae or vae
    error = measured(known, "reader_error_percent")
    for metric, name, bound in (
        ("fid", "FID to test images", "fid_sampling_noise"),
        ("inception_score", "inception score", "inception_score_ceiling"),
    ):
        images = "training" if bound == "fid_sampling_noise" else "test"
        yield [
            "generation",
            f"classifier's error {error} %",
            name,
            f"AAE {measured(aae, metric)}",
            f"VAE, same networks {measured(vae, metric)}",
            f"{images} images {measured(known, bound)}",
        ]


def anomaly_variants(drawing: Drawing) -> dict[str, int]:
    """The variants of the preset, each with the digit left out."""
    return {
        name: int(name.removeprefix("anomaly_"))
        for name in drawing.description.variants
        if name.startswith("anomaly_") and shown(drawing, name)
    }


def anomaly_rows(drawing: Drawing) -> "Iterator[Row]":
    """Each digit, and the mean of those that were run."""
    records = {f"digit {k}": drawing.record(v) for v, k in anomaly_variants(drawing).items()}
    for area, name in AREAS.items():
        for case, record in records.items():
            ours = several(record, {f"{area}_percent_{s}": text for s, text in SCORES.items()})
            rivals = several(record, {f"{area}_percent_{s}": text for s, text in RIVALS.items()})
            chance = "50.00" if area == "auroc" else measured(record, "auprc_percent_chance")
            yield ["anomaly", case, name, ours, rivals, f"chance {chance}"]
        run = [r for r in records.values() if r and r.values(f"{area}_percent_pca")]
        yield ["anomaly", f"mean over {len(run)} digits", name, *means(run, area), ""]


def means(run: "list[Record]", area: str) -> tuple[str, str]:
    """Ours and the rivals' over the digits, ± the deviation between digits."""
    if not run:
        return "not run", "not run"

    def over(scores: dict[str, str]) -> str:
        found = {
            text: [float(np.mean(r.values(f"{area}_percent_{s}"))) for r in run]
            for s, text in scores.items()
        }
        return "; ".join(f"{text} {percent(values)}" for text, values in found.items())

    return over(SCORES), over(RIVALS)


def augmentation_rows(drawing: Drawing) -> "Iterator[Row]":
    """The classifier taught by generated images beside those that were not."""
    for variant, labels in AUGMENTATION.items():
        if not shown(drawing, variant):
            continue
        record = drawing.record(variant)
        read = measured(record, "generated_read_percent")
        yield [
            "augmentation",
            f"{labels} labels; class asked for is read in {read} % of the generated images",
            "test error, %",
            f"with generated images {measured(record, 'error_percent_generated')}",
            f"labels alone {measured(record, 'error_percent_labels')}; the AAE itself "
            f"{measured(record, 'test_error_percent')}",
            f"duplicated {measured(record, 'error_percent_duplicated')}",
        ]


def feature_rows(drawing: Drawing) -> "Iterator[Row]":
    """Each number of labels and classifier."""
    record = drawing.record("features")
    for size in sizes(drawing):
        for classifier, name in CLASSIFIERS.items():
            ends = {s: f"error_percent_{classifier}_{s}_{size}" for s in SPACES}
            rivals = {ends[s]: SPACES[s] for s in ("components", "pixels")}
            yield [
                "features",
                f"{size:,} labels, {name}",
                "test error, %",
                f"codes {measured(record, ends['codes'])}",
                several(record, rivals),
                f"largest class {measured(record, 'error_percent_largest_class')}",
            ]


def sizes(drawing: Drawing) -> list[int]:
    """The numbers of labels that were tried, or are to be."""
    record = drawing.record("features")
    settings = record.settings if record else drawing.settings("features")
    assert settings.application is not None
    return settings.application.label_counts


# The figure


def draw_figure(drawing: Drawing) -> None:
    """Samples of both autoencoders and generated images above; a chart for each other use below."""
    figure = new_figure(11, 7.8)
    above, below = figure.subplots(2, 3)
    for axes, (variant, name) in zip(above, GENERATION.items(), strict=False):
        draw_samples(axes, drawing, variant, name)
    draw_generated(above[2], drawing)
    draw_anomalies(below[0], drawing)
    draw_augmentation(below[1], drawing)
    draw_features(below[2], drawing)
    figure.suptitle(drawing.caption("What adversarial autoencoders are used for"))
    drawing.save(figure)


def picture(axes: "Axes", images: np.ndarray, title: str, below: str) -> None:
    """uint8 [R, K, pixels] as a sheet."""
    sheet = tiled(squares(images), WHITE)[..., 0]
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title)
    axes.set_xlabel(below, fontsize=8)
    axes.spines[:].set_visible(False)


def draw_samples(axes: "Axes", drawing: Drawing, variant: str, name: str) -> None:
    """Images decoded from the prior, and what they measure."""
    record, title = drawing.record(variant), f"Drawn by the {name}"
    if not drawable(axes, record, title):
        return
    text = (
        f"FID {measured(record, 'fid')}, training images {measured(record, 'fid_sampling_noise')}\n"
        f"inception score {measured(record, 'inception_score')}, "
        f"test images {measured(record, 'inception_score_ceiling')}"
    )
    images = drawing.arrays(variant)["samples"]
    picture(axes, images.reshape(8, 8, -1), title, text)


def draw_generated(axes: "Axes", drawing: Drawing) -> None:
    """Generated images, each column of one class."""
    variant, title = "augmentation_100", "Generated, a class in each column (100 labels)"
    record = drawing.record(variant)
    if not drawable(axes, record, title):
        return
    text = f"class asked for is read in {measured(record, 'generated_read_percent')} %"
    picture(axes, drawing.arrays(variant)["generated"], title, text)


def drawable(axes: "Axes", record: "Record | None", title: str) -> bool:
    """Whether there is something to draw; otherwise the panel says what is the matter."""
    if record is not None and any(s.status == "ok" for s in record.seeds):
        return True
    not_run(axes, "not run" if record is None else "diverged")
    axes.set_title(title)
    return False


def draw_anomalies(axes: "Axes", drawing: Drawing) -> None:
    """AUROC of each score, digit by digit."""
    records = {k: drawing.record(v) for v, k in anomaly_variants(drawing).items()}
    run = {k: r for k, r in records.items() if r is not None and r.values("auroc_percent_pca")}
    title = "Anomaly: a digit left out of training"
    if not run:
        drawable(axes, next(iter(records.values()), None), title)
        return
    for marker, (score, name) in zip("osD^v", (SCORES | RIVALS).items(), strict=True):
        found = [np.mean(r.values(f"auroc_percent_{score}")) for r in run.values()]
        fill = "full" if score in SCORES else "none"
        axes.plot([*run], found, marker, ms=5, fillstyle=fill, label=name)
    axes.axhline(50, color="black", lw=0.8, ls="--", label="chance")
    axes.set(title=title, xlabel="digit left out", ylabel="AUROC, %", xticks=[*run])
    axes.set(ylim=(-35, 103), yticks=range(0, 101, 25))  # room for the legend
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="lower center")


def draw_augmentation(axes: "Axes", drawing: Drawing) -> None:
    """Every seed's test errors, and their means."""
    names = {
        "error_percent_labels": "labels alone",
        "error_percent_duplicated": "duplicated",
        "error_percent_generated": "with generated",
        "test_error_percent": "the AAE itself",
    }
    drawn = {v: drawing.record(v) for v in AUGMENTATION if drawing.record(v)}
    title = "Augmentation: classifiers with few labels"
    if not drawn:
        drawable(axes, None, title)
        return
    for colour, (variant, record) in enumerate(drawn.items()):
        assert record is not None
        for place, metric in enumerate(names):
            values = record.values(metric)
            places = [place + 0.2 * colour - 0.1] * len(values)
            axes.plot(places, values, "o", ms=4, alpha=0.5, color=f"C{colour}")
            if values:
                axes.plot(places[:1], [np.mean(values)], "_", ms=18, color=f"C{colour}")
        axes.plot([], [], "o", color=f"C{colour}", label=f"{AUGMENTATION[variant]} labels")
    axes.set_xticks(range(len(names)), [*names.values()], fontsize=7)
    axes.set(title=title, ylabel="test error, %", ylim=(0, None))
    axes.legend(frameon=False, fontsize=7, loc="lower left")


def draw_features(axes: "Axes", drawing: Drawing) -> None:
    """Test error against the number of labels: mean and range over seeds."""
    record, title = drawing.record("features"), "Features: classifiers of codes"
    if not drawable(axes, record, title):
        return
    assert record is not None
    for colour, (space, name) in enumerate(SPACES.items()):
        for classifier, line in zip(CLASSIFIERS, ("-", "--"), strict=True):
            metrics = [f"error_percent_{classifier}_{space}_{n}" for n in sizes(drawing)]
            values = np.array([record.values(metric) for metric in metrics])
            text = f"{name}, {CLASSIFIERS[classifier]}"
            axes.plot(
                sizes(drawing),
                values.mean(1),
                "o",
                ls=line,
                ms=3,
                lw=1,
                color=f"C{colour}",
                label=text,
            )
            axes.fill_between(
                sizes(drawing), values.min(1), values.max(1), color=f"C{colour}", alpha=0.2, lw=0
            )
    axes.set(title=title, xscale="log", yscale="log", xlabel="labels", ylabel="test error, %")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="y", which="minor", labelsize=7)
    axes.legend(frameon=False, fontsize=6)


if __name__ == "__main__":
    main(__file__)
