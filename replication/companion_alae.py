"""A companion, not in the paper: the adversarial latent autoencoder, and what its codes tell.

Pidhorskyi, Adjeroh and Doretto (ALAE, CVPR 2020, arXiv:2004.04467) move the adversarial game into
the latent space: what makes a code of noise is learned (F), and the autoencoder reconstructs codes,
not images. The claim, on permutation-invariant MNIST: a linear support vector machine tells more
from its codes than from those of autoencoders with the same networks. It and a nearest neighbour
are measured, on short codes (w) and on long ones (before the encoder's last layer).

A popular tutorial describes another system under that name, with a wrong reference. Two variants
have what it tells, each put into ALAE as published:

- ``alae_convolutional``: a convolutional encoder without pooling, and transposed convolutions;
- ``alae_lipschitz``: a bound on how far each update may move the parameters. Nothing of the kind is
  in the ALAE paper, and a bound on updates is no bound on the networks' Lipschitz constants.

``floors`` trains nothing: the same classifiers on pixels, and on codes of untrained encoders.
"""

from typing import TYPE_CHECKING

import numpy as np

from .cli import main
from .evidence.published import published
from .pages.drawing import Drawing, enumerated
from .pages.image_grids import WHITE, gap_of, side_by_side
from .pages.other_variants import other_variants
from .pages.style import new_figure, not_run
from .pages.tables import Cell, Row, Table, cell, cell_if_measured, published_cell, write_tables
from .pages.titles import title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from torch import Tensor

    from .evidence.records import Record
    from .training.losses import Model
    from .training.run import Outcome, Run

ITEM = "companion_alae"
COLUMNS = {
    "short_nearest_neighbour": "short codes, 1-NN",
    "short_linear": "short codes, SVM",
    "long_nearest_neighbour": "long codes, 1-NN",
    "long_linear": "long codes, SVM",
}
# By variant: the name, and how its published numbers' names begin.
JUDGED = {
    "alae_mnist_ref": ("ALAE", "alae"),
    "ae_l1": ("AE, absolute error", "ae_l1"),
    "ae_l2": ("AE, squared error", "ae_l2"),
}
MAIN_BRANCH = {"alae": "ALAE with pixels in [-1, 1] and averaged weights (its code's main branch)"}
TUTORIAL = {
    "alae_convolutional": "ALAE with convolutions (the tutorial's)",
    "alae_lipschitz": "ALAE with bounded updates (the tutorial's, not ALAE's)",
}
FLOORS = "floors"
ATTACKS = {"clean": "test images", "fgsm": "after FGSM", "pgd": "after PGD"}
SAMPLED = 10  # columns of samples; each class has a column of reconstructions


def train(run: "Run") -> "Outcome":
    """Train, if there is anything to train; then classify by the codes."""
    import torch

    from .measures.attacks import code_attacks, pixel_attacks
    from .measures.codes import code_accuracies, pixel_accuracies
    from .measures.evaluate import mean_image_per_pixel, metrics_on_test
    from .training.fit import Fitted
    from .training.run import Outcome

    run.needs("alae")
    settings, stack, data = run.settings, run.stack, run.dataset
    assert settings.alae is not None
    count, classified = len(run.seeds), settings.svm_images

    def evaluate() -> "dict[str, Tensor]":
        return metrics_on_test(stack, data)

    if not (settings.phases.generator or settings.phases.reconstruction):
        fitted = Fitted([[] for _ in run.seeds], [False] * count)
        metrics = code_accuracies(stack, data, classified, [True] * count)
        metrics |= code_attacks(stack, data, [True] * count)
        of_pixels = pixel_accuracies(data, settings.style_dim, classified) | pixel_attacks(data)
        for name, value in of_pixels.items():
            metrics[f"pixels_{name}"] = torch.full([count], value)
        return Outcome(fitted, metrics)
    fitted = run.fit(evaluate)
    metrics = evaluate()
    healthy = [not bad for bad in fitted.diverged]
    metrics |= code_accuracies(stack, data, classified, healthy)
    metrics |= code_attacks(stack, data, healthy)
    if settings.phases.reconstruction:  # ALAE does not promise the pixels: it has no such floor
        metrics |= mean_image_per_pixel(data, count)
    return Outcome(fitted, metrics, pictures(run))


