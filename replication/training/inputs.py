"""What goes into an update: a batch for every seed, and what the encoder is given of it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from replication.base.streams import Streams
from replication.settings.schema import Settings


@dataclass(frozen=True)
class Batch:
    """One update's data for S seeds.

    ``images`` [S, B, pixels], each with the one-hot label that is given beside its code
    [S, B, given_size]; and the labelled batch of the third phase, [S, L, pixels] and [S, L].
    ``index`` [S, B] says which training images these are, ``epoch`` how many epochs are over, a
    fraction within one; phases do not see it (``ChangingPhase``).
    """

    images: Tensor
    given: Tensor
    labelled_images: Tensor
    labels: Tensor
    index: Tensor
    epoch: float = math.nan

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self.images, self.given, self.labelled_images, self.labels, self.index


class EncoderInput:
    """What goes into the encoder during training: corrupted images, and the posterior's epsilon.

    Appendix A.2.1: Gaussian noise of deviation 0.3 on the encoder's input, in training only; A.2.2
    and A.3: dropout of 20 % of it. The decoder's target stays the clean image. Denoising
    autoencoders mask inputs, or set them to 0 or 1 (salt and pepper), too (Vincent et al., 2010).
    """

    def __init__(self, streams: Streams, settings: Settings, epsilon_size: int):
        self.streams = streams
        self.noise = settings.input_noise_std
        self.dropout = settings.input_dropout
        self.masking = settings.input_masking
        self.salt_and_pepper = settings.input_salt_and_pepper
        self.epsilon_size = epsilon_size

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        epsilon = self.streams.normal("posterior", images.shape[1], self.epsilon_size)
        if self.noise:
            noise = self.streams.normal("noise", *images.shape[1:])
            images = torch.add(images, noise, alpha=self.noise)
        if self.dropout:
            kept = self.streams.uniform("dropout", *images.shape[1:]) >= self.dropout
            images = images * kept / (1 - self.dropout)
        if self.masking:
            images = images * (self.streams.uniform("masking", *images.shape[1:]) >= self.masking)
        if share := self.salt_and_pepper:
            draw = self.streams.uniform("salt and pepper", *images.shape[1:])
            images = torch.where(draw >= share, images, (2 * draw >= share).float())
        return images, epsilon
