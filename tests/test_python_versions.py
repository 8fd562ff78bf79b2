"""Newer Pythons than the one that CI runs: every pinned version has a wheel for them.

pip resolves, and installs nothing. Of some it is only asked whether there is a wheel: it would
download torch to read what that needs (500 MB), and a package that Snakemake needs has none, being
of Python alone. The workflow "CI" resolves those too, on the Pythons themselves.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.test_setup import PROJECT, ROOT, pins

# immutables, which Snakemake needs too, is compiled.
ASKED = ("torch", "torchvision", "snakemake", "immutables")
LEFT_OUT = (*ASKED, "snakemake-executor-plugin-slurm")
RESOLVED = ("3.12", "3.13")
TESTED = "3.11"
CLASSIFIED = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]


def pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_project_claims_what_is_resolved_or_tested() -> None:
    assert [TESTED, *RESOLVED] == CLASSIFIED
    claimed = SpecifierSet(PROJECT["requires-python"])
    pythons = ["3.10", *CLASSIFIED, "3.14"]
    assert [python for python in pythons if f"{python}.1" in claimed] == CLASSIFIED


@pytest.mark.long  # half a minute each; the workflow resolves both
@pytest.mark.parametrize("python", RESOLVED)
def test_the_pinned_versions_resolve(python: str, tmp_path: Path) -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["suite"], *extras["test"]]
    small = [text for text in wanted if re.split(r"[>=]", text)[0] not in LEFT_OUT]
    only = ("--python-version", python, "--only-binary=:all:")
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    target = ("--dry-run", "--ignore-installed", "--target", str(tmp_path))
    assert "Would install" in pip("install", *target, *only, *constraints, *small)
    for name in ASKED:
        (version,) = {str(pin.specifier).removeprefix("==") for pin in pins()[name]}
        found = pip("index", "versions", *only, name)
        assert re.search(rf"[ :]{re.escape(version)}(,|$)", found, re.MULTILINE), found
