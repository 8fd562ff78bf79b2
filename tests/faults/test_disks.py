"""Disks that are full, fill up or cannot be written: one line, no trace, and nothing lost."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults.kills import Victim
from bench.faults.miniature import bits
from tests.faults.conftest import PLAIN, Life

pytestmark = pytest.mark.faults
REMEDY = "make the folder writable, or free some space"
# A disk that is full from the flush numbered NUMBER on.
FILLED = """
import errno, itertools, os
flush, number = os.fsync, itertools.count(1)
def full(descriptor):
    if next(number) >= NUMBER:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    flush(descriptor)
os.fsync = full
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))"


def mount(*arguments: str) -> bool:
    """Whether this user may: root on most machines, nobody in some containers."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that may become a disk of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    yield path
    while subprocess.run(["umount", str(path)], capture_output=True, check=False).returncode == 0:
        pass


def test_a_full_disk_is_found_before_training(victim: Victim, folder: Path) -> None:
    """An empty file still fits on it."""
    is_disk = mount("-t", "tmpfs", "-o", "size=64k", "none", str(folder))
    how = {} if is_disk else {"before": LIMITED.replace("BYTES", "65536")}
    code, lines = Life(victim, folder, PLAIN).run(**how)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("error: cannot write results/smoke/figure2_prior_matching/probe: ")
    assert lines[0].endswith(REMEDY)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("number", [3, 4, 6, 8, 9, 10])
def test_a_disk_that_fills_up(victim: Victim, folder: Path, number: int) -> None:
    life = Life(victim, folder, PLAIN)
    code, lines = life.run(before=FILLED.replace("NUMBER", str(number)))
    assert (code, len(lines)) == (2, 1)
    assert lines[0].endswith(f"No space left on device; {REMEDY}")
    assert not list(folder.rglob("*-part"))
    assert life.run()[0] == 0
    assert bits(folder) == life.wanted


def test_files_that_may_not_grow(victim: Victim, folder: Path) -> None:
    life = Life(victim, folder, PLAIN)
    code, lines = life.run(before=LIMITED.replace("BYTES", "20000"))
    assert (code, len(lines)) == (2, 1)
    assert lines[0].endswith(f"File too large; {REMEDY}")
    assert life.run()[0] == 0
    assert bits(folder) == life.wanted


@pytest.mark.parametrize("name", ["results", ".checkpoints"])
def test_a_folder_that_cannot_be_written(victim: Victim, folder: Path, name: str) -> None:
    """Root writes into any folder, unless it is mounted to be read."""
    (folder / name).mkdir()
    life = Life(victim, folder, PLAIN)
    if os.geteuid() == 0:
        whole = str(folder / name)
        assert mount("--bind", whole, whole)
        assert mount("-o", "remount,bind,ro", whole)
    else:
        (folder / name).chmod(0o555)
    code, lines = life.run()
    if os.geteuid() == 0:
        subprocess.run(["umount", whole], check=True)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"error: cannot write {name}/")
    (folder / name).chmod(0o755)
    assert life.run()[0] == 0
    assert bits(folder) == life.wanted
