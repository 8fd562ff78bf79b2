"""The three doors to the one set of dependencies agree; imports stay light."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]
    return [Requirement(text) for text in texts]


def pins() -> dict[str, list[Requirement]]:
    pinned: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        requirement = Requirement(line)
        pinned.setdefault(requirement.name.lower(), []).append(requirement)
    return pinned


def test_every_dependency_is_pinned_inside_its_range() -> None:
    pinned = pins()
    for requirement in requirements():
        for pin in pinned[requirement.name.lower()]:
            version = str(pin.specifier).removeprefix("==")
            assert Version(version) in requirement.specifier, f"{pin} is outside {requirement}"


def test_constraints_name_no_host_and_no_hash() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "--" not in text


def test_the_conda_environment_is_the_same_set_up() -> None:
    python, pip, packages = ENVIRONMENT["dependencies"]
    assert (
        Version(python.removeprefix("python="))
        in Requirement(f"python{PROJECT['requires-python']}").specifier
    )
    assert pip == "pip"
    constraints, project = packages["pip"]
    assert constraints == "-c constraints.txt"
    extras = re.search(r"\[(.*)\]", project)
    assert extras is not None
    # No result needs what the benches compare with.
    assert set(extras[1].split(",")) == set(PROJECT["optional-dependencies"]) - {"bench"}
    assert project.removeprefix("-e ") in (ROOT / "Makefile").read_text()


def test_the_container_installs_the_pinned_versions_of_what_it_copies() -> None:
    text = (ROOT / "container.def").read_text()
    assert "python:3.11-" in text
    assert "-c /suite/constraints.txt '/suite[suite]'" in text
    for source in re.findall(r"^    (\S+) /suite/", text, re.MULTILINE):
        assert (ROOT / source).exists(), source


ITEMS = [p for p in (ROOT / "replication").glob("*.py") if not p.stem.startswith("__")]


def loaded_by(imports: str, unwanted: set[str]) -> set[str]:
    """Which of the ``unwanted`` packages a process has after importing ``imports``."""
    code = f"import sys, {imports}; print(*({unwanted!r} & sys.modules.keys()))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_drawing_does_without_torch() -> None:
    items = ", ".join(f"replication.{path.stem}" for path in ITEMS)
    assert loaded_by(f"replication.pages.report, {items}", {"torch"}) == set()


def test_settings_do_without_torch_and_matplotlib() -> None:
    names = "replication.settings, replication.settings.experiments"
    assert loaded_by(names, {"torch", "matplotlib"}) == set()


def test_every_room_says_what_lives_there_and_exports_nothing() -> None:
    rooms = [*(ROOT / "replication").glob("*/**/__init__.py")]
    assert len(rooms) > 8
    for path in rooms:
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path
        assert len(ast.unparse(docstring)) > 80, path


@pytest.mark.slow
def test_tests_of_one_group_run_in_one_process(tmp_path: Path) -> None:
    """What they share is made once. With pytest 9.2, pytest-xdist 3.8 spreads them silently."""
    (tmp_path / "test_group.py").write_text(
        "import os, pathlib, pytest\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('number', range(6))\n"
        "def test_it(number):\n"
        "    pathlib.Path(os.environ['PYTEST_XDIST_WORKER']).touch()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert len([*tmp_path.glob("gw*")]) == 1
