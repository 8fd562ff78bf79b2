"""Training of the network of Figure 8, and its error on images that it was not trained on."""

import torch
from torch import Tensor

from replication.training.run import Outcome, Run

from .evaluate import mean_image_error, metrics_on_test, validation_error


def train_and_test(run: Run) -> Outcome:
    """Errors on the test images and, where there are any, on those held out of training.

    Where a decoder is trained, beside its own error that of answering the mean image.
    """

    def evaluate() -> dict[str, Tensor]:
        metrics = metrics_on_test(run.stack, run.dataset)
        if run.settings.validation_images:
            metrics["validation_error_percent"] = validation_error(run.stack, run.dataset)
        return metrics

    fitted = run.fit(evaluate)
    metrics = evaluate()
    if run.settings.phases.reconstruction:
        floor = mean_image_error(run.dataset.train, run.dataset.test)
        metrics["mean_image_per_pixel"] = torch.full([len(run.seeds)], floor).double()
    return Outcome(fitted, metrics)
