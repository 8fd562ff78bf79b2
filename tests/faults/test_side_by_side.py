"""Two at once, and Snakemake killed: no number is made twice, and the next run ends well."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.faults.kills import Commands, Victim
from bench.faults.miniature import bits, differing, environment, miniature, training
from replication.campaign import snakemake_at_work
from tests.faults.conftest import PLAIN, alive

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]  # on a machine that is busy
# The only one of its item at smoke, which Snakemake trains as a whole.
ALONE = training("alone", "ours_earlier_recipes", "mnist_100")
RECORD = "results/smoke/ours_earlier_recipes/mnist_100.json"


def test_two_trainings_of_one_variant(victim: Victim, tmp_path: Path) -> None:
    wanted, _ = victim.whole(PLAIN)
    both = [Commands(victim).start(PLAIN, tmp_path) for _ in range(2)]
    errors = [process.communicate(timeout=600)[1] for process in both]
    ended = sorted(zip([process.returncode for process in both], errors, strict=True))
    codes = [code for code, _ in ended]
    assert codes in ([0, 0], [0, 2]), errors
    if codes == [0, 2]:  # the second came while the first trained
        assert ended[1][1].startswith("error: another process is training figure2_prior_matching")
        assert len(ended[1][1].splitlines()) == 1
    assert bits(tmp_path) == wanted


def snakemake(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    binaries = Path(sys.executable).parent
    surroundings = environment(folder)
    return subprocess.Popen(
        [str(binaries / "snakemake"), "--cores", "1", *arguments],
        cwd=folder,
        env={**surroundings, "PATH": f"{binaries}{os.pathsep}{surroundings['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(folder: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


@pytest.mark.long
@pytest.mark.parametrize("whole_group", [True, False])
def test_snakemake_killed(victim: Victim, tmp_path: Path, whole_group: bool) -> None:
    """A second one is refused while the first runs, and unlocks the folder when that is dead."""
    wanted, _ = victim.whole(ALONE)
    folder = miniature(tmp_path / "suite")
    first = snakemake(folder, RECORD)
    wait_for(folder, ".snakemake/locks/*", first)
    if whole_group:
        assert snakemake_at_work(folder) == first.pid
        second = snakemake(folder, RECORD)
        told = second.communicate(timeout=300)[0]
        assert second.returncode == 1
        assert "LockException" in told
    wait_for(folder, ".checkpoints/*/*/*/stack_*", first)
    if whole_group:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    else:  # its training goes on alone
        first.kill()
        while alive(first.pid):
            time.sleep(0.05)
    assert snakemake(folder, "--unlock").wait(300) == 0
    last = snakemake(folder, RECORD)
    told = last.communicate(timeout=600)[0]
    assert last.returncode == 0, told
    found = {n: b for n, b in bits(folder).items() if n.startswith(("results/", ".checkpoints/"))}
    assert differing(found, wanted) == []
