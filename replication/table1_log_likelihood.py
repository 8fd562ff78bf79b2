"""Table 1: Parzen-window log-likelihood of test images (section 3, appendix A.1), in nats.

The claim: with an 8-D Gaussian code of deviation 5, MNIST's test images have a log-likelihood of
340 ± 2 under a Parzen window over 10,000 samples, and 427 over 10 million; with a 15-D one of
deviation 10, the Toronto Face Database's (TFD) have 2252 ± 16 and 2522.

TFD is not public: who has it can train ``tfd``. The Olivetti faces stand in for it, by the same
settings and beside the paper's columns: of other faces, and more pixels, their number is
comparable with none of the paper's.

The window's deviation is the best of a grid on held-out images that are left out of training; a
best value at the end of the grid is an error. The published ± is the standard error over test
images; the spread over seeds is shown beside it. A VAE with the same networks is the control. The
measure is a poor one in many dimensions, as the paper says itself.
"""

from typing import TYPE_CHECKING

from .cli import main
from .evidence.published import published
from .pages.drawing import Drawing, percent
from .pages.tables import Table
from .pages.titles import title_of

if TYPE_CHECKING:
    from torch import Tensor

    from .evidence.records import Record
    from .training.job import Outcome, Run

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

    from .measures.evaluate import mean_image_error, metrics_on_test
    from .measures.likelihood import likelihoods
    from .models.priors import style_prior
    from .training.job import Outcome

    stack, data, prior = run.stack, run.dataset, style_prior(run.settings)

    def evaluate() -> "dict[str, Tensor]":
        return metrics_on_test(stack, data)

    fitted = run.fit(evaluate)
    metrics = evaluate()
    floor = mean_image_error(data.train, data.test)
    metrics["mean_image_per_pixel"] = torch.full([len(run.seeds)], floor)
    stack.template.eval()
    measured, arrays = likelihoods(run, [prior] * len(run.seeds), fitted.diverged)
    metrics |= measured
    sheets = [sample_sheet(run, i) for i in range(len(run.seeds))]
    arrays |= {name: torch.stack([sheet[name] for sheet in sheets]) for name in sheets[0]}
    return Outcome(fitted, metrics, arrays)


def sample_sheet(run: "Run", index: int) -> "dict[str, Tensor]":
    """Figure 5's samples, uint8 [8, 9, pixels], and the training images nearest to the last ones.

    Nearest by Euclidean distance of pixels, [8, pixels].
    """
    import torch

    from .base.streams import generator
    from .data.dataset import scaled
    from .models.priors import style_prior

    settings, model = run.settings, run.stack.model(index)
    prior, scaling = style_prior(settings), run.dataset.scaling
    stream = generator(run.seeds[index].seed, "figure samples", run.device)
    with torch.no_grad():
        outputs = model.decoder(prior.sample(ROWS * SHOWN, stream)).view(ROWS, SHOWN, -1)
    images = scaling.to_pixels(outputs)
    nearest = torch.cdist(images[:, -1], scaled(run.dataset.train.images)).argmin(1)
    sheet = (images * 255).round().byte()
    return {"samples": sheet, "nearest": run.dataset.train.images[nearest]}


def draw_table(drawing: Drawing) -> None:
    """The published rows, ours below, and the verdict on each of our numbers."""
    content = published().items[ITEM]
    faces = title_of(drawing.settings(STAND_IN).data)
    columns = ["method", *COLUMNS.values(), f"stand-in for TFD: {faces} (10K)"]
    rows = [[m.method, *(str(m.values.get(c, "")) for c in COLUMNS)] for m in content.others]
    rows.append(["AAE (paper)", *(str(content.targets[c]) for c in COLUMNS)])
    stand_in = cell(drawing, STAND_IN, content.metric)
    rows.append(["AAE (ours)", *(published_cell(drawing, c) for c in COLUMNS), stand_in])
    verdicts = {v.target: str(v) for v in drawing.verdicts()}
    rows.append(["verdict", *(verdicts[c] for c in COLUMNS)])
    rows.append(["VAE, same networks (literature)", str(content.targets["mnist_vae"])])
    rows.append(["VAE, same networks (ours)", published_cell(drawing, "mnist_vae")])
    rows.append(["verdict on the VAE", verdicts["mnist_vae"]])
    rows = [[*row, *[""] * (len(columns) - len(row))] for row in rows]
    notes = ["Ours: mean ± sample deviation over seeds [standard error over test images]."]
    notes += [text for v in drawing.description.variants if (text := variant_note(drawing, v))]
    caption = drawing.caption("Parzen-window log-likelihood of test images, nats (Table 1)")
    Table(caption, columns, rows, notes).write(drawing.stem)


def published_cell(drawing: Drawing, name: str) -> str:
    """Ours of a published number."""
    content = published().items[ITEM]
    target = content.targets[name]
    return cell(drawing, target.variant or name, target.metric or content.metric)


def cell(drawing: Drawing, variant: str, metric: str) -> str:
    """A number of ours: never blank."""
    record = drawing.record(variant)
    if record is None or not any(metric in seed.metrics for seed in record.seeds):
        return "not run"
    return estimate_text(record, metric.removeprefix("log_likelihood_"))


def estimate_text(record: "Record", count: str) -> str:
    """Mean ± deviation over seeds, and the standard error over test images."""
    error = record.values(f"standard_error_{count}")
    values = record.values(f"log_likelihood_{count}")
    return f"{percent(values)} [{sum(error) / len(error):.2f}] (n={len(values)})"


def variant_note(drawing: Drawing, variant: str) -> str:
    """The estimates for every number of samples, with the windows' deviations; or what it needs."""
    record = drawing.record(variant)
    if record is None:
        reason = drawing.description.variants[variant].not_run
        return f"{variant}: {reason}." if reason else ""
    assert record.settings.parzen is not None
    parts = []
    for count in map(str, record.settings.parzen.samples):
        if any(f"log_likelihood_{count}" in seed.metrics for seed in record.seeds):
            deviation = percent(record.values(f"bandwidth_{count}"))
            text = estimate_text(record, count)
            parts.append(f"{int(count):,} samples {text}, deviation {deviation}")
    return f"{variant}: {'; '.join(parts) or 'diverged'}"


if __name__ == "__main__":
    main(__file__)
