"""The bundle of weights: small, whole, described, and what a damaged one says."""

import json
from pathlib import Path

import numpy as np
import pytest

from replication.base.errors import UserError
from replication.evidence import bundle
from replication.evidence.bundle import Bundled
from replication.settings.experiments import experiments

MODEL = ("figure2_prior_matching", "aae_gaussian", "smoke", 0)


def described(content: bytes, **other: object) -> Bundled:
    import hashlib

    item, variant, preset, seed = MODEL
    facts = {
        "item": item,
        "variant": variant,
        "preset": preset,
        "seed": seed,
        "label_seed": seed,
        "parts": ["decoder"],
        "hidden_sizes": [3],
        "training_hash": "a" * 16,
        "code_hash": "b" * 16,
        "data_sha256": "c" * 64,
        "precision": "float32",
        "difference": 0.002,
        "mean_difference": 0.001,
        "codes_compared": 10,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return Bundled(**(facts | other))


@pytest.fixture
def content() -> bytes:
    return bundle.pack({"decoder.output.weight": np.arange(6, dtype=np.float16).reshape(2, 3)})


def test_the_committed_files_are_those_of_the_manifest() -> None:
    """Each is small, of today's settings, and within a grey level of 255."""
    every = bundle.entries()
    assert len(every) >= 3
    for own in every:
        found = bundle.tensors(own)
        assert own.path(bundle.BUNDLE).stat().st_size == own.bytes < bundle.MOST_BYTES
        assert {name.partition(".")[0] for name in found} == set(own.parts)
        floats = [a for a in found.values() if a.ndim]
        assert {a.dtype for a in floats} == {np.dtype(np.float16)}
        settings = experiments().settings_of(own.preset, own.item, own.variant)
        assert own.training_hash == settings.training_hash()
        assert 255 * own.difference < 1
    files = set(bundle.BUNDLE.rglob("*.safetensors"))
    assert files == {own.path(bundle.BUNDLE) for own in every}
    assert (bundle.BUNDLE / "README.md").read_text() == bundle.readme(every)


def test_what_was_added_is_found_and_replaced(tmp_path: Path, content: bytes) -> None:
    own = described(content)
    path = bundle.add(own, content, tmp_path)
    assert path == tmp_path / "smoke/figure2_prior_matching/aae_gaussian.safetensors"
    assert bundle.find(*MODEL, "a" * 16, tmp_path) == own
    assert bundle.find(*MODEL, "0" * 16, tmp_path) is None
    assert bundle.tensors(own, tmp_path)["decoder.output.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    again = described(content, seed=3)
    bundle.add(again, content, tmp_path)
    assert bundle.entries(tmp_path) == [again]
    assert "| smoke | 3 | decoder |" in (tmp_path / "README.md").read_text()


def test_without_a_manifest_there_is_no_bundle(tmp_path: Path) -> None:
    assert bundle.entries(tmp_path) == []


def test_another_file_than_the_manifests_is_refused(tmp_path: Path, content: bytes) -> None:
    own = described(content)
    path = bundle.add(own, content, tmp_path)
    path.write_bytes(content[:-1] + b"\x7f")
    with pytest.raises(UserError, match="is not the file that the manifest names"):
        bundle.tensors(own, tmp_path)
    path.unlink()
    with pytest.raises(UserError, match="No such file"):
        bundle.tensors(own, tmp_path)


def test_a_damaged_manifest_is_one_line(tmp_path: Path, content: bytes) -> None:
    bundle.add(described(content), content, tmp_path)
    manifest = tmp_path / "manifest.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps([facts[0] | {"seed": "first"}]))
    with pytest.raises(UserError, match=r"manifest.json: 0.seed"):
        bundle.entries(tmp_path)


def test_what_is_large_is_refused() -> None:
    with pytest.raises(UserError, match="more than the bundle's 2,000,000"):
        bundle.pack({"decoder.output.weight": np.zeros((1001, 1000), np.float16)})
