"""How far each training image lies from its neighbours: the scale of a perturbation."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from replication.base import sealed
from replication.base.errors import UserError
from replication.base.products import full_precision
from replication.data.dataset import Dataset

FOLDER = Path(".checkpoints") / "neighbours"
BLOCK = 1000  # images at a time: 1,000 x 60,000 distances are 240 MB


def neighbour_distances(dataset: Dataset, neighbour: int, among: int | None) -> Tensor:
    """The distance of each training image to its ``neighbour``-th nearest, [N].

    Euclidean, between what the networks see. Sought among the first ``among`` training images (all,
    if None), the image itself left out. Computed once, then kept below ``.checkpoints/neighbours``
    under a hash of the images: 60,000 against 10,000 of MNIST take about 15 s of a core.
    """
    count = len(dataset.train) if among is None else min(among, len(dataset.train))
    if neighbour >= count:
        problem = f"smoothness.neighbour: {neighbour} is too many for {count:,} images"
        raise UserError(problem, "choose a nearer neighbour, or seek it among more images")
    images = dataset.train.images
    name = _fingerprint(images, dataset.scaling.mean, dataset.scaling.std)
    path = FOLDER / f"{name}-{neighbour}-{count}.pt"
    if path.exists():
        return stored_distances(path, len(images)).to(images.device)
    distances = kth_distances(dataset.scaling.to_network(images), neighbour, count)
    sealed.save(path, distances.cpu())
    return distances


def stored_distances(path: Path, count: int) -> Tensor:
    """``count`` distances that were kept; a UserError if the file holds anything else."""
    stored = sealed.load(path)
    if not isinstance(stored, Tensor) or stored.shape != (count,) or not stored.isfinite().all():
        problem = f"{path} does not hold {count} distances"
        raise UserError(problem, f"delete {path} to compute them again")
    return stored


@full_precision()
def kth_distances(points: Tensor, neighbour: int, among: int) -> Tensor:
    """The distance of each of ``points`` [N, d] to the ``neighbour``-th of the first ``among``."""
    others = points[:among]
    squares = others.square().sum(1)
    found = []
    for start in range(0, len(points), BLOCK):
        own = points[start : start + BLOCK]
        distances = own.square().sum(1, keepdim=True) + squares - 2 * own @ others.T
        # An image among the others is its own nearest.
        distances[:, start : start + len(own)].fill_diagonal_(torch.inf)
        nearest = distances.topk(neighbour, dim=1, largest=False).values[:, -1]
        found.append(nearest.clamp(min=0).sqrt())
    return torch.cat(found)


def _fingerprint(*tensors: Tensor | None) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        if tensor is not None:
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:32]