def pictures(run: "Run") -> "dict[str, Tensor]":
    """One test image of each class, G(E(x)) of it and, where there is an F, samples G(F(z)).

    uint8, [S, N, channels, height, width] each: ``sources``, ``reconstructed``, ``sampled``.
    """
    import torch

    from .data.dataset import choose_labelled
    from .measures.evaluate import over_chunks
    from .training.alae import generated

    stack, data = run.stack, run.dataset
    chosen = data.test.images[choose_labelled(data.test.labels, data.classes, 0)]

    def reconstruct(model: "Model", images: "Tensor") -> "Tensor":
        codes = model.encoder(data.scaling.to_network(images))
        return data.scaling.to_bytes(model.decoder(codes["style"]))

    reconstructed = over_chunks(stack, reconstruct, chosen)
    arrays = {"sources": chosen.expand_as(reconstructed), "reconstructed": reconstructed}
    if run.settings.phases.generator:
        noise = run.streams.normal("figure samples", 2 * SAMPLED, run.settings.style_dim)
        with torch.no_grad():
            arrays["sampled"] = data.scaling.to_bytes(stack.each(generated, noise))
    return {name: images.unflatten(-1, data.shape) for name, images in arrays.items()}


def draw_table(drawing: Drawing) -> None:
    """The published rows, ours below each, and the verdicts."""
    content = published().items[ITEM]
    verdicts = {v.target: str(v) for v in drawing.verdicts()}
    rows: list[Row] = []
    for variant, (name, prefix) in JUDGED.items():
        targets = [f"{prefix}_{column}" for column in COLUMNS]
        values = (published_cell(content.targets[t], "%") for t in targets)
        rows.append([f"{name} (published)", *values])
        judged = [verdicts[t] for t in targets]
        rows.append([f"{name} (ours)", *cells(drawing, variant, verdicts=judged)])
    for other in content.others:
        found = (other.values.get(f"alae_{column}") for column in COLUMNS)
        values = (published_cell(v, "%") if v else Cell() for v in found)
        rows.append([f"{other.method} (published)", *values])
    unpublished = MAIN_BRANCH | TUTORIAL
    rows += [[name, *cells(drawing, variant)] for variant, name in unpublished.items()]
    rows.append(["untrained encoder", *cells(drawing, FLOORS)])
    rows.append(["pixels; short: principal components", *cells(drawing, FLOORS, "pixels_")])
    data = title_of(drawing.settings("alae").data)
    caption = drawing.caption(f"What codes tell of the label, {data}: accuracy on test images, %")
    read = Table(caption, ["method", *COLUMNS.values()], rows, notes(drawing))
    measures = [f"{column}_percent" for column in COLUMNS]
    others = other_variants(drawing, {*trained(), FLOORS}, measures)
    write_tables(drawing.stem, [read, attacks(drawing), *others])


def attacks(drawing: Drawing) -> Table:
    """What a classifier of short codes still names right when its images are attacked."""
    named = trained() | {FLOORS: "untrained encoder"}
    rows: list[Row] = [[name, *attacked(drawing.record(v), "")] for v, name in named.items()]
    rows.append(["pixels, no encoder", *attacked(drawing.record(FLOORS), "pixels_")])
    notes = [
        "Logistic regression on short codes, fitted on 10,000 training images; the first 1,000 "
        "test images, each pixel moved by at most 0.1 of its range with the gradient of the whole. "
        "No number is published for this; a tutorial claims that codes withstand such images.",
    ]
    caption = drawing.caption("Adversarial examples: accuracy of a classifier of codes, %")
    return Table(caption, ["input of the classifier", *ATTACKS.values()], rows, notes)


