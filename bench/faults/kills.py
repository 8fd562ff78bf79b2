"""Lives of a command: killed again and again, then left to end; every bit as if it never was."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .miniature import ROOT, TRAININGS, Case, bits, differing, environment, old_records

KINDS = ("at a file operation", "within a write", "at a moment")  # of forks
ANEW = "of the process group"  # of commands that are started anew


@dataclass
class Told:
    """How a run of a command ended: its exit code, file operations passed, seconds."""

    code: int
    steps: int
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code < 0


@dataclass
class Tally:
    """Kills by kind, lives, and what differed: the life's number, its case, the files."""

    kills: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    differing: list[str] = field(default_factory=list)


class Victim:
    """The process whose forks are killed; it works in folders below ``root``."""

    def __init__(self, suite: Path, root: Path):
        self.suite, self.root = suite, root
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.faults.victim"],
            cwd=root,
            env=environment(suite),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._whole: dict[str, tuple[dict[str, str], Told]] = {}

    def __enter__(self) -> "Victim":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, case: Case, folder: Path, **how: Any) -> Told:
        task = {"item": case.item, "arguments": case.arguments, "folder": str(folder)}
        task["log"] = str(folder.with_suffix(".log"))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({**task, **how}), file=self._process.stdin, flush=True)
        return Told(**json.loads(self._process.stdout.readline()))

    def log(self, folder: Path) -> str:
        return folder.with_suffix(".log").read_text(errors="replace")

    def begin(self, case: Case, name: str) -> Path:
        """A folder with what ``case`` begins with."""
        folder = self.root / name
        folder.mkdir()
        for given in case.given:
            if given == "old records":
                old_records(folder)
            elif given == "README.md":
                shutil.copy(ROOT / given, folder)
            else:
                self.whole(next(case for case in TRAININGS if case.name == given))
                shutil.copytree(self.root / f"whole {given}", folder, dirs_exist_ok=True)
        return folder

    def whole(self, case: Case) -> tuple[dict[str, str], Told]:
        """What ``case`` leaves when nothing happens to it; the second run, with all imported."""
        if case.name not in self._whole:
            first = self.run(case, self.begin(case, f"first {case.name}"), learn=True)
            folder = self.begin(case, f"whole {case.name}")
            told = self.run(case, folder)
            if first.code or told.code:
                raise RuntimeError(f"{case.name} fails by itself: {self.log(folder)}")
            self._whole[case.name] = bits(folder), told
        return self._whole[case.name]

    def live(self, case: Case, chance: random.Random, tally: Tally, most: int = 12) -> None:
        """One life of ``case`` with at most so many kills, counted in ``tally``."""
        wanted, told = self.whole(case)
        tally.lives += 1
        folder = self.begin(case, f"life {tally.lives} of {case.name}")
        ended = None
        for _ in range(most):
            kind, how = drawn(chance, told)
            ended = self.run(case, folder, **how)
            if not ended.killed:
                break
            tally.kills[kind] += 1
        if ended is None or ended.killed:
            ended = self.run(case, folder)
        said = self.said_of(case, folder, ended, wanted)
        if said:
            tally.differing.append(f"life {tally.lives} of {case.name}: {said}")
            return  # the folder and its log stay, to be looked at
        shutil.rmtree(folder)
        folder.with_suffix(".log").unlink()

    def said_of(self, case: Case, folder: Path, ended: Told, wanted: dict[str, str]) -> str:
        """What is wrong with what a life left; nothing if all bits are ``wanted``."""
        if ended.code:
            return f"exit code {ended.code}"
        if names := differing(bits(folder), wanted):
            return f"{', '.join(names)} differs"
        if case not in TRAININGS:
            return ""
        records = {path: path.read_bytes() for path in folder.glob("results/*/*/*.json")}
        self.run(case, folder)
        same = all(path.read_bytes() == content for path, content in records.items())
        once = self.log(folder).splitlines()[-1].startswith("already trained")
        return "" if same and once else "trained twice"


def drawn(chance: random.Random, told: Told) -> tuple[str, dict[str, Any]]:
    """A kind of kill, and the moment, such as a run that ended as ``told`` may have it.

    Early moments come more often than late ones: what goes on where it was killed has fewer left.
    """
    kind, moment = chance.choice(KINDS), 1 + int(told.steps * chance.random() * chance.random())
    if kind == "at a file operation":
        return kind, {"step": moment}
    if kind == "within a write":
        return kind, {"step": moment, "bytes": chance.randint(1, 20_000)}
    delay = chance.uniform(0, told.seconds / 4)
    return kind, {"signals": [(moment, delay, signal.SIGKILL)]}


class Commands:
    """Commands as people start them, each a new process, killed with all processes of its group."""

    def __init__(self, victim: Victim):
        self.victim = victim

    def live(
        self, case: Case, wanted: dict[str, str], chance: random.Random, tally: Tally, most: int = 6
    ) -> None:
        """One life of ``case``, which is to leave the bits ``wanted``."""
        tally.lives += 1
        folder = self.victim.begin(case, f"life {tally.lives} of {case.name}, started anew")
        for _ in range(most):
            if not self.killed(case, folder, chance.uniform(0, 1)):
                break
            tally.kills[ANEW] += 1
        done = self.start(case, folder)
        errors = done.communicate()[1]
        names = differing(bits(folder), wanted)
        if done.returncode or names:
            said = f"exit code {done.returncode}, {', '.join(names)} differs: {errors[-300:]}"
            tally.differing.append(f"life {tally.lives} of {case.name}, started anew: {said}")
            return
        shutil.rmtree(folder)

    def start(self, case: Case, folder: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            case.command,
            cwd=folder,
            env=environment(self.victim.suite),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def killed(self, case: Case, folder: Path, seconds: float) -> bool:
        """Kill ``case`` so long after it wrote a new file; says whether it had not ended before."""
        before = {*folder.rglob("*")}
        process = self.start(case, folder)
        while {*folder.rglob("*")} <= before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(seconds)
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return alive
