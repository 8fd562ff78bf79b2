"""The losses of the paper's phases, each a function of one model; ``Stack.each`` maps them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

# Models are plain modules, or a Stack's view of one: whatever has the parts as attributes.
Model = Any
# Where a model has its cluster heads, the rows of W_C (section 7).
HEADS = "decoder.cluster_heads"


def reconstructed(model: Model, codes: Mapping[str, Tensor], given: Tensor) -> Tensor:
    """The decoder's output for the style and to the label, inferred (Figure 8) or ``given``."""
    label = codes["label"].softmax(-1) if "label" in codes else given
    return model.decoder(codes["style"], label)


def half_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """1/2 ||x - x^||^2, summed over pixels (not averaged) and averaged over the batch."""
    return 0.5 * (output - target).square().sum(-1).mean()


def reconstruction_loss(
    model: Model, target: Tensor, given: Tensor, images: Tensor, epsilon: Tensor, error: Callable
) -> Tensor:
    codes = model.encoder(images, epsilon)
    return error(reconstructed(model, codes, given), target)


def adversarial_codes(
    model: Model, beside: Tensor, images: Tensor, epsilon: Tensor
) -> dict[str, Tensor]:
    """What the discriminators see: the style, ``beside`` it its label; the label's softmax."""
    codes = model.encoder(images, epsilon)
    seen = {"style": torch.cat([codes["style"], beside], dim=-1)}
    if "label" in codes:
        seen["label"] = codes["label"].softmax(-1)
    return seen


def discriminator_loss(model: Model, real: dict[str, Tensor], fake: dict[str, Tensor]) -> Tensor:
    """-E log D(z') - E log(1 - D(z)), z' from the prior, summed over the codes' discriminators.

    2 log 2 = 1.386 for each discriminator that is at chance.
    """
    loss = torch.zeros((), device=next(iter(real.values())).device)
    for name, samples in real.items():
        # One pass over both halves: the weights are read once.
        logits = getattr(model, f"{name}_discriminator")(torch.cat([samples, fake[name]]))
        positive, negative = logits.chunk(2)
        loss = loss + softplus(-positive).mean() + softplus(negative).mean()
    return loss


def generator_loss(model: Model, fake: dict[str, Tensor], saturating: bool = False) -> Tensor:
    """-E log D(z), the non-saturating form that every replication uses for the paper's minimax.

    ``saturating``: E log(1 - D(z)), the minimax itself.
    """
    loss = torch.zeros((), device=next(iter(fake.values())).device)
    for name, codes in fake.items():
        logits = getattr(model, f"{name}_discriminator")(codes)
        loss = loss + (-softplus(logits) if saturating else softplus(-logits)).mean()
    return loss


def classification_loss(model: Model, images: Tensor, epsilon: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(model.encoder(images, epsilon)["label"], labels)


def heads_of(model: Model, label: Tensor, path: str = HEADS) -> Tensor:
    """The cluster heads, [B, n], of label probabilities or one-hots [B, m]."""
    heads: Tensor = model.get_submodule(path)(label).float()
    return heads


def head_distance_loss(model: Model, every: Tensor, least: float, path: str = HEADS) -> Tensor:
    """What each two cluster heads lack of the distance ``least``, summed (section 7).

    ``every`` are the one-hot labels [m, m].
    """
    heads = heads_of(model, every, path)
    first, second = torch.triu_indices(len(every), len(every), 1, device=every.device)
    # Two heads at the same place would have a distance without a gradient.
    distances = ((heads[first] - heads[second]).square().sum(-1) + 1e-12).sqrt()
    return (least - distances).clamp(min=0).sum()
