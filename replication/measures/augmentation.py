"""A supervised classifier with few labels, taught by images that a semi-supervised model draws.

The model of Figure 8 was trained with the same labels and all images; its decoder is asked for
each class in styles of the prior. Three classifiers start from the same weights and make the same
number of updates:

- ``labels``: with the labelled images alone, as the paper's "NN";
- ``duplicated``: with copies of them, as many as below: what more images of no news do, the floor;
- ``generated``: with the copies, half of them replaced by generated images.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from replication.base.streams import Streams, generator
from replication.data.dataset import Split
from replication.models.build import build
from replication.models.priors import one_hot, style_prior
from replication.models.stack import Stack
from replication.settings.optimisers import Phases
from replication.settings.schema import Settings
from replication.training.fit import Batches
from replication.training.inputs import Batch, EncoderInput
from replication.training.phases import Classification
from replication.training.run import Run

from .evaluate import CHUNK, metrics_on_test
from .probes import train_reader

ROWS = 8  # of generated images that a figure can show


@torch.no_grad()
def generated_images(run: Run, index: int, count: int) -> Split:
    """``count`` images of the ``index``-th model's decoder, of each class in turn."""
    model, settings = run.stack.model(index), run.settings
    stream = generator(run.seeds[index].seed, "generated", run.device)
    labels = torch.arange(count, device=run.device) % settings.label_dim
    styles = style_prior(settings).sample(count, stream)
    with run.stack.evaluating():
        images = [
            run.dataset.scaling.to_bytes(model.decoder(z, one_hot(y, settings.label_dim)))
            for z, y in zip(styles.split(CHUNK), labels.split(CHUNK), strict=True)
        ]
    return Split(torch.cat(images), labels)


def pools(labelled: Split, generated: Split) -> dict[str, Split]:
    """What each of the three classifiers is trained on; the last two have the same size."""

    def copies(count: int) -> Split:
        return labelled[torch.arange(count, device=labelled.labels.device) % len(labelled)]

    half = copies(len(generated))
    both = Split(
        torch.cat([half.images, generated.images]), torch.cat([half.labels, generated.labels])
    )
    return {"labels": labelled, "duplicated": copies(2 * len(generated)), "generated": both}


def classifier_errors(run: Run, own: list[Split], updates: int) -> Tensor:
    """Test errors in percent, [S], of classifiers trained on each seed's ``own`` images.

    They are the suite's "NN": the encoder with a label head alone, without noise on its input, at
    the first rate of the settings' third phase.
    """
    settings = classifier_settings(run.settings)
    assert settings.phases.classification is not None
    seeds = [seed.seed for seed in run.seeds]
    stack = Stack(
        lambda s: build(settings, run.dataset.pixels, s), seeds, run.device, run.stack.bf16
    )
    streams = Streams(seeds, run.device)
    given = EncoderInput(streams, settings, 0)
    phase = Classification(stack, settings.phases.classification, given)
    for batch in islice(batches(run, own, streams), updates):
        phase(batch)
    return metrics_on_test(stack, run.dataset)["test_error_percent"]


def classifier_settings(settings: Settings) -> Settings:
    """Those of the classifier of a semi-supervised model: its encoder and third phase alone."""
    changes = {
        "style_dim": 0,
        "posterior": "deterministic",
        "posterior_noise_dim": 0,
        "input_noise_std": 0.0,
        "input_dropout": 0.0,
        "input_masking": 0.0,
        "input_salt_and_pepper": 0.0,
        "phases": Phases(classification=settings.phases.classification),
        "application": None,
    }
    return settings.model_copy(update=changes)


def batches(run: Run, own: list[Split], streams: Streams) -> Iterator[Batch]:
    """Labelled batches of each seed's ``own`` images, without end."""
    images, labels = (torch.cat([getattr(s, name) for s in own]) for name in ("images", "labels"))
    together = replace(run.dataset, train=Split(images, labels))
    places = torch.arange(len(labels), device=run.device).view(len(own), -1)
    drawn = Batches(together, places, run.settings.batch_size, streams, labelled_epochs=True)
    while True:
        yield from drawn.epoch()


def measure_augmentation(run: Run) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """``error_percent_...`` of the three classifiers, [S], and some of the generated images.

    ``generated_read_percent``: how often a reader trained with all labels reads the class that was
    asked for. ``generated`` is uint8 [S, ROWS, classes, pixels].
    """
    application, train = run.settings.application, run.dataset.train
    labelled = run.batches().labelled
    assert application is not None
    count, updates = application.generated_images, application.classifier_updates
    assert count is not None
    assert updates is not None
    assert labelled is not None
    drawn = [generated_images(run, i, count) for i in range(run.stack.size)]
    of_seeds = [pools(train[chosen], own) for chosen, own in zip(labelled, drawn, strict=True)]
    metrics = {
        f"error_percent_{name}": classifier_errors(run, [own[name] for own in of_seeds], updates)
        for name in of_seeds[0]
    }
    reader = train_reader(run.dataset)
    read = [100 - reader.error_percent(own) for own in drawn]
    metrics["generated_read_percent"] = torch.tensor(read)
    shown = torch.stack([own.images[: ROWS * run.settings.label_dim] for own in drawn])
    return metrics, {"generated": shown.unflatten(1, (-1, run.settings.label_dim))}
