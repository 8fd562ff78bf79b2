"""Greedy layer-wise training of a stacked autoencoder, then of the whole.

Bengio et al. (2007); with corrupted inputs, the stacked denoising autoencoder of Vincent et al.
(2010).
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from replication.models.networks import Decoder, Encoder
from replication.models.stack import Stack
from replication.settings.optimisers import Optimiser

from .descent import Descent
from .inputs import Batch, EncoderInput
from .losses import Model, half_squared_error
from .phases import Reconstruction


class Layerwise:
    """Layer after layer, each ``epochs`` long, as an autoencoder of what the layers below give.

    A layer is trained with its mirror in the decoder. What it sees is corrupted as images are, its
    target is not. After the last layer the ``whole`` descends the error of the images.
    """

    def __init__(
        self,
        stack: Stack,
        settings: Optimiser,
        epochs: int,
        encoder_input: EncoderInput,
        whole: Reconstruction,
    ):
        self.stack = stack
        self.epochs = epochs
        self.encoder_input = encoder_input
        self.whole = whole
        encoder = cast(Encoder, stack.template.encoder)
        decoder = cast(Decoder, stack.template.decoder)
        self.pairs = pairs_of(encoder)
        # What follows each layer of the encoder, and its mirror in the decoder.
        hidden_count = len(self.pairs) - 1
        self.after: list[Callable] = [torch.relu] * hidden_count + [encoder.activate]
        self.activations: list[Callable] = [decoder.activate] + [torch.relu] * hidden_count
        layers = [Descent(stack.parameters(*pair), settings) for pair in self.pairs]
        self.descents = [*layers, *whole.descents]

    @property
    def _layer(self) -> int:
        """The one that is trained in this epoch; after the last, the whole is."""
        return min(self.descents[0].epoch // self.epochs, len(self.pairs))

    def start_update(self, epoch: float) -> int:
        return self._layer

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        layer = self._layer
        if layer == len(self.pairs):
            return self.whole(batch)
        with torch.no_grad():
            below = self.stack.each(self._below, batch.images, shared=(layer,))
        corrupted, _ = self.encoder_input(below)
        losses = self.stack.each(self._loss, below, corrupted, shared=(layer,))
        self.descents[layer](losses)
        return {"layer": losses.detach()}

    def _below(self, model: Model, images: Tensor, layer: int) -> Tensor:
        """What ``layer`` of the encoder sees of ``images`` [B, pixels]: [B, units]."""
        for (encoding, _), after in zip(self.pairs[:layer], self.after, strict=False):
            images = after(model.get_submodule(encoding)(images))
        return images.float()

    def _loss(self, model: Model, below: Tensor, corrupted: Tensor, layer: int) -> Tensor:
        encoding, decoding = self.pairs[layer]
        code = self.after[layer](model.get_submodule(encoding)(corrupted))
        output = self.activations[layer](model.get_submodule(decoding)(code).float())
        return half_squared_error(output, below)


def pairs_of(encoder: Encoder) -> list[tuple[str, str]]:
    """The layers from the image to the code, each with its mirror in the decoder."""
    linear = [n for n, m in encoder.trunk.named_children() if isinstance(m, torch.nn.Linear)]
    encoding = [*(f"encoder.trunk.{n}" for n in linear), "encoder.heads.style"]
    decoding = [*(f"decoder.trunk.{n}" for n in linear), "decoder.output"]
    return list(zip(encoding, reversed(decoding), strict=True))
