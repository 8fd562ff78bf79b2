"""The weights of finished seeds, as safetensors beside their results."""

from collections.abc import Sequence
from pathlib import Path

from replication.base.files import write_atomically
from replication.models.stack import Stack
from replication.settings.schema import Seed


def seed_name(seed: Seed) -> str:
    """What the files of a finished seed are called."""
    return f"seed_{seed.seed}_labels_{seed.label_seed}"


def keep_weights(stack: Stack, seeds: Sequence[Seed], folder: Path) -> None:
    """Store each seed's parameters and buffers, as ``seed_0_labels_0.safetensors``.

    To be called before anything is measured, so that a measure that fails costs no training.
    """
    from safetensors.torch import save  # here: drawing does without

    state = stack.state_dict()
    for i, seed in enumerate(seeds):
        own = {name: value[i].cpu().contiguous() for name, value in state.items()}
        write_atomically(folder / f"{seed_name(seed)}.safetensors", save(own))
