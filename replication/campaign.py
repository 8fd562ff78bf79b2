"""A campaign: what a preset still misses, in the order of its value, within a time budget.

A thin call of Snakemake, one variant at a time. What the budget cuts goes on from its checkpoint
in the next campaign.
"""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .base.errors import UserError
from .evidence.records import RESULTS, path_of
from .settings.experiments import experiments
from .training.jobs.progress import duration

GRACE = 30.0  # seconds that Snakemake has to end its jobs


def missing(preset: str, results: Path = RESULTS) -> list[Path]:
    """The records that are not there, most valuable first (``campaign`` of experiments.yaml)."""
    content = experiments()
    items = [item for item, described in content.items.items() if described.variants]
    ranked = sorted(items, key=content.rank)
    paths = [
        path_of(preset, item, variant, results)
        for item in ranked
        for variant in content.runnable(item, preset)
    ]
    return [path for path in paths if not path.exists()]


def campaign(preset: str, seconds: float, snakemake: Sequence[str]) -> None:
    """Train what ``preset`` misses until ``seconds`` are over, and print what is left.

    ``snakemake`` are its arguments, such as ``--cores all``. A UserError if a training failed.
    """
    end = time.monotonic() + seconds
    failed = []
    for path in missing(preset):
        left = end - time.monotonic()
        if left <= 0:
            break
        print(f"{path} ({duration(left)} left)", flush=True)
        command = ["snakemake", *snakemake, "--config", f"preset={preset}", "--", str(path)]
        if run(command, left) and not path.exists() and time.monotonic() < end:
            failed.append(str(path))
    left_over = missing(preset)
    for path in left_over:
        print(f"left: {path}")
    print(f"{len(left_over)} records of {preset} are missing" if left_over else "nothing is left")
    if failed:
        raise UserError(f"training failed: {', '.join(failed)}", "see the logs in logs/")


def run(command: Sequence[str], seconds: float) -> int:
    """The exit code of ``command``, which is told to end after ``seconds``."""
    try:
        # A session of its own: told to end, Snakemake alone would wait for the training.
        process = subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        remedy = "activate the environment that has it (. .venv/bin/activate)"
        raise UserError(f"cannot run {command[0]}: {error.strerror}", remedy) from None
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return stop(process)
    except KeyboardInterrupt:
        stop(process)
        raise


def stop(process: subprocess.Popen) -> int:
    """End Snakemake and its jobs, which then say that they go on from their checkpoints."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()
