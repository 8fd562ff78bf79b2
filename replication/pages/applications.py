"""The uses of adversarial autoencoders: what their tables and the panels of their figure show."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .drawing import Drawing
from .image_grids import WHITE, squares, tiled
from .style import LINES, SMALL, TINY, in_decades, not_run
from .tables import cell, cell_if_measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from replication.evidence.records import Record

GENERATION = {
    "generation_aae": "AAE",
    "generation_aae_longer": "AAE, 30 epochs",
    "generation_vae": "VAE, same networks",
}
FID_OF_REAL, SCORE_OF_REAL = "fid_sampling_noise", "inception_score_ceiling"
AUGMENTATION = {"augmentation_100": 100, "augmentation_1000": 1000}
TAUGHT = {
    "error_percent_labels": "labels alone",
    "error_percent_duplicated": "with copies",
    "error_percent_generated": "with generated images",
    "test_error_percent": "the AAE itself",
    "generated_read_percent": "asked class is read",
}
SCORES = {
    "reconstruction": "reconstruction error",
    "prior": "prior's density",
    "discriminator": "discriminator",
}
RIVALS = {
    "pca": "principal components",
    "forest": "isolation forest",
    "nearest": "nearest training image",
}
AREAS = {"auroc": "AUROC", "auprc": "AUPRC"}
SPACES = {"codes": "codes", "components": "principal components", "pixels": "pixels"}
HASHED = {
    "codes": "bits of codes",
    "components": "bits of principal components",
    "random": "bits of random projections",
    "pixels": "pixels",
    "chance": "chance",
}
BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}  # a legend's place
CLASSIFIERS = {"logistic": "logistic regression", "nearest": "nearest neighbours"}


def shown(drawing: Drawing, variant: str) -> bool:
    """The variant is meant to run at the drawing's preset."""
    return drawing.preset in drawing.description.variants[variant].presets


def anomaly_variants(drawing: Drawing) -> dict[str, int]:
    """The variants of the preset, each with the digit left out."""
    return {
        name: int(name.removeprefix("anomaly_"))
        for name in drawing.description.variants
        if name.startswith("anomaly_") and shown(drawing, name)
    }


def sizes(drawing: Drawing) -> list[int]:
    """The numbers of labels that were tried, or are to be."""
    record = drawing.record("features")
    settings = record.settings if record else drawing.settings("features")
    assert settings.application is not None
    return settings.application.label_counts


def picture(axes: "Axes", images: np.ndarray, title: str, below: str) -> None:
    """uint8 [R, K, pixels] as a sheet."""
    sheet = tiled(squares(images), WHITE)[..., 0]
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title)
    axes.set_xlabel(below, fontsize=SMALL)
    axes.spines[:].set_visible(False)


def draw_samples(axes: "Axes", drawing: Drawing, variant: str, name: str) -> None:
    """Images decoded from the prior, and what they measure."""
    record, title = drawing.record(variant), f"Drawn by the {name}"
    if not drawable(axes, record, title):
        return
    text = (
        f"FID {cell(record, 'fid')}; of training images {cell(record, 'fid_sampling_noise')}\n"
        f"inception score {cell(record, 'inception_score')}; "
        f"of test images {cell(record, 'inception_score_ceiling')}"
    )
    images = drawing.arrays(variant)["samples"]
    picture(axes, images.reshape(8, 8, -1), title, text)


def draw_generated(axes: "Axes", drawing: Drawing) -> None:
    """Generated images, each column of one class."""
    variant, title = "augmentation_100", "Generated, a class in each column (100 labels)"
    record = drawing.record(variant)
    if not drawable(axes, record, title):
        return
    text = f"class asked for is read in {cell(record, 'generated_read_percent')} %"
    picture(axes, drawing.arrays(variant)["generated"], title, text)


def drawable(axes: "Axes", record: "Record | None", title: str) -> bool:
    """Whether there is something to draw; otherwise the panel says what is the matter."""
    if record is not None and any(s.status == "ok" for s in record.seeds):
        return True
    not_run(axes, record)
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
    for marker, (score, name) in zip("osD^v<", (SCORES | RIVALS).items(), strict=True):
        found = {k: cell_if_measured(r, f"auroc_percent_{score}").mean for k, r in run.items()}
        known = {k: mean for k, mean in found.items() if mean is not None}
        fill = "full" if score in SCORES else "none"
        if known:  # older records have no nearest image
            axes.plot([*known], [*known.values()], marker, ms=5, fillstyle=fill, label=name)
    axes.axhline(50, color="black", lw=0.8, ls="--", label="chance")
    axes.set(title=title, xlabel="digit left out", ylabel="AUROC, %", xticks=[*run])
    axes.set(ylim=(0, 103), yticks=range(0, 101, 25))
    axes.legend(ncols=2, fontsize=TINY, **BELOW)


def draw_augmentation(axes: "Axes", drawing: Drawing) -> None:
    """Every seed's test errors, and their means."""
    names = {metric: name for metric, name in TAUGHT.items() if "error" in metric}
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
            axes.plot(places, values, "o", ms=4, alpha=0.5, color=LINES[colour])
            if values:
                axes.plot(places[:1], [np.mean(values)], "_", ms=18, color=LINES[colour])
        axes.plot([], [], "o", color=LINES[colour], label=f"{AUGMENTATION[variant]} labels")
    axes.set_xticks(range(len(names)), [*names.values()], fontsize=TINY, rotation=15)
    axes.set(title=title, ylabel="test error, %", ylim=(0, None))
    axes.legend(ncols=2, **BELOW)


def draw_features(axes: "Axes", drawing: Drawing) -> None:
    """Test error against the number of labels: mean and range over seeds."""
    record, title = drawing.record("features"), "Features: classifiers of codes"
    if not drawable(axes, record, title):
        return
    assert record is not None
    dashes = {"logistic": "-", "nearest": "--"}
    for colour, (space, name) in zip(LINES, SPACES.items(), strict=False):
        for classifier, line in dashes.items():
            metrics = [f"error_percent_{classifier}_{space}_{n}" for n in sizes(drawing)]
            values = np.array([record.values(metric) for metric in metrics])
            axes.plot(sizes(drawing), values.mean(1), "o", ls=line, ms=3, lw=1, color=colour)
            low, high = values.min(1), values.max(1)
            axes.fill_between(sizes(drawing), low, high, color=colour, alpha=0.2, lw=0)
        axes.plot([], [], "o", color=colour, label=name)
    for classifier, line in dashes.items():
        axes.plot([], [], ls=line, color="black", label=CLASSIFIERS[classifier])
    axes.set(title=title, xscale="log", yscale="log", xlabel="labels", ylabel="test error, %")
    in_decades(axes.yaxis)
    axes.legend(ncols=2, fontsize=TINY, handlelength=3, **BELOW)
