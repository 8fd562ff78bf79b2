"""The networks of a representation in few dimensions, beside a q(y|x) that is kept (Figure 10)."""

import math

import torch
from torch import Tensor, nn

from replication.base.streams import generator
from replication.settings.schema import Settings

from .networks import Decoder, Discriminator, initialise, perceptron


class Plane(nn.Module):
    """A style from hidden features, and the decoder of that style plus the label's cluster head."""

    def __init__(self, settings: Settings, pixels: int):
        super().__init__()
        assert settings.second_stage is not None
        own, features = settings.second_stage, settings.hidden_sizes[-1]
        self.style_head = nn.Sequential(
            perceptron([features, *own.hidden_sizes]),
            nn.Linear(own.hidden_sizes[-1], own.style_dim),
        )
        sizes = (own.style_dim, settings.label_dim, settings.hidden_sizes[::-1])
        self.decoder = Decoder(*sizes, pixels, settings.output, cluster_heads=True)
        beside = settings.discriminator_hidden_sizes or settings.hidden_sizes
        self.discriminator = Discriminator(own.style_dim, beside)


def build_plane(settings: Settings, pixels: int, seed: int) -> Plane:
    """Initialised by He's rule from the stream "plane" of ``seed``; the heads stand apart.

    The decoder's first layer is divided by the size of what it sees, which grows with the heads'
    distance; the style starts small beside it.
    """
    assert settings.second_stage is not None
    plane, own = Plane(settings, pixels), settings.second_stage
    initialise(plane, "he", generator(seed, "plane"))
    heads = places_apart(settings.label_dim, own.style_dim, own.cluster_head_distance)
    with torch.no_grad():
        assert plane.decoder.cluster_heads is not None
        plane.decoder.cluster_heads.weight.copy_(1.02 * heads.T)
        first = next(m for m in plane.decoder.trunk.modules() if isinstance(m, nn.Linear))
        first.weight.div_(heads.square().mean().sqrt())
        last = [m for m in plane.style_head.modules() if isinstance(m, nn.Linear)][-1]
        last.weight.mul_(0.15)
    return plane


def places_apart(count: int, dimensions: int, distance: float) -> Tensor:
    """``count`` places [count, dimensions], the nearest two ``distance`` apart.

    In as many dimensions as places, along the axes; in fewer, evenly on a circle in the first two.
    """
    places = torch.zeros(count, dimensions)
    if count <= dimensions:
        return places.fill_diagonal_(distance / math.sqrt(2))
    angles = 2 * math.pi * torch.arange(count) / count
    radius = distance / (2 * math.sin(math.pi / count))
    places[:, 0], places[:, 1] = radius * angles.cos(), radius * angles.sin()
    return places
