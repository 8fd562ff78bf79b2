"""The explorer: decoders that run in the page, over the codes of test images."""

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replication.base.errors import UserError
from replication.evidence.records import path_of
from replication.settings.experiments import experiments

from .drawing import Drawing
from .page import anchor
from .style import DIGITS

ENDING = ".decoder.npz"
REMEDY = "restore it from the repository, or run python -m replication explorer"
ACTIVATIONS = ("linear", "relu", "sigmoid")
MOST_CODES = 3000  # of test images; more would only make the page heavy


@dataclass(frozen=True)
class Explored:
    """A decoder in the page: what is read beside it, and what its script is given."""

    identifier: str
    title: str
    about: str
    evidence: str
    plane: bool
    style_dim: int
    data: dict[str, Any]


def explored(stored: Mapping[str, Mapping[str, Drawing]]) -> list[Explored]:
    """Of every record beside which a decoder lies, quick before the others."""
    found = []
    for item, by_preset in stored.items():
        for preset, drawing in by_preset.items():
            for variant in experiments().items[item].variants:
                path = path_of(preset, item, variant, drawing.results).with_suffix(ENDING)
                if preset != "smoke" and path.exists():
                    found += of_decoder(drawing, variant, path)
    return found


def of_decoder(drawing: Drawing, variant: str, path: Path) -> list[Explored]:
    """A decoder with its codes; none where it is of other settings than the record."""
    record, content = drawing.record(variant), read(path)
    if record is None or str(content["training_hash"]) != record.training_hash:
        return []
    stage = record.settings.second_stage
    style_dim = stage.style_dim if stage else record.settings.style_dim
    arrays = drawing.arrays(variant) if path_has_arrays(drawing, variant) else {}
    plane = style_dim == 2 and "codes" in arrays
    data: dict[str, Any] = {"layers": layers_of(content), "plane": plane, "colours": DIGITS}
    inputs = style_dim + (0 if plane else record.settings.label_dim)
    if data["layers"][0]["columns"] != inputs:
        problem = f"{path} is a decoder of {data['layers'][0]['columns']} inputs, not {inputs}"
        raise UserError(problem, REMEDY)
    if plane:
        data |= codes_of(arrays["codes"], arrays["labels"])
    else:
        data |= {"labels": record.settings.label_dim, "styleDim": style_dim}
        data["std"] = record.settings.style_prior.std
    largest, mean = (255 * float(content[name]) for name in ("difference", "mean"))
    about = (
        f"Seed {int(content['seed'])}; a pixel differs from the trained decoder's by at most "
        f"{largest:.1f} of 255 grey levels, by {mean:.2f} on average."
    )
    place = drawing.description.variants[variant].place
    where = anchor(drawing.preset, drawing.item, variant)
    return [Explored(f"explore-{where}", place, about, where, plane, style_dim, data)]


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an exported decoder; a UserError if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            content = dict(stored)
        layers_of(content)
        for name in ("difference", "mean"):
            if not 0 <= float(content[name].item()) <= 1:
                raise ValueError(f"{name} is not in 0 to 1")
        if content["seed"].dtype.kind not in "iu" or content["training_hash"].shape:
            raise ValueError("seed or training_hash is none")
        content["seed"].item()
    except Exception as error:  # numpy and zipfile raise many kinds
        raise UserError(f"{path} is no exported decoder: {error}", REMEDY) from None
    return content


def path_has_arrays(drawing: Drawing, variant: str) -> bool:
    path = path_of(drawing.preset, drawing.item, variant, drawing.results)
    return path.with_suffix(".npz").exists()


def layers_of(content: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Each layer as the page's script reads it: little-endian numbers in base64.

    A ValueError where a layer is none, or does not take what the one before gives.
    """
    layers: list[dict[str, Any]] = []
    for place, activation in enumerate(content["activations"]):
        weight, scale, bias = (content[f"{name}_{place}"] for name in ("weight", "scale", "bias"))
        if (fault := fault_of(weight, scale, bias)) or activation not in ACTIVATIONS:
            raise ValueError(f"layer {place} {fault or f'has the activation {activation}'}")
        if layers and layers[-1]["rows"] != weight.shape[1]:
            raise ValueError(f"layer {place} does not fit the one before")
        layers.append(
            {
                "rows": weight.shape[0],
                "columns": weight.shape[1],
                "activation": str(activation),
                "stored": str(weight.dtype),
                "weight": in_base64(weight),
                "scale": in_base64(scale.astype("<f2")),
                "bias": in_base64(bias.astype("<f2")),
            }
        )
    if not layers or math.isqrt(layers[-1]["rows"]) ** 2 != layers[-1]["rows"]:
        raise ValueError("it gives no square image")
    return layers


def fault_of(weight: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> str | None:
    """What keeps the arrays from being a layer that the page's script can multiply out."""
    if weight.dtype not in (np.int8, np.float16) or weight.ndim != 2 or not weight.size:
        return f"has weights of {weight.dtype} {weight.shape}"
    for values in (scale, bias):
        if values.shape != weight.shape[:1] or values.dtype.kind != "f":
            return f"has {values.shape} {values.dtype} beside weights of {weight.shape}"
    if not all(np.isfinite(values.astype("<f2")).all() for values in (weight, scale, bias)):
        return "holds what is no finite number"
    return None


def codes_of(codes: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Codes [N, 2] as int16 of their frame, and their classes."""
    some = slice(None, None, max(1, len(codes) // MOST_CODES))
    own = codes[some].astype(float)
    low, high = np.quantile(codes.astype(float), [0.001, 0.999], axis=0)
    shares = (own - low) / np.where(high > low, high - low, 1)
    places = np.rint(shares.clip(0, 1) * 32767).astype("<i2")
    frame = {"low": [round(v, 4) for v in low], "high": [round(v, 4) for v in high]}
    classes = in_base64(labels[some].astype(np.uint8))
    return {"codes": in_base64(places), "classes": classes, **frame}


def in_base64(values: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()
