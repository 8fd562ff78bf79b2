"""The explorer: decoders of the bundle that run in the page, over the codes of test images."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replication.evidence import bundle
from replication.evidence.bundle import Bundled
from replication.evidence.records import path_of
from replication.settings.experiments import experiments
from replication.settings.schema import Settings

from .drawing import Drawing
from .page import anchor
from .style import DIGITS

MOST_CODES = 3000  # of test images; more would only make the page heavy
COMPARED = 2000  # codes that the difference of the page's weights is taken over
FITTED = 4000  # codes of the frame that a plane's layers are fitted to, with as many of images
SLIDERS = 3  # standard deviations of the prior, to both sides
RANK = 128  # of a plane's layers
COLUMNS = 10  # between two styles, where there is no label

Exact = tuple[np.ndarray, np.ndarray, str]  # weight [out, in], bias, activation


@dataclass(frozen=True)
class Layer:
    """``activation``(weight x + bias): the weight [out, in] as int8 with a scale for each row."""

    weight: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    activation: str

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """As the page computes it, of ``inputs`` [N, in]."""
        found = inputs @ self.weight.astype(float).T * self.scale.astype(float)
        return activated(found + self.bias.astype(float), self.activation)

    @property
    def shown(self) -> dict[str, Any]:
        """As the page's script reads it: little-endian numbers in base64."""
        rows, columns = self.weight.shape
        stored = {"weight": self.weight, "scale": self.scale, "bias": self.bias}
        texts = {name: in_base64(values) for name, values in stored.items()}
        return {"rows": rows, "columns": columns, "activation": self.activation, **texts}


@dataclass(frozen=True)
class Explored:
    """A decoder in the page: what is read beside it, and what its script is given."""

    identifier: str
    title: str
    about: str
    evidence: str  # empty where there is no record yet
    of: int  # how many seeds the record will have
    style_dim: int
    columns: Sequence[str]
    data: dict[str, Any]

    @property
    def plane(self) -> bool:
        return "codes" in self.data

    @property
    def kind(self) -> str:
        """What the columns are of."""
        return " labels" if self.columns[0] == "0" else " clusters"


def explored(
    stored: Mapping[str, Mapping[str, Drawing]], weights: Path = bundle.BUNDLE
) -> list[Explored]:
    """Of every file of the bundle that has a decoder and today's settings, planes first."""
    found = []
    order = [*experiments().items]
    described = [(own, bundle.settings_of(own, weights)) for own in bundle.entries(weights)]
    for own, settings in sorted(described, key=lambda pair: order.index(pair[0].item)):
        if own.decoder and own.training_hash == settings.training_hash():
            drawing = stored[own.item][own.preset]
            found += of_decoder(own, settings, bundle.tensors(own, weights), drawing)
    return sorted(found, key=lambda one: (not one.plane, len(one.columns) != COLUMNS))


def of_decoder(
    own: Bundled, settings: Settings, tensors: Mapping[str, np.ndarray], drawing: Drawing
) -> list[Explored]:
    """A decoder with what its page shows: codes in the plane, or a column for each label.

    One that sees the sum of a style and a cluster head is shown with its codes or not at all.
    """
    exact = layers_of(own, tensors, settings)
    heads = tensors.get(f"{own.decoder}.cluster_heads.weight")  # [numbers, labels]
    labels = settings.label_dim if settings.label_at != "discriminator" else 0
    data: dict[str, Any] = {"colours": DIGITS}
    arrays = codes_stored(own, drawing) or codes_beside(tensors)
    if exact[0][0].shape[1] == 2 and arrays:
        labels = 0
        data |= codes_of(arrays["codes"], arrays["labels"], None if heads is None else heads.T)
        low, high = data["low"], data["high"]
        codes = evenly(low, high)
        shown = eight_bits(factored(exact, fitting_codes(low, high, arrays["codes"])))
    elif heads is not None:
        return []
    else:
        data |= {"labels": labels, "std": settings.style_prior.std, "reach": SLIDERS}
        data |= {"styleDim": settings.style_dim, "columns": labels or COLUMNS}
        codes, shown = sample_codes(settings, labels), eight_bits(exact)
    data["layers"] = [layer.shown for layer in shown]
    largest, mean = differences(exact, shown, codes)
    about = (
        f"Seed {own.seed}, preset {own.preset}. Over {COMPARED:,} codes a pixel differs from the "
        f"trained decoder's by at most {255 * (largest + own.difference):.0f} of 255 grey levels, "
        f"by {255 * (mean + own.mean_difference):.2f} on average. Of that "
        f"{255 * own.difference:.2f} at most are of how it is stored in weights/; the rest is of "
        "the 8 bits of this page."
    )
    where = anchor(own.preset, own.item, own.variant)
    place = experiments().items[own.item].variants[own.variant].place
    evidence = where if drawing.record(own.variant) else ""
    first = int(settings.labels == 0)  # clusters are counted from 1, as the figures do
    names = [str(k + first) for k in range(labels)]
    texts = (f"explore-{where}", place, about, evidence)
    return [Explored(*texts, len(settings.runs), settings.style_dim, names, data)]


def layers_of(own: Bundled, tensors: Mapping[str, np.ndarray], settings: Settings) -> list[Exact]:
    """The decoder's layers as they are in the bundle."""
    hidden = sorted(
        name.removesuffix(".weight")
        for name in tensors
        if name.startswith(f"{own.decoder}.trunk.") and name.endswith(".weight")
    )
    layers: list[Exact] = []
    for name in (*hidden, f"{own.decoder}.output"):
        weight, bias = (tensors[f"{name}.{kind}"].astype(float) for kind in ("weight", "bias"))
        layers.append((weight, bias, "relu" if name in hidden else settings.output))
    return layers


