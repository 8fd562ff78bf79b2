"""What every bench says of the machine, and where it stores what it measured there."""

import json
import re
from pathlib import Path
from typing import Any

import torch

from replication.base.files import write_atomically
from replication.training.jobs.provenance import environment, has_bf16_products
from replication.training.run import Execution

RESULTS = Path(__file__).parent / "results"


def machine(device: torch.device) -> dict[str, Any]:
    """Commit, versions and processor; without a precision, since a bench measures both."""
    values = environment(Execution(device=str(device)))
    del values["precision"]
    return values


def name_of(device: torch.device) -> str:
    """Such as ``cpu_amd_epyc_avx512_bf16``: what a ratio depends on, and no host's name."""
    processor = re.sub(r", \d+ cores\)$", "", machine(device)["device"])
    if device.type == "cpu" and has_bf16_products():
        processor += " avx512_bf16"
    elif device.type != "cpu":
        processor = f"{device.type} {processor}"
    return re.sub(r"[^a-z0-9]+", "_", processor.lower()).strip("_")


def store(kind: str, result: dict[str, Any], device: torch.device, out: Path | None) -> Path:
    """Write ``result`` as ``out``, or as bench/results/<kind>_<machine>.json; returns the path."""
    path = out or RESULTS / f"{kind}_{name_of(device)}.json"
    write_atomically(path, (json.dumps(result, indent=1, allow_nan=False) + "\n").encode())
    return path
