"""Prior distributions p(z) and p(y): to be sampled, and scored or divided among the classes.

A prior draws from a generator that it is given and keeps no state.
"""

import math
from collections.abc import Sequence
from typing import Protocol, assert_never

import torch
from torch import Tensor

from replication.base.products import full_precision
from replication.base.streams import stacked
from replication.settings.schema import Settings


def one_hot(classes: Tensor, size: int) -> Tensor:
    """Floats [..., size] from integers [...]; a size of 0 is allowed."""
    return (classes.unsqueeze(-1) == torch.arange(size, device=classes.device)).float()


class Prior(Protocol):
    size: int

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` draws, [n, size], on the generator's device."""
        ...


def samples(prior: Prior, count: int, generators: Sequence[torch.Generator]) -> Tensor:
    """``count`` draws from each of S ``generators``, [S, count, size]."""
    return stacked([prior.sample(count, generator) for generator in generators])


class DensePrior(Prior, Protocol):
    """A prior with a density over real vectors."""

    def log_density(self, codes: Tensor) -> Tensor:
        """log p(z) in nats, [...] from codes [..., size]."""
        ...


class ClassPrior(Prior, Protocol):
    """A prior with a part for each class (section 2.3, Figure 4)."""

    classes: int

    def sample_class(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each of ``classes`` [n], [n, size]; class ``self.classes`` is them all."""
        ...

    def class_of(self, codes: Tensor) -> Tensor:
        """The class whose part of the prior made ``codes`` [..., size] most likely, [...]."""
        ...


class Gaussian:
    """N(0, std^2 I) in ``size`` dimensions."""

    def __init__(self, size: int, std: float = 1.0):
        self.size = size
        self.std = std

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        draws = torch.randn((n, self.size), generator=generator, device=generator.device)
        return draws * self.std

    def log_density(self, codes: Tensor) -> Tensor:
        squares = (codes / self.std).square().sum(-1)
        return -0.5 * squares - self.size * math.log(self.std * math.sqrt(2 * math.pi))

    def percentiles(self, steps: int) -> Tensor:
        """The inverse distribution function at the centres of ``steps`` equal parts, [steps].

        Figure 2e decodes the grid of these along both axes of the code.
        """
        parts = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
        return (torch.special.ndtri(parts) * self.std).float()


class GaussianMixture:
    """Ten equally likely 2-D Gaussians, laid like petals around the origin (Figures 2b and 4a).

    The paper gives no numbers; centre radius 1.4, radial deviation 0.5 and tangential deviation
    0.1 are those of public replications.
    """

    size = 2
    classes = 10

    def __init__(self, radius: float = 1.4, radial_std: float = 0.5, tangential_std: float = 0.1):
        self.radius = radius
        self.radial_std = radial_std
        self.tangential_std = tangential_std

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        component = torch.randint(self.classes, (n,), generator=generator, device=device)
        return self._sample_component(component, generator)

    def sample_class(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        device = generator.device
        anyone = torch.randint(self.classes, classes.shape, generator=generator, device=device)
        return self._sample_component(classes.where(classes < self.classes, anyone), generator)

    def _sample_component(self, component: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn((len(component), 2), generator=generator, device=generator.device)
        return self.place(component, noise)

    def place(self, component: Tensor, standard: Tensor) -> Tensor:
        """Codes [..., 2] of ``component`` [...] from standard normal coordinates [..., 2].

        The first coordinate lies along the component's petal, the second across it.
        """
        along = self.radius + self.radial_std * standard[..., 0]
        across = self.tangential_std * standard[..., 1]
        angle = component * (2 * math.pi / self.classes)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        return torch.stack([along * cosine - across * sine, along * sine + across * cosine], -1)

    def class_of(self, codes: Tensor) -> Tensor:
        return self.component_log_densities(codes).argmax(-1)

    def component_log_densities(self, codes: Tensor) -> Tensor:
        """log p(z | component), [..., 10] from codes [..., 2]."""
        angle = torch.arange(self.classes, device=codes.device) * (2 * math.pi / self.classes)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        x, y = codes[..., :1], codes[..., 1:]
        along = (x * cosine + y * sine - self.radius) / self.radial_std
        across = (y * cosine - x * sine) / self.tangential_std
        scale = math.log(2 * math.pi * self.radial_std * self.tangential_std)
        return -0.5 * (along.square() + across.square()) - scale

    def log_density(self, codes: Tensor) -> Tensor:
        logs = self.component_log_densities(codes)
        return torch.logsumexp(logs, -1) - math.log(self.classes)


class SwissRoll:
    """A 2-D spiral without thickness; class k has the k-th tenth of it (Figure 4c).

    At position u in [0, 1] the radius is 3 sqrt(u) and the angle 4 pi sqrt(u): uniform u then
    covers the roll nearly evenly. The paper gives no formula; this is that of public replications.
    """

    size = 2
    classes = 10

    def place(self, position: Tensor) -> Tensor:
        """Codes [..., 2] at ``position`` [...] along the roll, from 0 (the middle) to 1."""
        root = position.sqrt()
        angle = 4 * math.pi * root
        return 3 * root.unsqueeze(-1) * torch.stack([torch.cos(angle), torch.sin(angle)], -1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.place(torch.rand(n, generator=generator, device=generator.device))

    def sample_class(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(classes.shape, generator=generator, device=generator.device)
        own = (classes + draws) / self.classes
        return self.place(own.where(classes < self.classes, draws))

    @full_precision()
    def position_of(self, codes: Tensor) -> Tensor:
        """The position of the roll's point nearest to ``codes`` [..., 2], [...]."""
        positions = torch.linspace(0, 1, 2001, device=codes.device)
        nearest = torch.cdist(codes.reshape(-1, 2), self.place(positions)).argmin(-1)
        return positions[nearest].view(codes.shape[:-1])

    def class_of(self, codes: Tensor) -> Tensor:
        return (self.position_of(codes) * self.classes).long().clamp(max=self.classes - 1)


class Categorical:
    """Cat(y): one-hot vectors of ``size`` equally likely classes (section 5)."""

    def __init__(self, size: int):
        self.size = size

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        classes = torch.randint(self.size, (n,), generator=generator, device=device)
        return one_hot(classes, self.size)


def style_prior(settings: Settings) -> Gaussian | GaussianMixture | SwissRoll:
    """p(z) of the style code."""
    described = settings.style_prior
    if described.kind == "mixture":
        return GaussianMixture(described.radius, described.radial_std, described.tangential_std)
    if described.kind == "swiss_roll":
        return SwissRoll()
    if described.kind == "gaussian":
        return Gaussian(settings.style_dim, described.std)
    assert_never(described.kind)


def priors_of(settings: Settings) -> dict[str, Prior]:
    """The prior of each code that the encoder has: ``style``, ``label``."""
    priors: dict[str, Prior] = {}
    if settings.style_dim:
        priors["style"] = style_prior(settings)
    if settings.label_dim and settings.label_at == "encoder":
        priors["label"] = Categorical(settings.label_dim)
    return priors


class FittedGaussian:
    """The Gaussian with the mean and covariance of ``codes`` [N, size]: for models without a prior.

    A variance of zero, as of a unit that is never active, stays zero.
    """

    def __init__(self, codes: Tensor):
        self.size = codes.shape[1]
        self.mean = codes.mean(0)
        # Of codes of one number, cov is a scalar.
        covariance = codes.double().T.cov().view(self.size, self.size)
        values, vectors = torch.linalg.eigh(covariance)
        self.root = (vectors * values.clamp(min=0).sqrt()).T.to(codes)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        draws = torch.randn((n, self.size), generator=generator, device=generator.device)
        # The codes were fitted where they lay; samples are wanted there and on the host.
        return self.mean.to(draws) + draws @ self.root.to(draws)