def eight_bits(exact: Sequence[Exact]) -> list[Layer]:
    return [
        Layer(*bundle.rounded(weight), bias.astype("<f2"), activation)
        for weight, bias, activation in exact
    ]


def factored(exact: Sequence[Exact], codes: np.ndarray) -> list[Exact]:
    """Each layer with more inputs than ``RANK`` as two of that rank: a fraction of the numbers.

    They are exact on the principal components of its inputs for ``codes`` [N, 2]: a code of two
    numbers moves a thousand hidden units in few directions.
    """
    found: list[Exact] = []
    inputs = codes
    for weight, bias, activation in exact:
        if inputs.shape[1] > RANK:
            mean = inputs.mean(0)
            basis = np.linalg.eigh(np.cov(inputs.T))[1][:, -RANK:]
            found.append((basis.T, -basis.T @ mean, "linear"))
            found.append((weight @ basis, bias + weight @ mean, activation))
        else:
            found.append((weight, bias, activation))
        inputs = activated(inputs @ weight.T + bias, activation)
    return found


def activated(values: np.ndarray, activation: str) -> np.ndarray:
    if activation == "relu":
        return np.maximum(values, 0)
    return 1 / (1 + np.exp(-values)) if activation == "sigmoid" else values


def differences(
    exact: Sequence[Exact], layers: Sequence[Layer], codes: np.ndarray
) -> tuple[float, float]:
    """The largest and the mean difference of a pixel in [0, 1], over ``codes`` [N, inputs]."""
    as_stored, as_shown = codes, codes
    for weight, bias, activation in exact:
        as_stored = activated(as_stored @ weight.T + bias, activation)
    for layer in layers:
        as_shown = layer(as_shown)
    apart = np.abs(as_stored.clip(0, 1) - as_shown.clip(0, 1))
    return float(apart.max()), float(apart.mean())


def evenly(
    low: Sequence[float], high: Sequence[float], count: int = COMPARED, seed: int = 0
) -> np.ndarray:
    """``count`` places [N, 2] of the frame from ``low`` to ``high``."""
    shares = np.random.default_rng(seed).random((count, len(low)))
    return np.array(low) + shares * (np.array(high) - np.array(low))


def fitting_codes(low: Sequence[float], high: Sequence[float], codes: np.ndarray) -> np.ndarray:
    """Places of the frame and of images, other than those that are compared.

    Images crowd where classes meet and pixels change fastest: without their codes the largest
    difference of Figure 2a's plane was 68 grey levels instead of 28.
    """
    some = codes[:: max(1, len(codes) // FITTED)][:FITTED].astype(float)
    return np.concatenate([evenly(low, high, FITTED, seed=1), some.clip(low, high)])


def sample_codes(settings: Settings, labels: int, count: int = COMPARED) -> np.ndarray:
    """Where sliders lead: each label in turn, with styles anywhere that these reach."""
    stream = np.random.default_rng(0)
    reach = SLIDERS * settings.style_prior.std
    styles = stream.uniform(-reach, reach, size=(count, settings.style_dim))
    if not labels:
        return styles
    return np.concatenate([np.eye(labels)[np.arange(count) % labels], styles], 1)


def codes_stored(own: Bundled, drawing: Drawing) -> dict[str, np.ndarray]:
    """The arrays of the model's record; none where there is no record of these settings."""
    record = drawing.record(own.variant)
    path = path_of(own.preset, own.item, own.variant, drawing.results).with_suffix(".npz")
    if record is None or record.training_hash != own.training_hash or not path.exists():
        return {}
    return drawing.arrays(own.variant)


def codes_beside(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The codes that a file of the bundle has itself; none in most."""
    if f"{bundle.SHOWN}codes" not in tensors:
        return {}
    codes = tensors[f"{bundle.SHOWN}codes"].astype(float).reshape(-1, 2)
    return {"codes": codes, "labels": tensors[f"{bundle.SHOWN}labels"]}


def codes_of(
    codes: np.ndarray, labels: np.ndarray, heads: np.ndarray | None = None
) -> dict[str, Any]:
    """Codes [N, 2] as int16 of their frame, and their classes; heads [m, 2] as shares of it."""
    some = slice(None, None, max(1, len(codes) // MOST_CODES))
    low, high = np.quantile(codes.astype(float), [0.001, 0.999], axis=0)
    if heads is not None:
        low, high = np.minimum(low, heads.min(0)), np.maximum(high, heads.max(0))
        margin = 0.06 * (high - low)  # a digit stands above its codes
        low, high = low - margin, high + margin
    size = np.where(high > low, high - low, 1)
    shares = (codes[some].astype(float) - low) / size
    places = np.rint(shares.clip(0, 1) * 32767).astype("<i2")
    frame = {"low": [round(v, 4) for v in low], "high": [round(v, 4) for v in high]}
    classes = in_base64(labels[some].astype(np.uint8))
    start = [round(float(share), 3) for share in (tightest(codes, labels) - low) / size]
    found = {"codes": in_base64(places), "classes": classes, "start": start, **frame}
    if heads is not None:
        found["heads"] = [[round(float(v), 4) for v in head] for head in (heads - low) / size]
    return found


def tightest(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The median code [2] of the class whose ``codes`` [N, 2] lie nearest to theirs."""
    medians = {k: np.median(codes[labels == k].astype(float), axis=0) for k in np.unique(labels)}
    apart = {
        k: np.median(np.linalg.norm(codes[labels == k] - middle, axis=1))
        for k, middle in medians.items()
    }
    return medians[min(apart, key=lambda k: apart[k])]


def in_base64(values: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()
