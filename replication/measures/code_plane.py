"""A code space of two numbers, decoded evenly; corrupted images and their reconstructions."""

import torch
from torch import Tensor

from replication.base.streams import Streams
from replication.training.inputs import EncoderInput
from replication.training.losses import Model, reconstructed
from replication.training.run import Run

from .evaluate import sampled_codes

STEPS, SHOWN = 16, 10


def pictures(run: Run) -> dict[str, Tensor]:
    """Arrays to be drawn, each [S, ...] over seeds.

    ``answers`` [S, 3, 10, pixels]: test images, as the encoder saw them, reconstructed. With a code
    of two numbers also ``codes`` [S, N, 2] of the test images and their ``labels``, a ``grid``
    [S, 256, 2] over them, its ``plane`` of images, and the image at the ``origin``.
    """
    data, scaling, stack = run.dataset, run.dataset.scaling, run.stack
    streams = Streams([s.seed for s in run.seeds], run.device)
    seen = scaling.to_network(data.test.images[:SHOWN]).expand(len(run.seeds), -1, -1)
    with torch.no_grad(), stack.evaluating():
        corrupted, epsilon = EncoderInput(streams, run.settings, run.epsilon_size)(seen)
        reconstructions = stack.each(reconstruct, corrupted, torch.zeros_like(epsilon))
        rows = [scaling.to_bytes(images) for images in (seen, corrupted, reconstructions)]
        arrays = {"answers": torch.stack(rows, 1)}
        if run.settings.style_dim == 2:
            codes = sampled_codes(stack, data, run.epsilon_size, run.streams)
            grid = plane(codes, STEPS)
            places = torch.cat([grid, torch.zeros_like(grid[:, :1])], 1)
            decoded = stack.each(lambda model, code: model.decoder(code), places)
            images = scaling.to_bytes(decoded)
            arrays |= {"codes": codes, "grid": grid}
            arrays |= {"plane": images[:, :-1], "origin": images[:, -1]}
            arrays["labels"] = data.test.labels.byte().expand(len(run.seeds), -1)
    return arrays


def reconstruct(model: Model, images: Tensor, epsilon: Tensor) -> Tensor:
    codes = model.encoder(images, epsilon)
    return reconstructed(model, codes, images[..., :0])


def plane(codes: Tensor, steps: int) -> Tensor:
    """An even grid [S, steps^2, 2] over 98 % of ``codes`` [S, N, 2], row by row from the top."""
    grids = []
    for own in codes.cpu():
        low, high = torch.quantile(own, torch.tensor([0.01, 0.99]), dim=0)
        x, y = (torch.linspace(float(a), float(b), steps) for a, b in zip(low, high, strict=True))
        grids.append(torch.cartesian_prod(y.flip(0), x).flip(-1))
    return torch.stack(grids).to(codes)
