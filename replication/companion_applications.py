"""What adversarial autoencoders are used for, each beside a baseline. Not in the paper.

- *Generation*: images decoded from the prior, by an adversarial and a variational autoencoder.
  Measured by Frechet distance (FID) and inception score, through the suite's own classifier;
  beside them those of real images.
- *Anomalies*: a digit that is left out of training is to be told from the others in the test
  images, by the reconstruction's error, the prior's density of the code or the discriminator;
  beside them principal components, an isolation forest and the distance to the nearest training
  image, which take no autoencoder.
- *Augmentation*: a supervised classifier with few labels, taught by images that the
  semi-supervised model with the same labels draws; beside it one taught by copies.
- *Features*: codes learned without labels as the input of classifiers, against pixels and as many
  principal components.
- *Hashing*: images found again by one bit of each number of a code, against as many bits of
  principal components and of random projections, and against pixels.

Test labels choose nothing: no threshold is set.
"""

from typing import TYPE_CHECKING

from .cli import main
from .pages.applications import (
    AREAS,
    AUGMENTATION,
    CLASSIFIERS,
    FID_OF_REAL,
    GENERATION,
    HASHED,
    RIVALS,
    SCORE_OF_REAL,
    SCORES,
    SPACES,
    TAUGHT,
    anomaly_variants,
    draw_anomalies,
    draw_augmentation,
    draw_features,
    draw_generated,
    draw_samples,
    shown,
    sizes,
)
from .pages.drawing import Drawing, seeds_of
from .pages.style import new_figure
from .pages.tables import Cell, Row, Table, cell, cell_if_measured, number, write_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from .evidence.records import Record
    from .training.run import Outcome, Run


def train(run: "Run") -> "Outcome":
    """Train by the phases that the settings name, then put the model to its use."""
    from .measures.features import check_sizes
    from .measures.semi_supervised import train_and_test
    from .training.run import Outcome

    run.needs("application")
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
    from .measures.hashing import measure_hashing
    from .models.priors import style_prior

    assert run.settings.application is not None
    kind = run.settings.application.kind
    if kind == "generation":
        return measure_generation(run, diverged, [style_prior(run.settings)] * len(run.seeds))
    if kind == "augmentation":
        return measure_augmentation(run)
    others = {
        "anomaly": measure_anomaly,
        "features": measure_features,
        "hashing": measure_hashing,
    }
    return others[kind](run, diverged), {}


def draw_table(drawing: Drawing) -> None:
    """Five tables: one for each use, a column for each method."""
    tables = (generation, anomaly, augmentation, features, hashing)
    write_tables(drawing.stem, [table(drawing) for table in tables])


def generation(drawing: Drawing) -> Table:
    """Both measures of each autoencoder, beside those of real images."""
    names = {variant: name for variant, name in GENERATION.items() if shown(drawing, variant)}
    made = [drawing.record(variant) for variant in names]
    known = next((record for record in made if record), None)
    rows: list[Row] = [
        ["FID to test images", *(cell(r, "fid") for r in made), cell(known, FID_OF_REAL)],
        [
            "inception score",
            *(cell(r, "inception_score") for r in made),
            cell(known, SCORE_OF_REAL),
        ],
    ]
    epochs = ", ".join(f"{variant} {drawing.settings(variant).epochs}" for variant in names)
    notes = [
        f"Mean ± standard deviation over seeds: {counts(drawing, names)}. Epochs: {epochs}.",
        "FID and inception score are read through the suite's classifier, not through one of "
        "ImageNet: comparable within this table only. The classifier misreads "
        f"{cell(known, 'reader_error_percent')} % of the test images. Real images: training "
        "images for the FID (its sampling noise; the classifier was trained on them, so that it is "
        "no lower bound), test images for the score.",
    ]
    columns = ["measure", *names.values(), "real images"]
    caption = drawing.caption("Generation: images decoded from the prior (no published number)")
    return Table(caption, columns, rows, notes)


