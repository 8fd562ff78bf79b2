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
        "stored": "float16",
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
    content, _ = bundle.pack(
        {"decoder.output.weight": np.arange(6, dtype=np.float16).reshape(2, 3)}
    )
    return content


def test_the_committed_files_are_those_of_the_manifest() -> None:
    """Each is small, of today's settings and within a grey level of 255."""
    every = bundle.entries()
    assert len(every) >= 3
    for own in every:
        found = bundle.tensors(own)
        assert own.path(bundle.BUNDLE).stat().st_size == own.bytes < bundle.MOST_BYTES
        begun = {p for p in own.parts for name in found if name.startswith(f"{p}.")}
        assert begun == set(own.parts)
        starts = (bundle.SHOWN, *(f"{part}." for part in own.parts))
        assert all(name.startswith(starts) for name in found)
        matrices = [a for a in found.values() if a.ndim == 2]
        eight_bits = [a for a in matrices if a.dtype == np.float32]
        assert bool(eight_bits) == (own.stored == "int8")
        few = [a.shape[1] <= bundle.FEW_COLUMNS for a in matrices if a.dtype == np.float16]
        assert all(few) or own.stored == "float16"
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
    with pytest.raises(UserError, match=r"manifest.json is damaged: 0.seed"):
        bundle.entries(tmp_path)


@pytest.mark.parametrize("changed", ["item", "variant", "preset"])
def test_a_model_that_is_gone_is_one_line_and_goes_with_the_next(
    tmp_path: Path, content: bytes, changed: str
) -> None:
    gone = described(content, **{changed: "gone"})
    bundle.add(gone, content, tmp_path)
    (own,) = bundle.entries(tmp_path)
    with pytest.raises(UserError, match=rf"manifest\.json: unknown {changed}.*or run aae bundle"):
        bundle.settings_of(own, tmp_path)
    bundle.add(described(content, seed=1), content, tmp_path)
    assert [entry.seed for entry in bundle.entries(tmp_path)] == [1]


def test_what_is_large_has_rows_of_eight_bits() -> None:
    matrix = np.random.default_rng(0).normal(size=(1001, 1000)).astype(np.float16)
    bias = np.ones(1001, np.float16)
    content, stored = bundle.pack({"output.weight": matrix, "output.bias": bias})
    assert stored == "int8"
    assert len(content) < 1_010_000
    found = bundle.unpacked(content)
    assert sorted(found) == ["output.bias", "output.weight"]
    half_steps = np.abs(matrix.astype(float)).max(1) / 127 / 2
    apart = np.abs(found["output.weight"] - matrix).max(1)
    assert (apart <= 1.01 * half_steps + 1e-3).all()


def test_a_matrix_of_few_columns_keeps_its_sixteen_bits() -> None:
    large, small = np.ones((1001, 1000), np.float16), np.full((1000, 2), 0.1, np.float16)
    content, _ = bundle.pack({"first.weight": small, "output.weight": large})
    found = bundle.unpacked(content)
    assert (found["first.weight"].dtype, found["output.weight"].dtype) == (np.float16, np.float32)
    np.testing.assert_array_equal(found["first.weight"], small)


def test_rounding_makes_up_for_itself_in_the_directions_of_the_inputs() -> None:
    """Inputs in three directions: products with them hardly move; no number moves by much."""
    draws = np.random.default_rng(0)
    matrix = draws.normal(size=(40, 200))
    inputs = draws.normal(size=(500, 3)) @ draws.normal(size=(3, 200))

    def apart(whole: np.ndarray, scale: np.ndarray, seen: np.ndarray) -> float:
        return float(np.abs(seen @ (whole * scale[:, None].astype(float) - matrix).T).mean())

    plain, fitted = bundle.rounded(matrix), bundle.rounded(matrix, inputs)
    assert fitted[0].dtype == np.int8
    np.testing.assert_array_equal(plain[1], fitted[1])
    assert apart(*fitted, inputs) < apart(*plain, inputs) / 20
    assert apart(*fitted, np.eye(200)) < 3 * apart(*plain, np.eye(200))


def test_inputs_that_have_nothing_in_common_leave_plain_rounding() -> None:
    matrix = np.random.default_rng(0).normal(size=(7, 30))
    plain, fitted = bundle.rounded(matrix), bundle.rounded(matrix, np.eye(30))
    np.testing.assert_array_equal(plain[0], fitted[0])


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(UserError, match="more than the bundle's 2,000,000"):
        bundle.pack({"decoder.output.weight": np.zeros((2001, 1000), np.float16)})
