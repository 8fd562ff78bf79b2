"""A copy of the sources in which Snakemake runs, as in a fresh checkout without any record."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = ["Snakefile", "replication", "profiles", "pyproject.toml"]
SNAKEMAKE = str(Path(sys.executable).parent / "snakemake")


def copy_sources(folder: Path) -> Path:
    """Copy the sources alone into ``folder``."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / part)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Variables with which a rule's ``python`` is ours and finds the copy in ``folder``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ours = {"PATH": path, "PYTHONPATH": str(folder), "WANDB_MODE": "disabled"}
    return {**os.environ, **ours, "REPLICATION_DATA": ""}
