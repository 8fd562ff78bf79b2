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
from .evidence import records
from .evidence.records import RESULTS, path_of
from .settings.experiments import experiments
from .training.jobs.progress import duration

GRACE = 30.0  # seconds that Snakemake has to end its jobs
LOCKS = Path(".snakemake") / "locks"


def missing(preset: str, results: Path = RESULTS) -> list[Path]:
    """The records that are not there, or lack seeds of today's settings; most valuable first.

    The order is that of ``campaign`` in experiments.yaml.
    """
    content = experiments()
    items = [item for item, described in content.items.items() if described.variants]
    return [
        path
        for item in sorted(items, key=content.rank)
        for variant in content.runnable(item, preset)
        for path in [path_of(preset, item, variant, results)]
        if not path.exists() or _lacks_seeds(path)
    ]


def _lacks_seeds(path: Path) -> bool:
    """Whether the record in ``path`` is of today's settings, with fewer seeds."""
    try:
        record = records.read(path)
    except UserError:  # who draws it says so
        return False
    settings = experiments().settings_of(record.preset, record.item, record.variant)
    alike = record.training_hash == settings.training_hash()
    return alike and len(record.seeds) < len(settings.runs)


def campaign(
    preset: str,
    seconds: float,
    snakemake: Sequence[str],
    device: str | None = None,
    precision: str | None = None,
) -> None:
    """Train what ``preset`` misses until ``seconds`` are over, and print what is left.

    ``snakemake`` are its arguments, such as ``--cores all``. A UserError names each training that
    failed, with the last line of its log; also where Snakemake cannot start.
    """
    for argument in snakemake:
        if argument.partition("=")[0] in ("--config", "-C"):
            problem = f"{argument} would replace the campaign's own --config"
            raise UserError(problem, "give --preset, --device and --precision to the campaign")
    config = {"preset": preset, "device": device, "precision": precision}
    chosen = [f"{key}={value}" for key, value in config.items() if value]
    end = time.monotonic() + seconds
    failed = []
    for path in missing(preset):
        left = end - time.monotonic()
        if left <= 0:
            break
        clear_dead_lock()
        print(f"{path} ({duration(left)} left)", flush=True)
        again = ["--forcerun", str(path)] if path.exists() else []
        command = ["snakemake", *snakemake, *again, "--config", *chosen, "--", str(path)]
        started = time.time()
        if run(command, left) and time.monotonic() < end:
            failed.append(f"{path} ({last_line(path, started)})")
    left_over = missing(preset)
    for path in left_over:
        print(f"left: {path}")
    print(f"{len(left_over)} records of {preset} are missing" if left_over else "nothing is left")
    if failed:
        raise UserError(f"training failed: {', '.join(failed)}", "see the logs in logs/")


def last_line(path: Path, started: float) -> str:
    """The last line that the training of the record ``path`` has logged since ``started``.

    A UserError if it has logged nothing: Snakemake failed before that, and would again.
    """
    preset, item, variant = records.identity(path)
    log = Path("logs", preset, item, f"{variant}.log")
    if not log.exists() or log.stat().st_mtime < started - 1:
        raise UserError(f"Snakemake failed before it trained {path}", "mend what it says above")
    lines = log.read_text(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")


def clear_dead_lock() -> None:
    """Free this folder of the lock of a Snakemake that was killed.

    A UserError if it is alive. Snakemake's locks do not say whose they are: it is looked for among
    the processes of this machine.
    """
    if not LOCKS.is_dir() or not any(LOCKS.iterdir()):
        return
    if holder := snakemake_at_work(Path.cwd()):
        problem = f"another Snakemake is at work in this folder (process {holder})"
        raise UserError(problem, "wait until it ends")
    print("the lock of a Snakemake that was killed is cleared", flush=True)
    run(["snakemake", "--unlock", "--cores", "1"], GRACE)


def snakemake_at_work(folder: Path) -> int | None:
    """The process of a Snakemake that runs in ``folder``, if there is one."""
    import psutil  # 0.1 s, and only Snakemake brings it

    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words = [Path(word).name for word in (process.info["cmdline"] or [])[:3]]
        if "snakemake" in words and process.info["cwd"] == str(folder):
            return int(process.info["pid"])
    return None


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
    except BaseException:
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
