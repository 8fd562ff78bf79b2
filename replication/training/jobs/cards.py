"""Several GPUs in one machine: a training on ``cuda`` has one that no other training has.

A card is taken by a lock on a file that is named after it, for as long as the process lives: a kill
frees it. The files are of one machine and one user, so that trainings in other folders count. Who
names ``cuda:1`` gets that card, whoever else has it.
"""

import os
import sys
import tempfile
from functools import cache
from pathlib import Path

import torch

from replication.base.files import hold_first_free

from .provenance import check_device


@cache  # once in a process, which keeps its card
def use_device(name: str) -> None:
    """Make ``name`` what this process trains on; a UserError unless torch can use it.

    ``cuda`` is then a card that is free. Where none is, the first is shared, and a line says so.
    """
    if name == "cuda" and torch.cuda.is_available():
        folder = Path(tempfile.gettempdir()) / f"adversarial-autoencoders-{os.getuid()}"
        chosen = hold_first_free(folder / card for card in visible())
        if chosen is None:
            print("note: every GPU has a training already; they share the first", file=sys.stderr)
        torch.cuda.set_device(chosen or 0)  # which `cuda` means from here on
    check_device(name)


def visible() -> list[str]:
    """The cards that this process may use, named alike by every process of the machine."""
    properties = (torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count()))
    return [str(own.uuid) for own in properties]
