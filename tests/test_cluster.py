"""The command for a cluster, as the documentation has it, on a real SLURM of one node."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.slurm import DIES_WITH_US, one_node
from tests.tools.workflow import ROOT, SNAKEMAKE, copy_sources, environment

PAGE = ROOT / "docs" / "going-further.md"
# Of two items, since a job has all of an item at smoke: of these there is one.
VARIANTS = ["ours_earlier_recipes/mnist_100", "controls_log_likelihood/mnist"]
CUT = VARIANTS[0]
RECORDS = [f"results/smoke/{variant}.json" for variant in VARIANTS]
# Else the state of jobs is asked after 40 seconds, and then ever more seldom.
QUICK_CHECKS = """
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, value: None)
"""


def documented(*config: str) -> list[str]:
    """The documentation's command for a cluster, with another ``--config``."""
    (command,) = set(re.findall(r"`(snakemake [^`]*profiles/slurm[^`]*)`", PAGE.read_text()))
    words = shlex.split(command)
    place = words.index("--config")
    assert words[place + 1 :] == ["preset=paper", "device=cuda"]
    return [SNAKEMAKE, *words[1 : place + 1], *config]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    # Short: a socket's path may have 107 characters.
    with one_node(tmp_path_factory.mktemp("s") / "s") as found:
        yield found


def clone(folder: Path) -> Path:
    """The sources, with a checkpoint after every epoch and quick checks of what jobs do."""
    copy_sources(folder)
    snakefile = folder / "Snakefile"
    text = snakefile.read_text()
    word = '" --precision {resources.precision}"'
    assert text.count(word) == 1
    text = text.replace(word, word[:-1] + ' --checkpoint-seconds 0"')
    snakefile.write_text(text + QUICK_CHECKS)
    return folder


def told(slurm: dict[str, str], *command: str) -> list[str]:
    done = subprocess.run(command, env=slurm, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def wait_for(what: Callable[[], list], process: subprocess.Popen[str]) -> list:
    """What ``what`` finds, once it finds anything while ``process`` lives."""
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"nothing came: {process.communicate()[0]}")


def started(command: list[str], folder: Path, slurm: dict[str, str]) -> subprocess.Popen[str]:
    variables = environment(folder)
    variables["PATH"] = f"{Path(slurm['PATH'].split(':')[0])}:{variables['PATH']}"
    return subprocess.Popen(
        [*DIES_WITH_US, *command],
        cwd=folder,
        env={**variables, "SLURM_CONF": slurm["SLURM_CONF"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def numbers(record: Path) -> list[tuple]:
    """Of each seed what training and measuring gave, minutes aside."""
    seeds = json.loads(record.read_text())["seeds"]
    return [(s["seed"], s["status"], s["metrics"], s["history"]) for s in seeds]


@pytest.mark.slurm
def test_the_documented_command_gives_a_local_run_s_bits_though_a_job_is_cancelled(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    """The scheduler has no accounting, as on small clusters."""
    cluster, local = clone(tmp_path / "cluster"), tmp_path / "local"
    process = started([*documented("preset=smoke"), "--", *RECORDS], cluster, slurm)
    try:
        wait_for(lambda: [*cluster.glob(f".checkpoints/{CUT}/*/*/epoch_*.pt")], process)
        jobs = told(slurm, "squeue", "--noheader", "--format=%i %k")
        (job,) = [job.split()[0] for job in jobs if CUT.split("/")[0] in job]
        told(slurm, "scancel", job)
        local.mkdir()
        alone = [sys.executable, "-m", "replication", "train", *VARIANTS, "--preset", "smoke"]
        subprocess.run(alone, cwd=local, env=environment(ROOT), capture_output=True, check=True)
        output = process.communicate(timeout=200)[0]
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "'CANCELLED'" in output
    assert "Trying to restart job" in output
    for record in RECORDS:
        assert numbers(cluster / record) == numbers(local / record)
    seed, *_ = json.loads((cluster / RECORDS[0]).read_text())["seeds"]
    first, second = seed["provenance"]["processes"]
    assert first["started"] < second["started"]  # that went on where the first was cut


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, and after half a minute again: a Snakemake under load was once not ended by one."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.slurm
def test_jobs_for_gpus_wait_in_the_cluster_s_queue_and_not_for_one_another(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    memory = ["--set-resources", "train:mem_mb=64000"]
    assert f"`{' '.join(memory)}`" in PAGE.read_text()
    records = [f"results/quick/{variant}.json" for variant in VARIANTS]
    command = [*documented("preset=quick", "device=cuda"), *memory, "--", *records]
    process = started(command, clone(tmp_path), slurm)

    def queued() -> list[str]:
        jobs = told(slurm, "squeue", "--noheader", "--Format=tres-per-job:20,minmemory:20")
        return jobs if len(jobs) == len(records) else []

    try:
        jobs = wait_for(queued, process)
        interrupt(process)  # cancels them
    finally:
        process.kill()
    asked = [job.replace("/", ":").split() for job in jobs]  # newer ones say gres/gpu:1
    assert asked == [["gres:gpu:1", "62.50G"]] * len(records)
    assert told(slurm, "squeue", "--noheader", "--states=PENDING,RUNNING") == []