def anomaly(drawing: Drawing) -> Table:
    """Each digit as the anomaly, and the mean over the digits that were run."""
    records = {k: drawing.record(v) for v, k in anomaly_variants(drawing).items()}
    scores = SCORES | RIVALS
    rows: list[Row] = []
    for area, name in AREAS.items():
        for digit, record in records.items():
            own = (cell_if_measured(record, f"{area}_percent_{score}") for score in scores)
            chance = Cell(mean=50.0) if area == "auroc" else cell(record, "auprc_percent_chance")
            rows.append([f"{name}, digit {digit}", *own, chance])
        stored = [r for r in records.values() if r]
        run = [r for r in stored if r.values(f"{area}_percent_pca")]
        # Without any digit the row says why, as the first does.
        means = (over_digits(run or stored[:1], f"{area}_percent_{score}") for score in scores)
        rows.append([f"{name}, mean over {len(run)} digits", *means, Cell()])
    notes = [
        "All test images; the digit left out of training is the anomaly. The ± of the means is the "
        "standard deviation between digits, of which each has one or a few seeds. The methods from "
        "principal components on take no autoencoder; the nearest training image learns nothing."
    ]
    caption = drawing.caption("Anomalies: a digit that was left out of training, %")
    return Table(caption, ["measure", *scores.values(), "chance"], rows, notes)


def over_digits(run: "list[Record]", metric: str) -> Cell:
    """The mean of a metric over the digits ± the standard deviation between them."""
    found = [cell_if_measured(record, metric).mean for record in run]
    known = [mean for mean in found if mean is not None]
    if not known:
        return cell_if_measured(run[0] if run else None, metric)
    return number(known) if len(known) == len(found) else Cell(note="not measured")


def augmentation(drawing: Drawing) -> Table:
    """The classifier taught by generated images beside those that were not."""
    rows: list[Row] = []
    for variant, labels in AUGMENTATION.items():
        if shown(drawing, variant):
            record = drawing.record(variant)
            rows.append([f"{labels:,} labels", *(cell(record, m) for m in TAUGHT)])
    notes = [
        f"Mean ± standard deviation over seeds: {counts(drawing, AUGMENTATION)}.",
        "Copies are the control: as many copies of the labelled images as generated images, and as "
        "many updates. The class asked for is read in the generated images by a classifier that "
        "was trained on all labels.",
    ]
    caption = drawing.caption("Augmentation: error of a classifier on test images, %")
    return Table(caption, ["labels", *TAUGHT.values()], rows, notes)


def features(drawing: Drawing) -> Table:
    """Each number of labels and classifier."""
    record = drawing.record("features")
    rows: list[Row] = []
    for size in sizes(drawing):
        for classifier, name in CLASSIFIERS.items():
            own = (cell(record, f"error_percent_{classifier}_{s}_{size}") for s in SPACES)
            largest = cell(record, "error_percent_largest_class")
            rows.append([f"{size:,} labels, {name}", *own, largest])
    notes = [
        f"Mean ± standard deviation over seeds: {counts(drawing, ['features'])}. As many principal "
        "components as the code has numbers. Of nearest neighbours the five nearest vote, fewer "
        "where a class has fewer labels."
    ]
    caption = drawing.caption("Features: error of classifiers of codes on test images, %")
    return Table(caption, ["classifier", *SPACES.values(), "largest class"], rows, notes)


def hashing(drawing: Drawing) -> Table:
    """Precision at 100, by bits of codes and of what nobody trained."""
    record = drawing.record("hashing")
    size = drawing.settings("hashing").style_dim
    rows: list[Row] = [
        ["precision at 100", *(cell(record, f"precision_percent_{s}") for s in HASHED)],
    ]
    notes = [
        f"Mean ± standard deviation over seeds: {counts(drawing, ['hashing'])}. {size} bits: each "
        "number above or below its median over the training images. Test images ask, training "
        "images are found; of images at the same distance any may come first, and the expected "
        "share is given. The distance of pixels is no hash.",
    ]
    caption = drawing.caption("Hashing: images of the same class among the 100 nearest, %")
    return Table(caption, ["measure", *HASHED.values()], rows, notes)


def counts(drawing: Drawing, variants: "Iterable[str]") -> str:
    """How many seeds each variant of the preset has."""
    return ", ".join(f"{v} {seeds_of(drawing.record(v))}" for v in variants if shown(drawing, v))


def draw_figure(drawing: Drawing) -> None:
    """Samples of both autoencoders and generated images above; a chart for each other use below."""
    figure = new_figure(11, 7.4)
    above, below = figure.subfigures(2, height_ratios=[1, 1.1], squeeze=False)[:, 0]
    samples = above.subplots(1, 3, width_ratios=[8, 8, 10])  # as many images wide
    for axes, variant in zip(samples, ("generation_aae", "generation_vae"), strict=False):
        draw_samples(axes, drawing, variant, GENERATION[variant])
    draw_generated(samples[2], drawing)
    charts = below.subplots(1, 3)
    draw_anomalies(charts[0], drawing)
    draw_augmentation(charts[1], drawing)
    draw_features(charts[2], drawing)
    drawing.save(figure)


if __name__ == "__main__":
    main(__file__)
