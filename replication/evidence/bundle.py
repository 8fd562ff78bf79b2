"""The bundle: trained weights that are part of the repository, of one seed of a few models.

``weights/<preset>/<item>/<variant>.safetensors`` has parts of a model in float16, named as the
modules' own. Where that is too large, matrices with more than a few columns are int8, with a scale
for each row in float16 under the same name and ``.scale``. Beside the decoder of a plane
``shown.codes`` [2 N] and ``shown.labels`` [N] have the places and classes of some test images.
``weights/manifest.json`` says of each file what it is, and ``weights/README.md`` says it to
readers. Only safetensors are read, never a pickle.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.settings.experiments import PRESETS, experiments
from replication.settings.schema import Settings
from replication.settings.strict import Natural, Positive, Strict

from .json_files import read_json

BUNDLE = Path("weights")
MANIFEST = "manifest.json"
MOST_BYTES = 2_000_000  # of a file: the bundle is cloned with the code
SCALE = ".scale"
FEW_COLUMNS = 16  # of a matrix that takes little space, so that it stays as it is
DAMPING = 0.001  # of the mean square of the inputs: directions that they hardly have count little
SHOWN = "shown."
REMEDY = "restore it from the repository, or run aae bundle"


class Bundled(Strict):
    """A file of the bundle; ``difference`` is that of pixels in [0, 1] to the float32 model."""

    item: str
    variant: str
    preset: str
    seed: Natural
    label_seed: Natural
    parts: list[str]
    stored: Literal["float16", "int8"]
    hidden_sizes: list[Positive]  # of the decoder, from its input on
    training_hash: str
    code_hash: str
    data_sha256: str
    precision: str
    difference: float
    mean_difference: float
    codes_compared: Positive
    bytes: Positive
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.item}/{self.variant}"

    @property
    def decoder(self) -> str:
        """The part that decodes, such as ``plane.decoder``; empty where there is none."""
        return next((part for part in self.parts if part.endswith("decoder")), "")

    def path(self, folder: Path) -> Path:
        return folder / self.preset / self.item / f"{self.variant}.safetensors"


def entries(folder: Path = BUNDLE) -> list[Bundled]:
    """All files of the bundle; none without a manifest. A UserError where it is damaged."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    return read_json(path, list[Bundled], REMEDY)


def settings_of(own: Bundled, folder: Path = BUNDLE) -> Settings:
    """Today's settings of a file's model; a UserError where there is no such model any more."""
    content = experiments()
    try:
        return content.settings_of(own.preset, own.item, own.variant)
    except UserError as error:
        raise UserError(f"{folder / MANIFEST}: {error.problem}", REMEDY) from None


def is_described(own: Bundled) -> bool:
    """Whether there is such a model still."""
    items = experiments().items
    variants = items[own.item].variants if own.item in items else {}
    return own.variant in variants and own.preset in PRESETS


def find(
    item: str, variant: str, preset: str, seed: int, training_hash: str, folder: Path = BUNDLE
) -> Bundled | None:
    """The file of that model, if there is one with these settings."""
    wanted = (item, variant, preset, seed, training_hash)
    for own in entries(folder):
        if (own.item, own.variant, own.preset, own.seed, own.training_hash) == wanted:
            return own
    return None


def tensors(own: Bundled, folder: Path = BUNDLE) -> dict[str, np.ndarray]:
    """The tensors of a file by name, floats or labels; a UserError if it is another file."""
    path = own.path(folder)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", REMEDY) from None
    if hashlib.sha256(content).hexdigest() != own.sha256:
        raise UserError(f"{path} is not the file that the manifest names", REMEDY)
    return unpacked(content)


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file; an int8 matrix and its scales are one float32 matrix."""
    from safetensors.numpy import load

    stored = load(content)
    scales = {name: a for name, a in stored.items() if name.endswith(SCALE)}
    return {
        name: a.astype(np.float32) * scales[f"{name}{SCALE}"].astype(np.float32)[:, None]
        if a.dtype == np.int8
        else a
        for name, a in stored.items()
        if name not in scales
    }


def in_rows(
    arrays: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """``arrays`` with each matrix as int8 and its scales, unless it has few columns."""
    found = {}
    for name, array in arrays.items():
        if array.ndim == 2 and array.shape[1] > FEW_COLUMNS:
            found[name], found[f"{name}{SCALE}"] = rounded(array, inputs.get(name))
        else:
            found[name] = array
    return found


def rounded(matrix: np.ndarray, inputs: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A matrix [R, C] as int8, and the scale [R] of each row in float16.

    With ``inputs`` [N, C], which the matrix is multiplied by, its products with them are rounded
    as little as possible, not its numbers (see ``made_up``).
    """
    exact = matrix.astype(float)
    scale = np.maximum(np.abs(exact).max(1) / 127, 1e-6).astype("<f2")
    in_steps = exact / scale[:, None].astype(float)
    whole = np.rint(in_steps) if inputs is None else made_up(in_steps, inputs.astype(float))
    return whole.clip(-127, 127).astype(np.int8), scale


