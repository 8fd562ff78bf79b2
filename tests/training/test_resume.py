"""A run killed at any moment and started again gives the same bits as one never killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VARIANT = ["--variant", "aae_gaussian"]  # of one seed and few seconds


def command(*arguments: str, item: str = "figure2_prior_matching") -> list[str]:
    return [sys.executable, "-m", f"replication.{item}", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("train", *VARIANT, *arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def without_timing(path: Path) -> Any:
    """The record's content, without when, where and how fast it was made (which is sealed, too)."""
    record = json.loads(path.read_text())
    del record["seal"]
    for seed in record["seeds"]:
        del seed["provenance"]
    return record


RECORD = Path("results/smoke/figure2_prior_matching/aae_gaussian.json")


# One process sets the fixture up.
pytestmark = pytest.mark.xdist_group("resume")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("unbroken")
    done = train(folder)
    assert done.returncode == 0, done.stderr
    return without_timing(folder / RECORD)


def killed_and_resumed(folder: Path, seconds: float) -> Any:
    """Start, SIGKILL after ``seconds`` of training, start again; the record of the second."""
    process = subprocess.Popen(
        command("train", *VARIANT, "--checkpoint-seconds", "0"),
        cwd=folder,
        env=environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob(".checkpoints/*/*/*/*/epoch_*.pt")):
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.05)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / RECORD).exists(), "killed too late to test anything"
    done = train(folder)
    assert done.returncode == 0, done.stderr
    return without_timing(folder / RECORD)


def test_killed_once(tmp_path: Path, unbroken: Any) -> None:
    assert killed_and_resumed(tmp_path, 0.1) == unbroken


@pytest.mark.long  # the fault suite kills more kinds of training
@pytest.mark.parametrize("attempt", range(2))
def test_killed_at_a_random_moment(tmp_path: Path, unbroken: Any, attempt: int) -> None:
    assert killed_and_resumed(tmp_path, random.uniform(0, 0.8)) == unbroken


def test_damaged_checkpoint_is_passed_over(tmp_path: Path, unbroken: Any) -> None:
    process = subprocess.Popen(
        command("train", *VARIANT, "--checkpoint-seconds", "0"),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.DEVNULL,
    )
    while len(list(tmp_path.glob(".checkpoints/*/*/*/*/epoch_*.pt"))) < 2:
        time.sleep(0.05)
    process.kill()
    process.wait()
    newest = max(tmp_path.glob(".checkpoints/*/*/*/*/epoch_*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    done = train(tmp_path)
    assert done.returncode == 0
    assert newest.name in done.stderr
    assert "damaged" in done.stderr
    assert without_timing(tmp_path / RECORD) == unbroken


def test_terminated_in_one_line_with_its_own_exit_code(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("train", *VARIANT, "--checkpoint-seconds", "0"),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores interrupts, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(tmp_path.glob(".checkpoints/*/*/*/*/epoch_*.pt")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("interrupted; start it again")
    assert "Traceback" not in errors
