"""What a record says of the checkout that it was made in."""

import os
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from replication.base.errors import UserError
from replication.evidence import records
from replication.pages.report_evidence import machine
from replication.training.jobs import provenance
from replication.training.run import Execution
from tests.tools.tape import Tape, captured_on_tape
from tests.training.test_capture_logic import Broken
from tests.training.test_weights import RECORD, run, shrink

FILES = (
    "training/code.py",
    "training/provenance.py",
    "settings.yaml",
    "results/a.json",
    "figures/a.png",
)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("changed", "dirty"),
    [
        ("training/code.py", True),
        ("settings.yaml", True),
        ("results/a.json", False),
        ("new", False),
    ],
)
def test_dirty_is_a_checkout_whose_code_or_settings_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, dirty: bool
) -> None:
    """A record that an earlier run has written is no reason to doubt the next one."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    (tmp_path / changed).write_text("after")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "training" / "provenance.py"))
    assert provenance.environment(Execution())["dirty"] is dirty


def test_an_archive_inside_another_repository_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-qm", "of something else", "--allow-empty")
    unpacked = tmp_path / "archive" / "provenance.py"
    unpacked.parent.mkdir()
    unpacked.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(unpacked))
    made = provenance.environment(Execution())
    assert (made["commit"], made["dirty"]) == ("", False)


SLOW = """#!/bin/sh
case "$*" in *" WHEN "*) exec sleep 60 ;; esac
exec GIT "$@"
"""


@pytest.mark.parametrize("when", ["ls-files", "rev-parse", "status"])
def test_a_git_that_does_not_answer_is_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Of a commit alone a record would say that nothing had been changed since."""
    checkout, tools = tmp_path / "checkout", tmp_path / "tools"
    for folder in (checkout, tools):
        folder.mkdir()
    (checkout / "provenance.py").write_text("before")
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "all")
    (checkout / "provenance.py").write_text("after")
    monkeypatch.setattr(provenance, "__file__", str(checkout / "provenance.py"))
    (tools / "git").write_text(SLOW.replace("WHEN", when).replace("GIT", shutil.which("git")))
    (tools / "git").chmod(0o755)
    assert provenance.environment(Execution())["dirty"] is True
    monkeypatch.setattr(provenance, "GIT_SECONDS", 1)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    made = provenance.environment(Execution())
    assert (made["commit"], made["dirty"]) == ("", False)


@pytest.mark.parametrize(("graph", "captured"), [(Tape, True), (Broken, False), (None, False)])
def test_a_record_says_whether_updates_were_replayed_from_a_captured_graph(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    graph: type | None,
    captured: bool,
) -> None:
    """On a tape instead of a GPU; a record that is measured again says it, too."""
    shrink(monkeypatch, seeds=[0])
    with captured_on_tape(graph) if graph else nullcontext():
        run("train")
    run("measure")
    (seed,) = records.read(RECORD).seeds
    assert seed.provenance.captured is captured
    assert ("captured updates" in machine(seed)) is captured
    stored = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stored")]
    assert [", captured updates)" in line for line in stored] == [captured] * 2


def test_a_device_that_is_not_there_is_told_beside_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"'cuda:77' cannot be used.*of this machine: cpu$"):
        provenance.check_device("cuda:77")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert provenance.devices() == ["cpu", "cuda:0", "cuda:1"]