def made_up(matrix: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """A matrix [R, C] in whole numbers, whose products with ``inputs`` [N, C] hardly differ.

    Column after column is rounded, and the later ones make up for what that changes, by least
    squares over the inputs: GPTQ (Frantar et al., 2022, arXiv:2210.17323), from memory.
    """
    squares = inputs.T @ inputs
    squares += DAMPING * squares.diagonal().mean() * np.eye(len(squares))
    order = np.argsort(-squares.diagonal())
    upper = np.linalg.cholesky(np.linalg.inv(squares[order][:, order])).T
    left, whole = matrix[:, order], np.empty_like(matrix)
    for k, column in enumerate(order):
        whole[:, column] = np.rint(left[:, k]).clip(-127, 127)
        missed = (left[:, k] - whole[:, column]) / upper[k, k]
        left[:, k + 1 :] -= np.outer(missed, upper[k, k + 1 :])
    return whole


def pack(
    arrays: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray] | None = None
) -> tuple[bytes, Literal["float16", "int8"]]:
    """The safetensors file of ``arrays`` in float16, and how its matrices are stored.

    In int8 where it is too large otherwise, rounded for the ``inputs`` of that name; a UserError
    where it is too large then, too.
    """
    from safetensors.numpy import save

    def saved(own: Mapping[str, np.ndarray]) -> bytes:
        content: bytes = save({name: np.array(a, order="C") for name, a in own.items()})
        return content

    content = saved(arrays)
    if len(content) <= MOST_BYTES:
        return content, "float16"
    content = saved(in_rows(arrays, inputs or {}))
    if len(content) > MOST_BYTES:
        problem = f"{len(content):,} bytes are more than the bundle's {MOST_BYTES:,} for a model"
        raise UserError(problem, "bundle fewer parts of it")
    return content, "int8"


def add(own: Bundled, content: bytes, folder: Path = BUNDLE) -> Path:
    """Write a file, and the manifest and the README with it; an older one of that name goes.

    So does what nothing describes any more.
    """
    others = [e for e in entries(folder) if (e.name, e.preset) != (own.name, own.preset)]
    every = sorted(
        [*filter(is_described, others), own], key=lambda e: (e.preset, e.item, e.variant)
    )
    write_atomically(own.path(folder), content)
    listed = json.dumps([entry.model_dump() for entry in every], indent=1) + "\n"
    write_atomically(folder / MANIFEST, listed.encode())
    write_atomically(folder / "README.md", readme(every).encode())
    return own.path(folder)


def readme(every: Sequence[Bundled]) -> str:
    """What the bundle is and what is in it, generated from its manifest."""
    rows = [
        f"| `{e.name}` | {e.preset} | {e.seed} | {', '.join(e.parts)} | {e.stored} | {e.bytes:,} | "
        f"{255 * e.difference:.2f} | `{e.sha256[:16]}` |"
        for e in every
    ]
    lines = [
        "# Weights to play with",
        "",
        "One trained seed of a few models, as safetensors in float16, or in int8 with a scale for",
        "each row where float16 would take more than 2 MB. This file and `manifest.json` are",
        "written by `aae bundle`. The manifest has the hash of the settings and of the training",
        "code, the sha256 of the training data and of each file.",
        "",
        "```python",
        "import replication",
        "",
        f'model = replication.load("{every[0].name}")  # modules in float32',
        "```",
        "",
        "`replication.load`, `sample` and `encode` use these files where no weights of a training",
        "of your own are kept. The difference is how far a pixel of a decoded image is from that",
        "of the float32 decoder, at most, in grey levels of 255. Hidden units of a lone decoder",
        "that no code of the prior wakes are left out, and of a wide layer those that others can",
        "make up for. `encode` needs an encoder, `sample` a decoder; the decoder of a plane alone",
        "is for `replication.load` and the report.",
        "",
        "| model | preset | seed | parts | stored as | bytes | difference | sha256 |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"