def attacked(record: "Record | None", prefix: str) -> list[Cell]:
    return [cell_if_measured(record, f"{prefix}{a}_accuracy_percent") for a in ATTACKS]


def trained() -> dict[str, str]:
    """The variants that are trained, with their names."""
    return {variant: name for variant, (name, _) in JUDGED.items()} | MAIN_BRANCH | TUTORIAL


def cells(
    drawing: Drawing, variant: str, prefix: str = "", verdicts: "Sequence[str]" = ("",) * 4
) -> list[Cell]:
    """A variant's four accuracies, with the number of seeds and the verdicts on them."""
    record = drawing.record(variant)
    return [
        cell(record, f"{prefix}{column}_percent", counted=True, verdict=verdict)
        for column, verdict in zip(COLUMNS, verdicts, strict=True)
    ]


def notes(drawing: Drawing) -> list[str]:
    """What the numbers are, how long training was, and what limits the comparison."""
    settings = drawing.settings("alae")
    assert settings.alae is not None
    published_epochs = Drawing("paper", ITEM).settings("alae").epochs
    epochs = {n: drawing.settings(v).epochs for v, n in trained().items()}
    images = {n: count for v, n in trained().items() if (count := drawing.settings(v).svm_images)}
    other = "".join(f" {n}: {e}." for n, e in epochs.items() if e != settings.epochs)
    texts = [
        f"Short codes: w, {settings.style_dim} numbers. Long codes: the features before the "
        "encoder's last layer. Ours: mean ± standard deviation over seeds (n).",
        f"{settings.epochs} epochs; the published ALAE was trained for {published_epochs}.{other}",
        "The two variants named the tutorial's are not in the ALAE paper: a tutorial, whose "
        "address we do not have, describes ALAE with convolutions and with a bound on the updates.",
    ]
    for count in sorted(set(images.values())):
        rows = enumerated([name for name, own in images.items() if own == count])
        texts.append(f"The SVM is fitted on all training images, on {count:,} of them for: {rows}.")
    return texts


def draw_figure(drawing: Drawing) -> None:
    """A panel for each trained variant."""
    variants = trained()
    figure = new_figure(9, 1.35 * len(variants) + 0.3)
    for axes, (variant, name) in zip(figure.subplots(len(variants)), variants.items(), strict=True):
        record = drawing.record(variant)
        if record is None or not record.values("test_reconstruction_per_pixel"):
            not_run(axes, record)
            axes.set_title(name)
            continue
        error = cell(record, "test_reconstruction_per_pixel")
        axes.set_title(f"{name}: squared error per pixel x 1000: {error}")
        panel(axes, drawing.arrays(variant))
    drawing.save(figure)


def panel(axes: "Axes", arrays: dict[str, np.ndarray]) -> None:
    """Left: images above G(E(x)). Right: samples G(F(z)), where there is an F."""
    left = np.stack([arrays["sources"], arrays["reconstructed"]])
    samples = arrays.get("sampled")
    nothing = np.full((2, SAMPLED, *left.shape[2:]), WHITE, dtype=np.uint8)
    right = nothing if samples is None else samples.reshape(nothing.shape)
    picture = side_by_side(left, right, WHITE)
    axes.imshow(picture[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    height, width = left.shape[3] + 1, left.shape[4] + 1
    axes.set_yticks([height / 2, 1.5 * height], ["x", "G(E(x))"])
    middle = left.shape[1] * width + gap_of(right) + SAMPLED * width / 2
    names = {left.shape[1] * width / 2: "test images"}
    if samples is not None:
        names[middle] = "samples G(F(z))"
    else:
        axes.text(middle, height, "no prior, so no samples", ha="center", va="center", color="0.4")
    axes.set_xticks([*names], [*names.values()])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    main(__file__)
