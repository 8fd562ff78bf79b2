"""The three doors to the one set of dependencies agree; the layers keep their direction."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

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


def imports(path: Path) -> set[str]:
    """Modules that ``path`` imports, relative ones with their dots."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


ITEMS = [p for p in (ROOT / "replication").glob("*.py") if not p.stem.startswith("__")]


def test_items_import_the_engine_and_never_one_another() -> None:
    assert ITEMS
    for path in ITEMS:
        relative = {name for name in imports(path) if name.startswith(".")}
        assert all(name.startswith(".engine") for name in relative), path


def test_the_engine_knows_no_item() -> None:
    names = {path.stem for path in ITEMS}
    for path in (ROOT / "replication" / "engine").glob("*.py"):
        text = path.read_text()
        assert not any(name in text for name in names), path


def test_training_reads_no_published_number() -> None:
    training = ("job", "fit", "phases", "models", "evaluate", "data", "stack", "streams")
    for module in training:
        assert ".published" not in imports(ROOT / "replication" / "engine" / f"{module}.py")


def test_drawing_does_without_torch() -> None:
    items = ", ".join(f"replication.{path.stem}" for path in ITEMS)
    code = f"import sys, replication.pages.report, {items}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
