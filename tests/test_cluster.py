"""The command for a cluster, as the documentation has it, on a real SLURM of one node."""

import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.slurm import one_node
from tests.tools.workflow import ROOT, SNAKEMAKE, copy_sources, environment

LONG = "results/smoke/figure2_prior_matching/vae_gaussian.json"
RECORDS = [
    LONG,
    "results/smoke/table2_semi_supervised/nn_100.json",
]


def documented(*config: str) -> list[str]:
    """The documentation's command for a cluster, with another ``--config``."""
    page = (ROOT / "docs" / "going-further.md").read_text()
    (command,) = set(re.findall(r"`(snakemake [^`]*profiles/slurm[^`]*)`", page))
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
    """The sources, with a smoke variant that can be cut in the middle, and quick status checks."""
    copy_sources(folder)
    experiments = folder / "replication" / "experiments.yaml"
    text = experiments.read_text()
    place = "      vae_gaussian:\n        place: Figure 2c\n"
    assert text.count(place) == 1
    longer = f"{place}        smoke: {{epochs: 40, seeds: [0]}}\n"
    experiments.write_text(text.replace(place, longer))
    snakefile = folder / "Snakefile"
    text = snakefile.read_text()
    word = '" --precision {resources.precision}"'
    assert text.count(word) == 1
    snakefile.write_text(text.replace(word, word[:-1] + ' --checkpoint-seconds 0"'))
    profile = folder / "profiles" / "slurm" / "profile.yaml"
    profile.write_text(profile.read_text() + "slurm-init-seconds-before-status-checks: 3\n")
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
        command,
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
    local, cluster = clone(tmp_path / "local"), clone(tmp_path / "cluster")
    command = [*documented("preset=smoke"), "--", *RECORDS]
    process = started(command, cluster, slurm)
    try:
        wait_for(lambda: [*cluster.glob(".checkpoints/**/epoch_*.pt")], process)
        jobs = told(slurm, "squeue", "--noheader", "--format=%i %k")
        (job,) = [job.split()[0] for job in jobs if "vae_gaussian" in job]
        told(slurm, "scancel", job)
        alone = subprocess.run(
            [SNAKEMAKE, "--cores", "1", "--", *RECORDS],
            cwd=local,
            env=environment(local),
            capture_output=True,
            text=True,
            check=False,
        )
        assert alone.returncode == 0, alone.stderr
        output = process.communicate(timeout=150)[0]
    finally:
        process.kill()
    assert process.returncode == 0, output
    log = (cluster / "logs" / "smoke" / "figure2_prior_matching" / "vae_gaussian.log").read_text()
    assert "terminated; start it again" in log
    assert "from epoch" in log
    for record in RECORDS:
        assert numbers(cluster / record) == numbers(local / record)


@pytest.mark.slurm
def test_jobs_for_gpus_wait_in_the_cluster_s_queue_and_not_for_one_another(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    command = [*documented("preset=smoke", "device=cuda"), "--", *RECORDS]
    process = started(command, clone(tmp_path), slurm)

    def queued() -> list[str]:
        jobs = told(slurm, "squeue", "--noheader", "--format=%b %m %T")
        return jobs if len(jobs) == len(RECORDS) else []

    try:
        jobs = wait_for(queued, process)
        process.send_signal(signal.SIGINT)  # cancels them
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert all(job.startswith("gres:gpu:1 8000M ") for job in jobs), jobs
    assert told(slurm, "squeue", "--noheader", "--states=PENDING,RUNNING") == []
