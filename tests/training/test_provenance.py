"""What a record says of the checkout that it was made in."""

import subprocess
from pathlib import Path

import pytest
import torch

from replication.base.errors import UserError
from replication.training.jobs import provenance
from replication.training.run import Execution

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


def test_a_device_that_is_not_there_is_told_beside_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=r"'cuda:77' cannot be used.*of this machine: cpu$"):
        provenance.check_device("cuda:77")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert provenance.devices() == ["cpu", "cuda:0", "cuda:1"]
