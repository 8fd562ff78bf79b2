"""Prior distributions p(z) and p(y), to be sampled and, for the VAE, scored.

A prior draws from a generator that it is given and keeps no state.
"""

import math
from typing import Protocol

import torch
from torch import Tensor


class Prior(Protocol):
    size: int

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` draws, [n, size], on the generator's device."""
        ...


class DensePrior(Prior, Protocol):
    """A prior with a density over real vectors."""

    def log_density(self, codes: Tensor) -> Tensor:
        """log p(z) in nats, [...] from codes [..., size]."""
        ...


class Gaussian:
    """N(0, deviation^2 I) in ``size`` dimensions."""

    def __init__(self, size: int, deviation: float = 1.0):
        self.size = size
        self.deviation = deviation

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        draws = torch.randn((n, self.size), generator=generator, device=generator.device)
        return draws * self.deviation

    def log_density(self, codes: Tensor) -> Tensor:
        squares = (codes / self.deviation).square().sum(-1)
        return -0.5 * squares - self.size * math.log(self.deviation * math.sqrt(2 * math.pi))

    def percentiles(self, steps: int) -> Tensor:
        """The inverse distribution function at the centres of ``steps`` equal parts, [steps].

        Figure 2e decodes the grid of these along both axes of the code.
        """
        parts = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
        return (torch.special.ndtri(parts) * self.deviation).float()


class GaussianMixture:
    """Ten equally likely 2-D Gaussians, laid like petals around the origin (Figures 2b and 4a).

    The paper gives no numbers; centre radius 1.4, radial deviation 0.5 and tangential deviation
    0.1 are those of public replications.
    """

    size = 2
    components = 10

    def __init__(self, radius: float = 1.4, radial: float = 0.5, tangential: float = 0.1):
        self.radius = radius
        self.radial = radial
        self.tangential = tangential

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        component = torch.randint(self.components, (n,), generator=generator, device=device)
        return self.sample_component(component, generator)

    def sample_component(self, component: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of each given component (integers [n]), [n, 2]."""
        noise = torch.randn((len(component), 2), generator=generator, device=generator.device)
        along = self.radius + self.radial * noise[:, 0]
        across = self.tangential * noise[:, 1]
        angle = component * (2 * math.pi / self.components)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        return torch.stack([along * cosine - across * sine, along * sine + across * cosine], -1)

    def component_log_densities(self, codes: Tensor) -> Tensor:
        """log p(z | component), [..., 10] from codes [..., 2]."""
        angle = torch.arange(self.components, device=codes.device) * (2 * math.pi / self.components)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        x, y = codes[..., :1], codes[..., 1:]
        along = (x * cosine + y * sine - self.radius) / self.radial
        across = (y * cosine - x * sine) / self.tangential
        scale = math.log(2 * math.pi * self.radial * self.tangential)
        return -0.5 * (along.square() + across.square()) - scale

    def log_density(self, codes: Tensor) -> Tensor:
        logs = self.component_log_densities(codes)
        return torch.logsumexp(logs, -1) - math.log(self.components)


class Categorical:
    """Cat(y): one-hot vectors of ``size`` equally likely classes (section 5)."""

    def __init__(self, size: int):
        self.size = size

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        classes = torch.randint(self.size, (n,), generator=generator, device=device)
        return torch.nn.functional.one_hot(classes, self.size).float()
