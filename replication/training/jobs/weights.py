"""What is kept of a trained seed before it is measured: its weights, and how training went.

``seed_0_labels_0.safetensors`` holds the parameters and buffers; ``seed_0_labels_0.fitted`` the
history and the state of the random streams, so that measuring again gives the same bits as if
training had just ended.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.base.streams import Streams
from replication.models.stack import Stack
from replication.settings.schema import Seed
from replication.training.fit import Fitted

from . import checkpoint


def seed_name(seed: Seed) -> str:
    """What the files of a finished seed are called."""
    return f"seed_{seed.seed}_labels_{seed.label_seed}"


def weights_of(folder: Path, seed: Seed) -> Path:
    return folder / f"{seed_name(seed)}.safetensors"


def fitted_of(folder: Path, seed: Seed) -> Path:
    return folder / f"{seed_name(seed)}.fitted"


def are_kept(folder: Path, seeds: Sequence[Seed]) -> bool:
    """Whether all of ``seeds`` can be measured without training."""
    return all(weights_of(folder, s).exists() and fitted_of(folder, s).exists() for s in seeds)


def keep(
    folder: Path, seeds: Sequence[Seed], stack: Stack, streams: Streams, fitted: Fitted, told: dict
) -> None:
    """Store each seed of a trained stack; ``told`` is what else belongs to each, such as seconds.

    To be called before anything is measured, so that a measure that fails costs no training.
    """
    from safetensors.torch import save  # here: only who trains needs it

    state, drawn = stack.state_dict(), streams.state_dict()
    for i, seed in enumerate(seeds):
        own = {name: value[i].cpu().contiguous() for name, value in state.items()}
        write_atomically(weights_of(folder, seed), save(own))
        aside = {
            "history": fitted.histories[i],
            "diverged": fitted.diverged[i],
            "streams": {name: states[i] for name, states in drawn.items()},
            "told": told,
        }
        checkpoint.save(fitted_of(folder, seed), aside)  # last: with it, the seed counts as kept


def restore(
    folder: Path, seeds: Sequence[Seed], stack: Stack, streams: Streams
) -> tuple[Fitted, dict[str, Any]]:
    """Put kept weights and streams back; how training went, and what else was told of it.

    A UserError where a file is damaged or of another model.
    """
    import torch

    asides = [checkpoint.load(fitted_of(folder, s)) for s in seeds]
    own = [read_weights(weights_of(folder, s)) for s in seeds]
    try:
        stack.load_state_dict({name: torch.stack([w[name] for w in own]) for name in own[0]})
    except (KeyError, ValueError, RuntimeError) as error:
        problem = f"{weights_of(folder, seeds[0])} does not fit the settings: {error}"
        raise UserError(problem, "delete it and train again") from None
    names = asides[0]["streams"]
    streams.load_state_dict({name: [a["streams"][name] for a in asides] for name in names})
    fitted = Fitted([a["history"] for a in asides], [a["diverged"] for a in asides])
    return fitted, dict(asides[0]["told"])


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in ``path`` by name; a UserError if it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load(path.read_bytes()))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "train that seed again") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged: {error}", "delete it and train again") from None
