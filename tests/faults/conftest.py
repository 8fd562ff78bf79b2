"""A process whose forks run commands of a small copy of the suite, made once."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults.kills import Victim
from bench.faults.miniature import Case, miniature, training

PLAIN = training("plain", "figure2_prior_matching", "aae_gaussian")


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy of the suite."""
    return miniature(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def victim(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with Victim(suite, tmp_path_factory.mktemp("victim")) as started:
        yield started


class Life:
    """A folder in which a command runs in forks, and what it leaves there."""

    def __init__(self, victim: Victim, folder: Path, case: Case):
        self.victim, self.folder, self.case = victim, folder, case
        self.wanted = victim.whole(case)[0]

    def run(self, **how: object) -> tuple[int, list[str]]:
        """The exit code, and the lines that were printed, progress apart."""
        log = self.folder.with_suffix(".log")
        log.unlink(missing_ok=True)
        code = self.victim.run(self.case, self.folder, **how).code
        return code, [line for line in log.read_text().splitlines() if ": epoch " not in line]


def alive(group: int) -> list[str]:
    """The processes of ``group`` that are more than an entry which nobody has asked for."""
    command = ["ps", "-e", "-o", "pgid=,stat=,args="]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [row.split(maxsplit=2) for row in found.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(group) and row[1][0] not in "ZX"]
