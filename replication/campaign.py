"""A campaign: what a preset still misses, in the order of its value, within a time budget.

A thin call of Snakemake, one variant at a time (at smoke one item). What the budget cuts goes on
from its checkpoint in the next campaign.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import IO

from .base.durations import duration
from .base.errors import UserError
from .evidence import records
from .evidence.records import RESULTS, path_of
from .settings.experiments import experiments

GRACE = 30.0  # seconds that Snakemake has to end its jobs
LOCKS = Path(".snakemake") / "locks"


def missing(preset: str, results: Path = RESULTS) -> list[Path]:
    """The records that are not there, or lack seeds of today's settings; most valuable first.

    The order is that of ``campaign`` in experiments.yaml.
    """
    content = experiments()
    names = [
        (item, variant)
        for item, described in content.items.items()
        if described.variants
        for variant in content.runnable(item, preset)
    ]
    paths = [
        path_of(preset, *name, results) for name in sorted(names, key=lambda n: content.rank(*n))
    ]
    return [path for path in paths if not path.exists() or _lacks_seeds(path)]


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

    def start(path: Path, left: float) -> int:
        clear_dead_lock()
        again = ["--forcerun", str(path)] if path.exists() else []
        return run(["snakemake", *snakemake, *again, "--config", *chosen, "--", str(path)], left)

    work_off(preset, time.monotonic() + seconds, start)


def work_off(
    preset: str,
    end: float,
    start: Callable[[Path, float], int],
    only: Collection[str] | None = None,
) -> None:
    """``start`` what ``preset`` misses until ``end`` on the clock, and print what is left.

    ``start`` is given a record's path and the seconds that are left, and returns an exit code.
    ``only`` are names such as item/variant. A UserError names each training that failed, with the
    last line of its log.
    """

    def wanted() -> list[Path]:
        paths = missing(preset)
        return [p for p in paths if only is None or f"{p.parent.name}/{p.stem}" in only]

    failed: list[str] = []
    tried: set[Path] = set()
    while untried := [path for path in wanted() if path not in tried]:
        left = end - time.monotonic()
        if left <= 0:
            break
        tried.add(path := untried[0])
        print(f"{path} ({duration(left)} left)", flush=True)
        started = time.time()
        if start(path, left) and time.monotonic() < end:
            failed.append(f"{path} ({last_line(path, started)})")
    left_over = wanted()
    for path in left_over:
        print(f"left: {path}{begun(path)}")
    print(f"{len(left_over)} records of {preset} are missing" if left_over else "nothing is left")
    if failed:
        raise UserError(f"training failed: {', '.join(failed)}", "see the logs in logs/")


def begun(path: Path) -> str:
    """What there is of a record's training already, for people."""
    preset, item, variant = records.identity(path)
    hashed = experiments().settings_of(preset, item, variant).training_hash()
    stored = Path(".checkpoints", item, variant).glob(f"{hashed}-*/stack_*/epoch_*.pt")
    epochs = [int(checkpoint.stem.removeprefix("epoch_")) for checkpoint in stored]
    return f" (begun, up to epoch {max(epochs)})" if epochs else ""


def last_line(path: Path, started: float) -> str:
    """The last line that the training of the record ``path`` has logged since ``started``.

    A UserError if it has logged nothing: Snakemake failed before that, and would again.
    """
    log = log_of(path)
    if not log.exists() or log.stat().st_mtime < started - 1:
        raise UserError(f"Snakemake failed before it trained {path}", "mend what it says above")
    lines = log.read_text(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")


def log_of(path: Path) -> Path:
    """Where the training of the record ``path`` logs to, as in the Snakefile."""
    preset, item, variant = records.identity(path)
    if preset == "smoke":  # which trains all of an item at once
        return Path("logs", preset, f"{item}.log")
    return Path("logs", preset, item, f"{variant}.log")


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


def run(command: Sequence[str], seconds: float, log: IO[bytes] | None = None) -> int:
    """The exit code of ``command``, which is told to end after ``seconds``.

    What it prints goes to ``log``, if there is one.
    """
    try:
        # A session of its own: told to end, Snakemake alone would wait for the training.
        process = subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)
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
    """End a training, or Snakemake and its jobs, which say that they go on from checkpoints."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()
