"""A trained decoder as a small file, with which a web page draws images of its own.

``<variant>.decoder.npz`` beside the record holds its layers: float16, or int8 with a scale for each
row, or in two factors of a smaller rank, whichever is smallest within ``TOLERANCE``. The largest
difference to the decoder itself is stored with it.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.base.streams import generator
from replication.data.loaders import load
from replication.evidence.arrays import read_arrays
from replication.evidence.records import path_of, read
from replication.models.networks import Decoder
from replication.models.priors import style_prior
from replication.settings.schema import Settings
from replication.training.jobs.trained import modules
from replication.training.jobs.variant import Variant
from replication.training.run import Execution

TOLERANCE = 0.1  # of a pixel in [0, 1], of the worst one
SAMPLES = 2000  # codes that the difference is taken over
RANKS = (16, 32, 64, 128)
ENDING = ".decoder.npz"
# Whose decoder a page shows, where its weights were kept: small ones, for the page to stay small.
EXPLORED = (
    ("figure2_prior_matching", "aae_gaussian"),
    ("figure11_dimensionality_reduction", "labels_1000"),
    ("ours_semi_supervised", "mnist_100"),
)


@dataclass
class Layer:
    """``activation``(weight x + bias), float64; ``stored`` as float16 or as int8."""

    weight: np.ndarray
    bias: np.ndarray
    activation: str
    stored: str = "float16"

    @property
    def rounded(self) -> tuple[np.ndarray, np.ndarray]:
        """The weight as it is stored, and the scale of its rows (1 for float16)."""
        if self.stored == "float16":
            return self.weight.astype(np.float16), np.ones(len(self.weight), np.float16)
        scale = np.maximum(np.abs(self.weight).max(1) / 127, 1e-6).astype(np.float16)
        whole = np.rint(self.weight / scale[:, None].astype(float))
        return whole.clip(-127, 127).astype(np.int8), scale

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """As a page computes it, of ``inputs`` [N, in]."""
        weight, scale = self.rounded
        found = inputs @ weight.astype(float).T * scale.astype(float)
        return activated(found + self.bias.astype(np.float16).astype(float), self.activation)

    @property
    def bytes(self) -> int:
        weight, scale = self.rounded
        return weight.nbytes + scale.nbytes + 2 * len(self.bias)


def activated(values: np.ndarray, activation: str) -> np.ndarray:
    if activation == "relu":
        return np.maximum(values, 0)
    return 1 / (1 + np.exp(-values)) if activation == "sigmoid" else values


def decoded(layers: Sequence[Layer], codes: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], [N, pixels], of ``codes`` [N, inputs]."""
    for layer in layers:
        codes = layer(codes)
    return codes.clip(0, 1)


def layers_of(decoder: Decoder) -> list[Layer]:
    """The linear layers of a trained decoder, with batch-norm taken into the weights."""
    linears = [m for m in decoder.modules() if isinstance(m, nn.Linear)]
    linears = [m for m in linears if m is not decoder.cluster_heads]
    norms = [m for m in decoder.modules() if isinstance(m, nn.BatchNorm1d)]
    layers = []
    for place, linear in enumerate(linears):
        weight, bias = (t.detach().double().numpy() for t in (linear.weight, linear.bias))
        if norms:
            weight, bias = normed(weight, bias, norms[place])
        last = place == len(linears) - 1
        output = "sigmoid" if decoder.sigmoid else "linear"
        layers.append(Layer(weight, bias, output if last else "relu"))
    return layers


def normed(
    weight: np.ndarray, bias: np.ndarray, norm: nn.BatchNorm1d
) -> tuple[np.ndarray, np.ndarray]:
    """A layer and the batch-norm after it, in evaluation mode, as one layer."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance, gain, shift = (
        t.detach().double().numpy()
        for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    factor = gain / np.sqrt(variance + norm.eps)
    return factor[:, None] * weight, factor * (bias - mean) + shift


def without_idle(layers: list[Layer], codes: np.ndarray) -> list[Layer]:
    """Without the hidden units that are zero for all ``codes``."""
    found = [Layer(layer.weight, layer.bias, layer.activation) for layer in layers]
    inputs = codes
    for own, following in pairwise(found):
        inputs = activated(inputs @ own.weight.T + own.bias, own.activation)
        used = (inputs > 0).any(0)
        own.weight, own.bias = own.weight[used], own.bias[used]
        following.weight, inputs = following.weight[:, used], inputs[:, used]
    return found


def factored(layers: Sequence[Layer], codes: np.ndarray, rank: int) -> list[Layer]:
    """Each layer that has more inputs than ``rank`` in two factors of that rank.

    They are exact on the principal components of its inputs, which a code of few numbers moves in
    few directions.
    """
    found, inputs = [], codes
    for layer in layers:
        if inputs.shape[1] > rank:
            mean = inputs.mean(0)
            _, vectors = np.linalg.eigh(np.cov(inputs.T))
            basis = vectors[:, -rank:]
            found.append(Layer(basis.T, -basis.T @ mean, "linear"))
            bias = layer.bias + layer.weight @ mean
            found.append(Layer(layer.weight @ basis, bias, layer.activation))
        else:
            found.append(layer)
        inputs = activated(inputs @ layer.weight.T + layer.bias, layer.activation)
    return found


def candidates(layers: list[Layer], codes: np.ndarray) -> Iterator[list[Layer]]:
    """The ways to store a decoder; the first is the most exact."""
    yield layers
    kept = without_idle(layers, codes)
    yield kept
    yield [Layer(x.weight, x.bias, x.activation, "int8") for x in kept]
    yield from (factored(kept, codes, rank) for rank in RANKS)


@dataclass(frozen=True)
class Compact:
    """A decoder as it is stored, and how far its pixels are from the trained decoder's."""

    layers: list[Layer]
    largest: float
    mean: float

    @property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.layers)


