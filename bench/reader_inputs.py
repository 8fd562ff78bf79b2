"""Damaged inputs for the readers: what belongs in a place, changed in some way."""

import gzip
import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import save

from bench import damage
from replication.evidence import records
from replication.settings.experiments import EXPERIMENTS
from replication.settings.reading import read_yaml

ROOT = Path(__file__).parents[1]
ITEM, VARIANT = "figure2_prior_matching", "aae_gaussian"
SELECTION = "emnist-digits-train"


def idx_bytes(*sizes: int) -> bytes:
    header = bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)
    return header + bytes(range(256))[: int(np.prod(sizes))]


IMAGES = idx_bytes(4, 7, 9)


def damaged_idx(random: Random) -> bytes:
    return damage.bytes_of(random, IMAGES)


def damaged_gzip(random: Random) -> bytes:
    """Damaged inside, or outside."""
    if random.random() < 0.5:
        return gzip.compress(damaged_idx(random), 1, mtime=0)
    return damage.bytes_of(random, gzip.compress(IMAGES, 1, mtime=0))


def damaged_zip(random: Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for what, content in (("images-idx3", IMAGES), ("labels-idx1", idx_bytes(4))):
            inside = damage.bytes_of(random, content) if random.random() < 0.5 else content
            name = f"gzip/{SELECTION}-{what}-ubyte.gz"
            archive.writestr(zipfile.ZipInfo(name), gzip.compress(inside, 1, mtime=0))
    content = buffer.getvalue()
    return damage.bytes_of(random, content) if random.random() < 0.5 else content


def npz(content: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=True, **content)
    return buffer.getvalue()


def damaged_npz(random: Random, content: dict[str, np.ndarray]) -> bytes:
    if random.random() < 0.7:
        return npz(damage.arrays_of(random, content))
    return damage.bytes_of(random, npz(content))


OWN: dict[str, np.ndarray] = {
    "train_images": np.arange(5 * 16, dtype=np.uint8).reshape(5, 4, 4),
    "train_labels": np.array([0, 1, 2, 1, 0]),
    "test_images": np.zeros((3, 4, 4), np.uint8),
    "test_labels": np.array([0, 1, 2]),
}
DRAWN: dict[str, np.ndarray] = {
    "codes": np.linspace(-2, 2, 24, dtype=np.float32).reshape(12, 2),
    "labels": np.arange(12, dtype=np.uint8) % 10,
    "manifold": np.zeros((20, 20), np.uint8),
    "members": np.zeros((3, 2, 16), np.uint8),
    "heads": np.zeros((3, 16), np.uint8),
    "curve_10000": np.linspace(-9, 1, 20, dtype=np.float32),
    "test_predictions": np.zeros((2, 12), np.uint8),
    "seed_numbers": np.array([[0, 0], [1, 1]]),
}


def matlab_bytes(random: Random) -> bytes:
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, {"faces": OWN["test_images"]}, do_compression=random.random() < 0.3)
    return damage.bytes_of(random, buffer.getvalue())


def record_values() -> dict[str, Any]:
    """A committed record, with few rows."""
    path = records.path_of("quick", ITEM, VARIANT, ROOT / records.RESULTS)
    values: dict[str, Any] = json.loads(path.read_text())
    for seed in values["seeds"]:
        seed["history"] = seed["history"][-4:]
    return values | {"seal": records.seal_of(values)}


def damaged_record(random: Random, values: Any) -> bytes:
    """Values changed and sealed anew, as a careful forger would; or bytes."""
    if random.random() < 0.2:
        return damage.bytes_of(random, json.dumps(values).encode())
    changed = damage.value_of(random, values)
    if isinstance(changed, dict) and "seal" in changed:
        changed["seal"] = records.seal_of(changed)
    return json.dumps(changed).encode()


def sealed_bytes(random: Random, content: Any) -> bytes:
    """A changed state with a right seal; or changed bytes, sealed or not."""
    odd = (*damage.ODD, torch.zeros(2), torch.zeros(0, dtype=torch.uint8), torch.tensor(1.0))
    chosen = random.random()
    buffer = io.BytesIO()
    nested = chosen < 0.7 and isinstance(content, dict | list)
    torch.save(damage.value_of(random, content, odd) if nested else content, buffer)
    inside = buffer.getvalue()
    if 0.7 <= chosen < 0.9:
        inside = damage.bytes_of(random, inside)
    sealed = hashlib.sha256(inside).hexdigest().encode() + b"\n" + inside
    return damage.bytes_of(random, sealed) if chosen >= 0.9 else sealed


def distance_bytes(random: Random) -> bytes:
    """Of three images; of four, of none, not finite, no tensor."""
    contents = [torch.zeros(3), torch.zeros(4), torch.zeros(0), torch.full((3,), torch.nan)]
    return sealed_bytes(random, random.choice([*contents, [0.0] * 3, {}]))


def tensor_bytes(random: Random) -> bytes:
    return damage.bytes_of(random, save({"a": torch.zeros(2, 3), "b": torch.ones(4).half()}))


def yaml_bytes(random: Random, values: Any) -> bytes:
    """Changed values, or changed text."""
    if random.random() < 0.6:
        return yaml.safe_dump(damage.value_of(random, values), allow_unicode=True).encode(
            errors="surrogatepass"
        )
    return damage.bytes_of(random, yaml.safe_dump(values).encode())


def json_bytes(random: Random, values: Any) -> bytes:
    if random.random() < 0.8:
        return json.dumps(damage.value_of(random, values)).encode()
    return damage.bytes_of(random, json.dumps(values).encode())


def table_bytes() -> bytes:
    """The first lines of a drawn table."""
    content = (ROOT / "figures/quick/companion_alae.csv").read_bytes()
    return b"".join(content.splitlines(keepends=True)[:13])


def file_bytes(random: Random, content: bytes) -> bytes:
    return damage.bytes_of(random, content)


def small_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(buffer, "png")
    return buffer.getvalue()


def some_experiments() -> dict[str, Any]:
    values: dict[str, Any] = read_yaml(EXPERIMENTS)
    values["items"] = {ITEM: values["items"][ITEM]}
    values["campaign"] = []
    return values


def some_published() -> dict[str, Any]:
    values: dict[str, Any] = read_yaml(ROOT / "replication/published.yaml")
    values["items"] = {"table3_clustering": values["items"]["table3_clustering"]}
    return values
