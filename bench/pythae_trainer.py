"""Table 1's model in Pythae (a library of autoencoders), by its own trainer and classes.

The networks are ours, in Pythae's interface. What Pythae does otherwise than the paper stays: one
forward pass serves both losses, the encoder takes one step down their sum, where the paper's takes
one down each, and the prior is the standard normal. Needs the extra "bench".
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import Adversarial_AE, Adversarial_AE_Config
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
from pythae.trainers import AdversarialTrainer, AdversarialTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from replication.models.networks import initialise, perceptron
from replication.settings.schema import Settings

PIXELS = 784


@contextmanager
def epochs_of(settings: Settings, images: Tensor, device: str) -> Iterator[Callable[[], float]]:
    """Each call is one more pass of Pythae's trainer over ``images`` [N, 784]; gives its seconds.

    What the trainer does before and after its epochs is not in them (it stores the model).
    """
    watch = Stopwatch()
    with trainer_of(settings, images, device, [watch]) as trainer:

        def epoch() -> float:
            trainer.train()
            return watch.seconds

        yield epoch


def flop_of_an_update(settings: Settings, images: Tensor, device: str) -> int:
    """The operations of the products of one update on a batch, in FLOP."""
    batch = images[: settings.batch_size]
    with (
        trainer_of(settings, batch, device, []) as trainer,
        FlopCounterMode(display=False) as counter,
    ):
        trainer.train()
    return counter.get_total_flops()


@contextmanager
def trainer_of(
    settings: Settings,
    images: Tensor,
    device: str,
    callbacks: list[TrainingCallback],
) -> Iterator[AdversarialTrainer]:
    """Of one epoch a call, without evaluation or checkpoints; stores into a temporary folder."""
    data = BaseDataset(images, torch.zeros(len(images)))
    logging.disable(logging.INFO)  # it prints its settings and losses, whatever a logger's level
    try:
        with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()):
            configuration = training_configuration(settings, folder, device)
            model = model_of(settings)
            yield AdversarialTrainer(model, data, None, configuration, callbacks)
    finally:
        logging.disable(logging.NOTSET)


class Stopwatch(TrainingCallback):
    def on_epoch_begin(self, training_config: Any, **_: Any) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, training_config: Any, **_: Any) -> None:
        self.seconds = time.perf_counter() - self._started


def training_configuration(
    settings: Settings, folder: str, device: str
) -> AdversarialTrainerConfig:
    """The rates and momenta of ``settings``; the encoder has one optimiser for both its losses."""
    reconstruction, game = settings.phases.reconstruction, settings.phases.discriminator
    assert reconstruction is not None
    assert game is not None
    return AdversarialTrainerConfig(
        output_dir=folder,
        num_epochs=1,
        per_device_train_batch_size=settings.batch_size,
        autoencoder_optimizer_cls="SGD",
        autoencoder_optimizer_params={"momentum": reconstruction.momentum},
        autoencoder_learning_rate=reconstruction.learning_rate_at(0),
        discriminator_optimizer_cls="SGD",
        discriminator_optimizer_params={"momentum": game.momentum},
        discriminator_learning_rate=game.learning_rate_at(0),
        no_cuda=device == "cpu",
    )


def model_of(settings: Settings) -> Adversarial_AE:
    """784-1000-1000-8 and back, and a discriminator 8-1000-1000-1."""
    configuration = Adversarial_AE_Config(
        input_dim=(PIXELS,),
        latent_dim=settings.style_dim,
        reconstruction_loss="mse",
        deterministic_posterior=True,
    )
    parts = (Encoder(settings), Decoder(settings), Discriminator(settings))
    model = Adversarial_AE(configuration, *parts)
    initialise(model, settings.init_std, torch.Generator().manual_seed(0))
    return model


def layers(inputs: int, settings: Settings, outputs: int) -> nn.Sequential:
    last = nn.Linear(settings.hidden_sizes[-1], outputs)
    return nn.Sequential(perceptron([inputs, *settings.hidden_sizes]), last)


class Encoder(BaseEncoder):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.layers = layers(PIXELS, settings, settings.style_dim)

    def forward(self, x: Tensor) -> ModelOutput:
        code = self.layers(x)
        # Pythae asks for it, and multiplies what it makes of it by 0.
        return ModelOutput(embedding=code, log_covariance=torch.zeros_like(code))


class Decoder(BaseDecoder):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.layers = layers(settings.style_dim, settings, PIXELS)

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)))


class Discriminator(BaseDiscriminator):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.layers = layers(settings.style_dim, settings, 1)

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(embedding=torch.sigmoid(self.layers(x)))
