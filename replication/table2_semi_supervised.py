"""Table 2: semi-supervised classification error on MNIST and SVHN (section 5, appendix A.2.1).

The claim: with 100 labels the adversarial autoencoder of Figure 8 misclassifies 1.90 +- 0.10 % of
MNIST's test images, with 1000 labels 1.60 +- 0.08 %, with all labels 0.85 +- 0.02 %.

Deviations: the number of epochs of the ``quick`` preset; see README.md for those of the suite.
"""

from torch import Tensor

from .engine.evaluate import mean_image_error, test_metrics
from .engine.job import Outcome, Run
from .engine.models import style_prior
from .engine.phases import Classification, EncoderInput, Reconstruction, Regularisation
from .engine.priors import Categorical


def train(run: Run) -> Outcome:
    """Train the network of Figure 8, or its encoder alone as the supervised baseline."""
    settings, stack = run.settings, run.stack
    optimiser = settings.phases
    encoder_input = EncoderInput(run.streams, settings.input_noise, run.epsilon_size)
    phases: list = []
    if optimiser.reconstruction:
        phases.append(Reconstruction(stack, optimiser.reconstruction, encoder_input))
    if optimiser.discriminator and optimiser.generator:
        priors = {
            "style": style_prior(settings.style_prior, settings.style_size),
            "label": Categorical(settings.label_size),
        }
        phases.append(
            Regularisation(
                stack,
                optimiser.discriminator,
                optimiser.generator,
                priors,
                encoder_input,
                run.streams,
            )
        )
    if optimiser.classification:
        phases.append(Classification(stack, optimiser.classification, encoder_input))

    def evaluate() -> dict[str, Tensor]:
        return test_metrics(stack, run.dataset.test, run.epsilon_size)

    fitted = run.fit(phases, evaluate)
    metrics = evaluate()
    if optimiser.reconstruction:
        floor = mean_image_error(run.dataset.train, run.dataset.test)
        metrics["mean_image_per_pixel"] = metrics["test_error_percent"].new_full(
            (stack.size,), floor
        )
    return Outcome(fitted, metrics, {})
