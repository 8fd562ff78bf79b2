"""Table 1: Parzen-window log-likelihood of test images (section 3, appendix A.1), in nats.

The claim: with an 8-D Gaussian code of standard deviation 5, MNIST's test images have a
log-likelihood of 340 ± 2 under a Parzen window over 10,000 samples, and 427 over 10 million; with a
15-D one of standard deviation 10, the Toronto Face Database's (TFD) have 2252 ± 16 and 2522.

TFD is not public: who has it can train ``tfd``. The Olivetti faces stand in for it, by the same
settings and beside the paper's columns: of other faces, and more pixels, their number is
comparable with none of the paper's.

The window's bandwidth is the best for held-out images that are left out of training. The
published ± is the standard error over test images; the spread over seeds is shown beside it. A VAE
with the same networks is the control. The measure is a poor one in many dimensions, as the paper
says itself.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from .cli import main
from .evidence.published import Value, published
from .pages.drawing import Drawing
from .pages.tables import Cell, Row, Table, cell, published_cell
from .pages.titles import title_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from .evidence.records import Record
    from .training.run import Outcome, Run

ITEM = "table1_log_likelihood"
COLUMNS = {
    "mnist": "MNIST (10K)",
    "mnist_10m": "MNIST (10M)",
    "tfd": "TFD (10K)",
    "tfd_10m": "TFD (10M)",
}
STAND_IN = "olivetti"
ROWS, SHOWN = 8, 9  # of Figure 5's sheet


def train(run: "Run") -> "Outcome":
    """Train an adversarial or a variational autoencoder, without labels, then sample it."""
    import torch

    from .measures.evaluate import mean_image_per_pixel, metrics_on_test
    from .measures.likelihood import likelihoods
    from .models.priors import style_prior
    from .training.run import Outcome

    run.needs("has_decoder", "parzen", "validation_images")
    run.decodes_styles_alone()
    stack, data, prior = run.stack, run.dataset, style_prior(run.settings)

    def evaluate() -> "dict[str, Tensor]":
        return metrics_on_test(stack, data)

    fitted = run.fit(evaluate)
    metrics = evaluate() | mean_image_per_pixel(data, len(run.seeds))
    measured, arrays = likelihoods(run, [prior] * len(run.seeds), fitted.diverged)
    metrics |= measured
    with stack.evaluating():
        sheets = [sample_sheet(run, i) for i in range(len(run.seeds))]
    arrays |= {name: torch.stack([sheet[name] for sheet in sheets]) for name in sheets[0]}
    return Outcome(fitted, metrics, arrays)


def sample_sheet(run: "Run", index: int) -> "dict[str, Tensor]":
    """Figure 5's samples, uint8 [8, 9, pixels], and the training images nearest to the last ones.

    Nearest by Euclidean distance of pixels, [8, pixels].
    """
    import torch

    from .base.products import full_precision
    from .base.streams import generator
    from .data.dataset import scaled
    from .models.priors import style_prior

    settings, model = run.settings, run.stack.model(index)
    prior, scaling = style_prior(settings), run.dataset.scaling
    stream = generator(run.seeds[index].seed, "figure samples", run.device)
    with torch.no_grad():
        outputs = model.decoder(prior.sample(ROWS * SHOWN, stream)).view(ROWS, SHOWN, -1)
    images = scaling.to_pixels(outputs)
    with full_precision():
        nearest = torch.cdist(images[:, -1], scaled(run.dataset.train.images)).argmin(1)
    sheet = (images * 255).round().byte()
    return {"samples": sheet, "nearest": run.dataset.train.images[nearest]}


def draw_table(drawing: Drawing) -> None:
    """The published rows, ours below, and the verdict on each of our numbers."""
    content = published().items[ITEM]
    faces = title_of(drawing.settings(STAND_IN).data)
    columns = ["method", *COLUMNS.values(), f"stand-in for TFD: {faces} (10K)"]

    def row(method: str, values: "Mapping[str, Value]") -> Row:
        cells = (published_cell(values[c], "nats") if c in values else "" for c in COLUMNS)
        return [method, *cells, ""]

    rows = [row(other.method, other.values) for other in content.others]
    rows.append(row("AAE (paper)", content.targets))
    stand_in = estimate(drawing.record(STAND_IN), "10000")
    rows.append(["AAE (ours)", *(judged(drawing, c) for c in COLUMNS), stand_in])
    vae = {"mnist": content.targets["mnist_vae"]}
    rows.append(row("VAE, same networks (literature)", vae))
    empty = [""] * (len(columns) - 2)
    rows.append(["VAE, same networks (ours)", judged(drawing, "mnist_vae"), *empty])
    notes = [
        "Ours: mean ± standard deviation over seeds [standard error over test images]. Published: "
        "± is the standard error over test images; [s] quoted by another source, [m] from memory."
    ]
    notes += [text for v in drawing.description.variants if (text := variant_note(drawing, v))]
    notes += drawing.provenance_notes()
    caption = drawing.caption("Parzen-window log-likelihood of test images, nats (Table 1)")
    Table(caption, columns, rows, notes).write(drawing.stem)


def judged(drawing: Drawing, name: str) -> Cell:
    """Ours of a published number, with the verdict on it."""
    content = published().items[ITEM]
    target = content.targets[name]
    count = (target.metric or content.metric).removeprefix("log_likelihood_")
    verdict = next(str(v) for v in drawing.verdicts() if v.target == name)
    return estimate(drawing.record(target.variant or name), count, verdict)


def estimate(record: "Record | None", count: str, verdict: str = "") -> Cell:
    """Mean over seeds, and the standard error over test images; never blank."""
    metric = f"log_likelihood_{count}"
    lacks = record is None or not any(metric in seed.metrics for seed in record.seeds)
    if record is None or (record.healthy and lacks):
        return Cell(note="not run", metric=metric, verdict=verdict)
    found = cell(record, metric, counted=True, verdict=verdict)
    errors = record.values(f"standard_error_{count}")
    return replace(found, standard_error=sum(errors) / len(errors)) if errors else found


def variant_note(drawing: Drawing, variant: str) -> str:
    """The estimates for every number of samples, with their bandwidths; or what it needs."""
    record = drawing.record(variant)
    if record is None:
        reason = drawing.description.variants[variant].not_run
        return f"{variant}: {reason}." if reason else ""
    assert record.settings.parzen is not None
    parts = []
    for count in map(str, record.settings.parzen.samples):
        if any(f"log_likelihood_{count}" in seed.metrics for seed in record.seeds):
            bandwidth = cell(record, f"bandwidth_{count}")
            parts.append(f"{int(count):,} samples {estimate(record, count)}, bandwidth {bandwidth}")
    return f"{variant}: {'; '.join(parts) or 'diverged'}."


if __name__ == "__main__":
    main(__file__)