def compact(layers: list[Layer], codes: np.ndarray) -> Compact:
    """The smallest way within ``TOLERANCE`` over ``codes`` [N, inputs]."""
    exact = codes
    for layer in layers:
        exact = activated(exact @ layer.weight.T + layer.bias, layer.activation)
    found: list[Compact] = []
    for own in candidates(layers, codes):
        apart = np.abs(decoded(own, codes) - exact.clip(0, 1))
        if apart.max() <= TOLERANCE or not found:
            found.append(Compact(own, float(apart.max()), float(apart.mean())))
    return min(found, key=lambda way: way.bytes)


def sample_codes(settings: Settings, plane: np.ndarray | None, count: int = SAMPLES) -> np.ndarray:
    """What the page gives the decoder: places of a plane, or styles of the prior with each label.

    ``plane`` [N, 2] has codes of test images, whose frame is filled evenly.
    """
    stream = generator(0, "codes of the exported decoder")
    if plane is not None:
        low, high = (torch.from_numpy(np.quantile(plane, q, axis=0)) for q in (0.001, 0.999))
        even = torch.rand(count, 2, generator=stream, dtype=torch.float64)
        return (low + even * (high - low)).numpy()
    styles: Tensor = style_prior(settings).sample(count, stream).double()
    labels = torch.eye(settings.label_dim, dtype=torch.float64)
    turns = labels[torch.arange(count) % max(1, settings.label_dim)]
    return torch.cat([turns, styles], 1).numpy() if settings.label_dim else styles.numpy()


def export(item: str, variant: str, preset: str, results: Path) -> Path:
    """Write the decoder of the seed whose arrays are stored; a UserError without its weights.

    The weights are those that were kept where the record was trained, in this folder.
    """
    path = path_of(preset, item, variant, results)
    if not path.exists():
        raise UserError(f"there is no record {path}", "train that variant first")
    record = read(path)
    seed = next((s for s in record.seeds if s.status == "ok"), None)
    if seed is None:
        raise UserError(f"all seeds of {path} diverged", "export another variant")
    made = seed.provenance
    device = "cpu" if made.device.startswith("CPU") else "cuda"
    execution = Execution(device, made.threads, precision=made.precision)
    script = import_module(f"replication.{item}")
    pixels = load(record.settings).pixels
    parts = modules(Variant(script, preset, variant, execution), seed.seed, pixels)
    decoder = parts.get_submodule("plane.decoder" if "plane" in parts else "decoder")
    assert isinstance(decoder, Decoder)
    stored = read_arrays(path) if path.with_suffix(".npz").exists() else {}
    plane = stored.get("codes")
    codes = sample_codes(record.settings, None if plane is None else plane.astype(float))
    content = packed(compact(layers_of(decoder), codes), record.training_hash, seed.seed)
    write_atomically(path.with_suffix(ENDING), content)
    return path.with_suffix(ENDING)


def packed(found: Compact, training_hash: str, seed: int) -> bytes:
    """The .npz file of a decoder, with the record and the seed that it belongs to."""
    content = {"training_hash": np.array(training_hash), "seed": np.array(seed)}
    content |= {"difference": np.array(found.largest), "mean": np.array(found.mean)}
    for place, layer in enumerate(found.layers):
        weight, scale = layer.rounded
        content |= {f"weight_{place}": weight, f"scale_{place}": scale}
        content[f"bias_{place}"] = layer.bias.astype(np.float16)
    content["activations"] = np.array([layer.activation for layer in found.layers])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **content)
    return buffer.getvalue()
