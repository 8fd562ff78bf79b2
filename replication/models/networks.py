"""The paper's networks, each written for one model (the engine stacks them over seeds).

All are multilayer perceptrons with ReLU units (appendix A.1 and A.2.1: two hidden layers of 1000).
What they return is float32, so that losses are, whatever precision the products have.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Posterior = Literal["deterministic", "gaussian", "universal"]
Activation = Literal["linear", "relu", "sigmoid"]
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "linear": lambda code: code,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}


def perceptron(sizes: Sequence[int], batch_norm: bool = False) -> nn.Sequential:
    """Linear layers of the given sizes, each followed by a ReLU; batch-norm stands before it."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [linear(inputs, outputs, batch_norm), nn.ReLU()]
    return nn.Sequential(*layers)


def linear(inputs: int, outputs: int, batch_norm: bool) -> nn.Module:
    """A linear layer, with batch-norm if asked for (A.2.2 and A.3: on the last layers too)."""
    layer = nn.Linear(inputs, outputs)
    return nn.Sequential(layer, nn.BatchNorm1d(outputs)) if batch_norm else layer


class BoundedLogits(nn.Module):
    """The logits of q(y|x), of mean 0 and deviation ``scale`` over the batch, whatever is learned.

    Batch-norm without its learned gain and shift: the softmax can neither saturate nor be switched
    off, so that images can go on changing their cluster.
    """

    def __init__(self, inputs: int, outputs: int, scale: float):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs, affine=False)
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * self.norm(self.linear(features))


class Encoder(nn.Module):
    """q(z|x), or q(y, z|x) where there is a label head (Figure 8).

    The heads (name -> size, such as ``{"style": 10, "label": 10}``) share the hidden layers.
    Section 2 names three forms of the posterior of the style code:

    - ``deterministic``: z = f(x);
    - ``gaussian``: z = mean(x) + deviation(x) * epsilon;
    - ``universal``: z = f(x, epsilon), epsilon beside the pixels at the input.

    ``activation`` is that of the style code. With ``batch_norm`` the heads named by
    ``normalised_heads`` have it, too (all, if None).
    """

    def __init__(
        self,
        pixels: int,
        hidden_sizes: Sequence[int],
        heads: Mapping[str, int],
        posterior: Posterior = "deterministic",
        noise_size: int = 0,
        batch_norm: bool = False,
        label_logit_std: float | None = None,
        activation: Activation = "linear",
        normalised_heads: Collection[str] | None = None,
    ):
        super().__init__()
        self.posterior = posterior
        self.activate = ACTIVATIONS[activation]
        self.epsilon_size = 0
        heads = dict(heads)
        if posterior == "gaussian":
            self.epsilon_size = heads["style"]
            heads["style_log_variance"] = heads["style"]
        elif posterior == "universal":
            self.epsilon_size = noise_size
        inputs = pixels + (noise_size if posterior == "universal" else 0)
        self.trunk = perceptron([inputs, *hidden_sizes], batch_norm)
        normalised = heads if normalised_heads is None else normalised_heads
        self.heads = nn.ModuleDict(
            {
                name: linear(hidden_sizes[-1], size, batch_norm and name in normalised)
                for name, size in heads.items()
            }
        )
        if label_logit_std is not None:
            self.heads["label"] = BoundedLogits(hidden_sizes[-1], heads["label"], label_logit_std)

    def forward(self, images: Tensor, epsilon: Tensor | None = None) -> dict[str, Tensor]:
        """Codes of ``images`` [B, pixels]; ``epsilon`` is [B, epsilon_size].

        Without it, the codes at the centre of the posterior.

        Returns ``style`` [B, n]; where there is a label head, ``label`` (logits) [B, m]; with the
        Gaussian posterior also ``style_mean`` and ``style_log_variance``, [B, n] each.
        """
        if epsilon is None:
            epsilon = images.new_zeros(len(images), self.epsilon_size)
        if self.posterior == "universal":
            images = torch.cat([images, epsilon], dim=-1)
        features = self.trunk(images)
        codes = {name: head(features).float() for name, head in self.heads.items()}
        if "style" in codes:
            codes["style"] = self.activate(codes["style"])
        if self.posterior == "gaussian":
            codes["style_mean"] = codes["style"]
            deviation = torch.exp(0.5 * codes["style_log_variance"])
            codes["style"] = codes["style_mean"] + deviation * epsilon
        return codes


class Decoder(nn.Module):
    """p(x|y, z): hidden layers and an output in [0, 1] (``sigmoid``) or unbounded (``linear``).

    The label, where there is one, stands beside the style (Figures 6 and 8). With
    ``cluster_heads`` the decoder sees only the sum of the style and the label's cluster head, a
    row of the learned matrix W_C (section 7, Figure 10).
    """

    def __init__(
        self,
        style_dim: int,
        label_dim: int,
        hidden_sizes: Sequence[int],
        pixels: int,
        output: Literal["sigmoid", "linear"] = "sigmoid",
        batch_norm: bool = False,
        cluster_heads: bool = False,
    ):
        super().__init__()
        inputs = style_dim if cluster_heads else label_dim + style_dim
        self.trunk = perceptron([inputs, *hidden_sizes], batch_norm)
        self.output = linear(hidden_sizes[-1], pixels, batch_norm)
        self.sigmoid = output == "sigmoid"
        self.cluster_heads: nn.Linear | None = None
        if cluster_heads:
            self.cluster_heads = nn.Linear(label_dim, style_dim, bias=False)

    def forward(self, style: Tensor, label: Tensor | None = None) -> Tensor:
        """Images [B, pixels] from styles [B, n] and label probabilities or one-hots [B, m]."""
        return self.activate(self.output(self.trunk(self.code(style, label))).float())

    def activate(self, pixels: Tensor) -> Tensor:
        """What the last layer's output becomes."""
        return torch.sigmoid(pixels) if self.sigmoid else pixels

    def code(self, style: Tensor, label: Tensor | None) -> Tensor:
        if label is None:
            return style
        if self.cluster_heads is None:
            return torch.cat([label, style], dim=-1)
        return self.cluster_heads(label) + style


class Discriminator(nn.Module):
    """The logit of "this code is a sample of the prior", [B] from codes [B, code_size]."""

    def __init__(self, code_size: int, hidden_sizes: Sequence[int]):
        super().__init__()
        self.trunk = perceptron([code_size, *hidden_sizes])
        self.logit = nn.Linear(hidden_sizes[-1], 1)

    def forward(self, code: Tensor) -> Tensor:
        return self.logit(self.trunk(code)).float().squeeze(-1)


def initialise(
    model: nn.Module, init_std: float | Literal["he", "torch"], generator: torch.Generator
) -> None:
    """Weights from N(0, init_std^2), biases zero (appendix A.1: 0.01).

    ``he`` keeps the variance from ReLU layer to ReLU layer: sqrt(2 / inputs) (He et al., 2015).
    ``torch`` is what ``nn.Linear`` does: both uniform, up to 1 / sqrt(inputs).
    """
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and init_std == "torch":
            bound = 1 / math.sqrt(layer.in_features)
            for values in layer.parameters():
                nn.init.uniform_(values, -bound, bound, generator=generator)
        elif isinstance(layer, nn.Linear):
            own = math.sqrt(2 / layer.in_features) if init_std == "he" else float(init_std)
            nn.init.normal_(layer.weight, 0.0, own, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
