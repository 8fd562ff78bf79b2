"""The wheel has all that the suite reads, its command runs, and building it leaves no trace."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from replication import __version__

ROOT = Path(__file__).parent.parent
PARTS = ("replication", "pyproject.toml", "README.md", "LICENSE", ".gitignore")


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the sources after ``pip wheel``; the wheel is beside it."""
    folder = tmp_path_factory.mktemp("wheel") / "sources"
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, folder / part)
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "add", ".")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(folder, *pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder.parent, ".")
    return folder


def wheel(built: Path) -> Path:
    (path,) = built.parent.glob("*.whl")
    return path


def test_building_leaves_git_clean(built: Path) -> None:
    status = run(built, "git", "status", "--porcelain").splitlines()
    assert [line for line in status if not line.startswith("A  ")] == []
    assert f"-{__version__}-" in wheel(built).name


def test_all_that_the_package_has_is_in_the_wheel(built: Path) -> None:
    kept = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "replication").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel(built)) as archive:
        packed = {name for name in archive.namelist() if name.startswith("replication/")}
    assert packed == kept


@pytest.mark.slow
def test_its_command_runs_anywhere(built: Path, tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(tmp_path, *pip, "install", "--no-deps", "--target", tmp_path / "site", wheel(built))
    command = tmp_path / "site" / "bin" / "aae"
    assert run(tmp_path, command, "--version") == f"{__version__}\n"
    assert "table2_semi_supervised" in run(tmp_path, command, "list", "table2")
    run(tmp_path, command, "draw", "table2")
    assert "not run" in (tmp_path / "figures/smoke/table2_semi_supervised.md").read_text()
    run(tmp_path, command, "report", "--output", "page.html")
    assert "Table 2" in (tmp_path / "page.html").read_text()
