"""Training of the network of Figure 8, and its error on images that it was not trained on."""

from torch import Tensor

from replication.data.dataset import Dataset
from replication.models.priors import one_hot
from replication.models.stack import Stack
from replication.training.losses import Model
from replication.training.run import Outcome, Run

from .evaluate import mean_image_per_pixel, metrics_on_test, over_chunks, validation_error


def smallest_class(stack: Stack, dataset: Dataset) -> Tensor:
    """The share of test images, in per cent, of the class that q(y|x) gives the fewest; [S].

    No label is used. Near 0, a class was swallowed by another.
    """

    def inferred(model: Model, images: Tensor) -> Tensor:
        logits: Tensor = model.encoder(dataset.scaling.to_network(images))["label"]
        return one_hot(logits.argmax(-1), logits.shape[-1])

    return 100 * over_chunks(stack, inferred, dataset.test.images).double().mean(1).min(1).values


def train_and_test(run: Run) -> Outcome:
    """Errors on the test images and, where there are any, on those held out of training.

    Where a decoder is trained, beside its own error that of answering the mean image.
    """

    def evaluate() -> dict[str, Tensor]:
        metrics = metrics_on_test(run.stack, run.dataset)
        if run.settings.validation_images:
            metrics["validation_error_percent"] = validation_error(run.stack, run.dataset)
        if run.settings.joint:
            metrics["smallest_class_percent"] = smallest_class(run.stack, run.dataset)
        return metrics

    fitted = run.fit(evaluate)
    metrics = evaluate()
    if run.settings.has_decoder:
        metrics |= mean_image_per_pixel(run.dataset, len(run.seeds))
    return Outcome(fitted, metrics)
