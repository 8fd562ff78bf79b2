"""Labelled batches with equally many images of each class."""

import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.base.streams import Streams


class EvenBatches:
    """Draws ``size`` of each seed's labelled images, as many of each class, without repetition.

    ``labels`` [N] are those of all training images, ``labelled`` [S, L] the indices of those that
    keep theirs.
    """

    def __init__(self, labels: Tensor, labelled: Tensor, size: int, streams: Streams):
        classes = int(labels.max()) + 1
        self.share, rest = divmod(size, classes)
        own = [[seed[labels[seed] == c] for c in range(classes)] for seed in labelled]
        least = min(len(members) for seed in own for members in seed)
        if rest or self.share > least:
            problem = f"labelled_batch_size: {size} cannot be drawn evenly: {classes} classes"
            raise UserError(
                f"{problem}, {least} labelled images in the rarest", "choose another size"
            )
        most = max(len(members) for seed in own for members in seed)
        self.members = labels.new_zeros(len(own), classes, most)
        self.missing = torch.zeros(self.members.shape, device=labels.device)
        for s, seed in enumerate(own):
            for c, members in enumerate(seed):
                self.members[s, c, : len(members)] = members
                self.missing[s, c, len(members) :] = 1.0  # above every uniform draw
        self.streams = streams

    def draw(self) -> Tensor:
        """The indices of a new batch, [S, size], class after class."""
        order = self.streams.uniform("labelled batches", *self.members.shape[1:]) + self.missing
        places = order.topk(self.share, largest=False).indices
        return self.members.gather(2, places).flatten(1)
