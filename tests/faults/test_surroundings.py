"""What surrounds a command is missing, strange or changed while it was not running."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.faults.kills import Victim
from bench.faults.miniature import bits, environment
from replication.evidence import records
from tests.faults.conftest import PLAIN, Life

pytestmark = pytest.mark.faults
RECORD = Path("results/smoke/figure2_prior_matching/aae_gaussian.json")
OTHER_DATA = """
import numpy
load = numpy.loadtxt
def other(*arguments, **named):
    found = load(*arguments, **named)
    found[0, 0] += 1
    return found
numpy.loadtxt = other
"""
ENDLESS = """
import os
os.environ.update(WANDB_MODE="online", WANDB_API_KEY="0" * 40, WANDB_INIT_TIMEOUT="2",
                  WANDB_BASE_URL="http://127.0.0.1:PORT", HOME=os.getcwd())
"""
# A module in the place of wandb.
HANGING = """
import atexit, threading, types
def hang(*arguments, **named):
    threading.Event().wait()
class Run:
    id, tags, summary = "a", (), {}
    def define_metric(self, *arguments, **named): pass
    def log(self, *arguments, **named): pass
    def finish(self, *arguments, **named): pass
setattr(Run, "METHOD", hang)
class Image:
    def __init__(self, image): pass
def Settings(**named):
    return types.SimpleNamespace(wandb_dir="wandb")
def init(**named):
    atexit.register(hang)
    return Run()
"""
AS_MUCH_AS_NOW = """
import pathlib, resource
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
size = pages * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size, size))
"""
HARMLESS = {
    "no HOME": "import os; os.environ.pop('HOME', None)",
    "no git": "import os; os.environ['PATH'] = '/nonexistent'",
    "no TMPDIR": "import os; os.environ['TMPDIR'] = '/nonexistent'",
    "files for their owner alone": "import os; os.umask(0o077)",
    "a clock that went back": "import time; was = time.time; time.time = lambda: was() - 1e9",
    "no W&B": "import os, sys; sys.modules['wandb'] = None; os.environ['WANDB_MODE'] = 'offline'",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_no_bit(victim: Victim, tmp_path: Path, name: str) -> None:
    """It is killed half-way in good surroundings, and goes on in these."""
    life = Life(victim, tmp_path, PLAIN)
    assert life.run(step=90)[0] == -9
    code, lines = life.run(before=HARMLESS[name])
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith("stored results/")
    assert bits(tmp_path) == life.wanted
    assert (tmp_path / RECORD).stat().st_mode & 0o777 == 0o644


def test_a_path_with_spaces_and_other_letters(victim: Victim, tmp_path: Path) -> None:
    folder = tmp_path / "ein Ordner, größer als 中"
    folder.mkdir()
    life = Life(victim, folder, PLAIN)
    assert life.run()[0] == 0
    assert bits(folder) == life.wanted


def test_a_folder_that_is_a_link(victim: Victim, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "here"
    link.symlink_to("there")
    life = Life(victim, link, PLAIN)
    assert life.run(step=90)[0] == -9
    assert life.run()[0] == 0
    assert bits(tmp_path / "there") == life.wanted


def test_another_number_of_threads_is_another_training(victim: Victim, tmp_path: Path) -> None:
    life = Life(victim, tmp_path, PLAIN)
    assert life.run(step=90)[0] == -9
    life.case = replace(PLAIN, arguments=[*PLAIN.arguments, "--threads", "2"])
    code, lines = life.run()
    assert code == 0
    assert lines[0].startswith("note: figure2_prior_matching aae_gaussian (smoke) was begun with")
    (seed,) = records.read(tmp_path / RECORD).seeds
    assert seed.provenance.threads == 2
    assert seed.provenance.processes == []


@pytest.mark.parametrize("moment", [90, 130, 150])
def test_other_data_under_the_same_settings(victim: Victim, tmp_path: Path, moment: int) -> None:
    life = Life(victim, tmp_path, PLAIN)
    assert life.run(step=moment)[0] == -9
    before = {name: there for name, there in bits(tmp_path).items() if not name.endswith("-part")}
    code, lines = life.run(before=OTHER_DATA)
    assert (code, len(lines)) == (2, 1)
    assert "was made with other data than digits is now" in lines[0]
    assert not (tmp_path / RECORD).exists()
    assert {name: there for name, there in bits(tmp_path).items() if name in before} == before
    assert life.run()[0] == 0
    assert bits(tmp_path) == life.wanted


def test_no_memory_left(victim: Victim, tmp_path: Path) -> None:
    life = Life(victim, tmp_path, PLAIN)
    line = (
        "error: there is not enough memory; ask for less at once, or free some and start it again: "
        "training goes on from its last checkpoint"
    )
    assert life.run(before=AS_MUCH_AS_NOW) == (2, [line])
    assert life.run()[0] == 0
    assert bits(tmp_path) == life.wanted


def test_a_tracker_that_does_not_answer(victim: Victim, tmp_path: Path) -> None:
    """It takes the connection and says nothing."""
    life = Life(victim, tmp_path, PLAIN)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        code, lines = life.run(before=ENDLESS.replace("PORT", port))
    assert code == 2
    assert lines[-1].startswith("error: W&B does not start: ")
    assert not any("Traceback" in line for line in lines)
    assert not (tmp_path / RECORD).exists()


def test_an_environment_without_letters_beyond_ascii(suite: Path, tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "replication", "list"],
        cwd=tmp_path,
        env={**environment(suite), **plain},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"table2_semi_supervised" in done.stdout


def test_output_that_cannot_be_written(suite: Path, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "replication", "list"],
            cwd=tmp_path,
            env=environment(suite),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    told = "error: standard output cannot be written: the disk is full\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_output_that_nobody_reads_any_more(suite: Path, tmp_path: Path) -> None:
    """As with ``head``, which has enough after ten lines."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "replication", "list"],
        cwd=tmp_path,
        env=environment(suite),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("method", ["log", "finish"])
def test_a_tracker_that_hangs(victim: Victim, suite: Path, tmp_path: Path, method: str) -> None:
    """So does what it does when Python ends: a process of its own shows that it ends, too."""
    (tmp_path / "wandb.py").write_text(HANGING.replace("METHOD", method))
    folder = tmp_path / "folder"
    folder.mkdir()
    surroundings = environment(suite)
    surroundings["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{surroundings['PYTHONPATH']}"
    done = subprocess.run(
        PLAIN.command,
        cwd=folder,
        env={**surroundings, "WANDB_MODE": "offline", "REPLICATION_WANDB_SECONDS": "0.5"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("stored results/")
    told = [line for line in done.stderr.splitlines() if ": epoch " not in line]
    assert told == [
        "note: W&B no longer tracks figure2_prior_matching/aae_gaussian/smoke/seed0:"
        " no answer within 0.5 seconds"
    ]
    assert bits(folder) == victim.whole(PLAIN)[0]
