"""Balance of the clusters: a batch's mean of q(y|x) stays near the uniform p(y)."""

import math

import torch
from torch import Tensor


def imbalance(logits: Tensor, slack: float = 0.0) -> Tensor:
    """What the entropy of the mean q(y|x) lacks of log K less ``slack``, or 0; nats.

    [...] from ``logits`` [..., B, K]. Without slack it is KL(mean || uniform). Classes that are
    truly unequal, or more clusters than classes, need some: at equal shares 16 clusters cannot
    show ten classes of MNIST with less than 13 % errors.
    """
    shares = logits.softmax(-1).mean(-2)
    lacking = math.log(shares.shape[-1]) - torch.special.entr(shares).sum(-1)
    return (lacking - slack).clamp(min=0)
