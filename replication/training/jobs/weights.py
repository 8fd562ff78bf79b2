"""What is kept of a trained seed before it is measured: its weights, and how training went.

``seed_0_labels_0.safetensors`` holds the parameters and buffers; ``seed_0_labels_0.fitted`` the
history and the state of the random streams, so that measuring again gives the same bits as if
training had just ended.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from replication.base import sealed
from replication.base.errors import UserError
from replication.base.files import locked, remove_dead_parts, write_atomically
from replication.settings.schema import Seed
from replication.training.fit import Fitted, Kept

from . import stored

WHOLE = "trained.pt"  # a stack of seeds that are not all kept yet
OF_THE_SEED = ("seconds", "core_seconds", "stacked", "data")  # what is told of no single process


def seed_name(seed: Seed) -> str:
    """What the files of a seed are called."""
    return f"seed_{seed.seed}_labels_{seed.label_seed}"


def weights_of(folder: Path, seed: Seed) -> Path:
    return folder / f"{seed_name(seed)}.safetensors"


def fitted_of(folder: Path, seed: Seed) -> Path:
    return folder / f"{seed_name(seed)}.fitted"


def is_kept(folder: Path, seed: Seed) -> bool:
    """Whether ``seed`` can be measured without training."""
    return weights_of(folder, seed).exists() and fitted_of(folder, seed).exists()


def keep(
    folder: Path, stack: Path, seeds: Sequence[Seed], kept: Kept, told: dict[str, Any]
) -> None:
    """Store each seed of a trained stack; ``told`` is what else belongs to each, such as seconds.

    To be called before anything is measured, so that a measure that fails costs no training. Seeds
    that were trained together are kept together: the folder ``stack`` has all of them until each
    has its own files, for ``finish``, since one that is trained alone has other bits.
    """
    if len(seeds) > 1:
        fitted = {"histories": kept.fitted.histories, "diverged": kept.fitted.diverged}
        weights = {name: value.cpu() for name, value in kept.weights.items()}
        state = {"weights": weights, "streams": kept.streams, **fitted, "told": told}
        sealed.save(stack / WHOLE, state)
    _keep_each(folder, seeds, kept, told)
    clear(stack)


def finish(folder: Path) -> None:
    """Keep the seeds of stacks whose ``keep`` was cut by a kill; a UserError on a full disk."""
    for whole in folder.glob(f"stack_*/{WHOLE}"):
        with ExitStack() as held:
            try:
                held.enter_context(locked(whole.with_name("lock"), "training that stack"))
            except UserError:  # who holds it is in the middle of keeping them
                continue
            if whole.exists():
                _finish(folder, whole)


def _finish(folder: Path, whole: Path) -> None:
    """One that is refused is set aside, with a line on standard error."""
    try:
        state = stored.read(whole, stored.TrainedStack)
    except UserError as error:
        aside, lost = sealed.set_aside(whole), "seeds that it alone had are trained again"
        print(f"warning: {error.problem}; it is {aside.name} now, and {lost}", file=sys.stderr)
        return
    fitted = Fitted(state["histories"], state["diverged"])
    seeds = [Seed(*numbers) for numbers in state["told"]["stack"]]
    _keep_each(folder, seeds, Kept(state["weights"], state["streams"], fitted), state["told"])
    clear(whole.parent)


def clear(stack: Path) -> None:
    """Remove what is needed no longer once the seeds of ``stack`` are kept.

    What was refused of it, too: training has given the same anew.
    """
    for path in (*stack.glob("epoch_*.pt*"), *stack.glob(f"{WHOLE}*")):
        if path.is_file():
            path.unlink()
    remove_dead_parts(stack)


def _keep_each(folder: Path, seeds: Sequence[Seed], kept: Kept, told: dict[str, Any]) -> None:
    from safetensors.torch import save  # here: only who trains needs it

    for i, seed in enumerate(seeds):
        own = {name: value[i].cpu().contiguous() for name, value in kept.weights.items()}
        write_atomically(weights_of(folder, seed), save(own))
        aside = {
            "history": kept.fitted.histories[i],
            "diverged": kept.fitted.diverged[i],
            "streams": {name: states[i] for name, states in kept.streams.items()},
            "told": told,
        }
        sealed.save(fitted_of(folder, seed), aside)  # last: with it, the seed counts as kept


def restore(folders: Sequence[Path], seeds: Sequence[Seed]) -> tuple[Kept, dict[str, Any]]:
    """What ``keep`` stored of each of ``seeds`` in its folder, and what was told of the first.

    A UserError where a file is damaged or they are not of one model.
    """
    places = list(zip(folders, seeds, strict=True))
    asides = [stored.read(fitted_of(*place), stored.Fitted) for place in places]
    own = [read_weights(weights_of(*place)) for place in places]
    try:
        weights = {name: torch.stack([w[name] for w in own]) for name in own[0]}
    except (KeyError, RuntimeError) as error:
        problem = f"{weights_of(*places[0])} does not fit the other seeds: {error}"
        raise UserError(problem, "delete it and train again") from None
    streams = {name: [a["streams"][name] for a in asides] for name in asides[0]["streams"]}
    fitted = Fitted([a["history"] for a in asides], [a["diverged"] for a in asides])
    return Kept(weights, streams, fitted), told_of(folders[0], seeds[0])


def told_of(folder: Path, seed: Seed) -> dict[str, Any]:
    """What was told of a kept seed when its training ended; a UserError if it is another seed.

    Version 0.2.0 named the code in the folder alone, and no stack or process.
    """
    told = dict(stored.read(fitted_of(folder, seed), stored.Fitted)["told"])
    if "code" not in told:
        process = {name: value for name, value in told.items() if name not in OF_THE_SEED}
        told["code"] = folder.name.split("-")[1]
        told["stack"] = [[seed.seed, seed.label_seed]]
        told["processes"] = [{"work": "training", **process}]
    elif [seed.seed, seed.label_seed] not in [list(pair) for pair in told["stack"]]:
        path = fitted_of(folder, seed)
        raise UserError(f"{path} is of another seed", "delete it to train its seed again")
    return told


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
