"""A small copy of the suite to be killed: trainings of a second, and what they leave compared."""

import compileall
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from replication.settings.experiments import merge

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "replication", "profiles", "environment.yml", "pyproject.toml")
OLD = ROOT / "tests" / "evidence" / "old" / "floors.json"  # a record of schema 1
SMALL = {"hidden_sizes": [16, 16], "epochs": 3, "batch_size": 200}
ONE = {**SMALL, "seeds": [0]}
JOINT: dict[str, Any] = {
    **ONE,
    "batch_norm_images": 200,
    "joint": {
        "weights": {
            "reconstruction": 0.1,
            "style_adversary": {0.5: 0.0, 2: 0.1},
            "label_adversary": 0.1,
            "balance": 3.0,
        }
    },
    "smoothness": {"among": 200, "relative_radius": 0.2},
}
LAYERS = {"style_dim": 16, "layerwise_epochs": 1, "epochs": 4, "fine_tuning_epochs": 1}
# Of each kind of training an item and a variant, with what makes it small.
CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("figure2_prior_matching", "vae_gaussian"): ONE,
    ("figure2_prior_matching", "aae_gaussian"): ONE,
    ("table2_semi_supervised", "mnist_100"): SMALL,
    ("table3_clustering", "clusters_16"): ONE,
    ("companion_autoencoders", "stacked_denoising"): {**ONE, **LAYERS, "parzen": None},
    ("ours_earlier_recipes", "mnist_100"): {**ONE, "weight_average_updates": 5},
    ("companion_alae", "alae"): ONE,
    ("ours_semi_supervised", "mnist_100"): JOINT,
    ("ours_clustering", "clusters_16"): JOINT,
    ("ours_dimensionality_reduction", "labels_100"): {
        **JOINT,
        "second_stage": {"hidden_sizes": [8], "epochs": 2},
    },
}


@dataclass(frozen=True)
class Case:
    """A command of the suite: an item's, or of the suite as a whole where ``item`` is empty."""

    name: str
    item: str
    arguments: list[str]
    given: list[str] = field(default_factory=list)  # names of cases whose results it begins with

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", f"replication.{self.item}".rstrip("."), *self.arguments]


def training(name: str, item: str, variant: str, *more: str) -> Case:
    return Case(name, item, ["train", "--variant", variant, "--checkpoint-seconds", "0", *more])


SEVERAL = training("several seeds", "table2_semi_supervised", "mnist_100")
TRAININGS = [
    training("plain", "figure2_prior_matching", "aae_gaussian"),
    training("variational", "figure2_prior_matching", "vae_gaussian"),
    SEVERAL,
    training("stacked seeds", "table2_semi_supervised", "mnist_100", "--stack"),
    training("batch-norm", "table3_clustering", "clusters_16"),
    training("layer-wise", "companion_autoencoders", "stacked_denoising"),
    training("averaged weights", "ours_earlier_recipes", "mnist_100"),
    training("ALAE", "companion_alae", "alae"),
    training("joint", "ours_semi_supervised", "mnist_100"),
    training("joint, clusters", "ours_clustering", "clusters_16"),
    training("joint, second stage", "ours_dimensionality_reduction", "labels_100"),
]
USES = [
    Case("measure", "table3_clustering", ["measure", "--variant", "clusters_16"], ["batch-norm"]),
    Case(
        "measure several seeds",
        "table2_semi_supervised",
        ["measure", "--variant", "mnist_100"],
        ["several seeds"],
    ),
    Case("sample", "figure2_prior_matching", ["sample", "--variant", "aae_gaussian"], ["plain"]),
    Case("encode", "figure2_prior_matching", ["encode", "--variant", "aae_gaussian"], ["plain"]),
]
WORKERS = training("workers", "table2_semi_supervised", "mnist_100", "--workers", "2")
PAGES = [
    Case("draw a figure", "figure2_prior_matching", ["draw"], ["plain", "variational"]),
    Case("draw a table", "table2_semi_supervised", ["draw"], ["several seeds"]),
    Case("compare", "table2_semi_supervised", ["compare"], ["several seeds"]),
    Case("report", "", ["report"], ["plain", "several seeds", "batch-norm"]),
    Case("readme", "", ["readme"], ["README.md", "plain", "several seeds", "batch-norm"]),
    Case("migrate", "", ["migrate"], ["old records"]),
]


def miniature(folder: Path) -> Path:
    """The suite's sources in ``folder``, with few and small trainings at the preset smoke."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    path = folder / "replication" / "experiments.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for (item, variant), changes in CHANGES.items():
        described = content["items"][item]["variants"][variant]
        described["smoke"] = merge(described.get("smoke", {}), changes)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    compileall.compile_dir(folder / "replication", quiet=1)  # each start would compile it anew
    return folder


def environment(suite: Path) -> dict[str, str]:
    """For commands of the copy ``suite``; the benches are those of this checkout."""
    known = os.environ.get("PYTHONPATH")
    paths = [str(suite), str(ROOT), *([known] if known else [])]
    fixed = {"WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **fixed, "PYTHONPATH": os.pathsep.join(paths), "REPLICATION_DATA": ""}


def old_records(folder: Path) -> None:
    """Records of schema 1, to be migrated."""
    for item in ("companion_alae", "table9"):
        path = folder / "results" / "quick" / item / "floors.json"
        path.parent.mkdir(parents=True)
        text = OLD.read_text(encoding="utf-8")
        path.write_text(text.replace('"companion_alae"', f'"{item}"'), encoding="utf-8")


def bits(folder: Path) -> dict[str, str]:
    """What a command left in ``folder``, by name: hashes of what has to be equal, bit for bit.

    Records count without their provenance, which tells times; of checkpoints, the weights.
    """
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        if name.parts[0] != ".checkpoints" or path.suffix == ".safetensors":
            found[str(name)] = hashlib.sha256(_content(path)).hexdigest()
        else:
            found[str(name)] = "there"
    return found


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix != ".json" or b'"seal"' not in content:
        return content
    record = json.loads(content)
    del record["seal"]
    for seed in record["seeds"]:
        del seed["provenance"]
    return json.dumps(record, sort_keys=True).encode()


def differing(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """The names of files that are missing, other than ``wanted``, or too many."""
    return sorted(n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n))
