"""Sealed files of tensors: the sha256 of the content, a line break, the content.

The content is read with ``weights_only=True``: no code in it is ever run.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from .errors import UserError
from .files import write_atomically


def save(path: Path, state: Any) -> None:
    """``state`` (tensors, numbers, strings, containers) as a sealed file, atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_atomically(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def load(path: Path) -> Any:
    """The state in ``path``; a UserError if it is damaged or no file of this suite."""
    remedy = f"delete {path} to start again without it"
    try:
        seal, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy) from None
    if hashlib.sha256(content).hexdigest().encode() != seal:
        raise UserError(f"{path} is damaged, or no file of this suite", remedy)
    try:
        # Generator states must stay on the CPU; the stack copies parameters to its own device.
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the unpickler stumbles over
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(f"{path} cannot be read: {reason}", remedy) from None
