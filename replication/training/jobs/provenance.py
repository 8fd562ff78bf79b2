"""With what a run is made: the device, the precision, the machine and the code."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from replication.base.errors import UserError
from replication.settings.schema import Settings
from replication.training.run import Execution

GIT_SECONDS = 10  # it has for an answer: a slow disk must not hold up a training
CODE = (":(top)", ":(top,exclude)results", ":(top,exclude)figures")
# Where bf16 begins to pay: the weights are cast at every use. At 128 units it is slower.
WIDE = 250


def check_device(name: str, used: bool = True) -> None:
    """A UserError unless torch can use the device ``name``, or knows it, if it is not ``used``."""
    try:
        device = torch.device(name)
        if used:
            torch.zeros(1, device=device).item()  # reads it back: the device meta holds no values
    except (RuntimeError, AssertionError) as error:  # torch raises either, without CUDA
        reason = str(error).splitlines()[0].partition(". ")[0]  # torch goes on for a paragraph
        remedy = f"name a device of this machine: {', '.join(devices())}"
        raise UserError(f"device '{name}' cannot be used: {reason}", remedy) from None


def devices() -> list[str]:
    """Those that this machine has and this build of torch can use."""
    return ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]


def precision_of(wanted: str, device: str, settings: Settings) -> str:
    """The precision of the products; ``auto`` is the fastest.

    That is bf16 in wide layers on a CPU that has the instructions. What it does to the error was
    measured on one variant (``bench.precision``): within the spread of five seeds, no more. On a
    GPU it is float32 until that bench has been run on one: ``tf32`` has to be asked for.
    """
    if wanted != "auto":
        return wanted
    fast = device.startswith("cpu") and has_bf16_products() and min(settings.hidden_sizes) >= WIDE
    return "bf16-products" if fast else "float32"


def has_bf16_products() -> bool:
    """Whether the CPU has AVX512-BF16; torch multiplies bf16 slowly on one without."""
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False


def environment(execution: Execution) -> dict[str, Any]:
    """Where and with what a run was made."""
    on_gpu = torch.device(execution.device).type == "cuda"
    commit, dirty = checkout()
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else f"CPU ({_processor()})",
        "threads": execution.threads,
        "precision": execution.precision,
    }


def checkout() -> tuple[str, bool]:
    """The commit of this checkout, and whether its code has been changed since.

    Without a commit, and not changed, where git does not tell both: where there is none, or none
    that answers in ``GIT_SECONDS``. An archive that was unpacked inside another repository is none
    of its files.
    """
    here = Path(__file__)
    if not _said_by_git(here.parent, "ls-files", "--", here.name):
        return "", False
    commit = _said_by_git(here.parent, "rev-parse", "HEAD")
    # A record or a drawing that is new makes no difference to the next run.
    asked = ("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    changes = _said_by_git(here.parent, *asked) if commit else None
    return ("", False) if commit is None or changes is None else (commit, changes != "")


def _said_by_git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None where it does not, or says that it cannot."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
