"""No code of the suite runs code out of a file, or hands text to a shell."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from replication.settings.reading import PlainLoader, UniqueKeyLoader

ROOT = Path(__file__).parents[1]
CODE = sorted([*ROOT.glob("replication/**/*.py"), *ROOT.glob("bench/**/*.py")])
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNNERS = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
# What these calls have to say, by the end of their name.
DEMANDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "format.read_array": ("allow_pickle", False),
    "Environment": ("autoescape", True),
}
SAFE_LOADERS = {"SafeLoader", "CSafeLoader", "UniqueKeyLoader"}


def faults(tree: ast.AST) -> Iterator[str]:
    """What in ``tree`` may run code out of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            modules = []
        yield from (f"imports {m}" for m in modules if m.partition(".")[0] in UNPICKLERS)
        if isinstance(node, ast.Call):
            yield from faults_of_call(node)


def faults_of_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    said = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    if name in RUNNERS or name in SHELLS or said.get("shell"):
        yield f"calls {name}"
    for known, (argument, value) in DEMANDED.items():
        if (name == known or name.endswith(f".{known}")) and said.get(argument) is not value:
            yield f"{name} without {argument}={value}"
    if name.startswith("yaml.") and "load" in name:
        given = [*call.args[1:], *(k.value for k in call.keywords if k.arg == "Loader")]
        loaders = {ast.unparse(loader).rpartition(".")[2] for loader in given}
        safe = name in ("yaml.safe_load", "yaml.safe_load_all")
        if not safe and not (loaders and loaders <= SAFE_LOADERS):
            yield f"{name} without a safe loader"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_code_out_of_a_file(path: Path) -> None:
    found = list(faults(ast.parse(path.read_text(encoding="utf-8"))))
    # What is killed there is surrounded by code that its own tests hand over.
    allowed = ["calls exec"] if path == ROOT / "bench/faults/victim.py" else []
    assert found == allowed


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.lib.format.read_array(file)",
        "yaml.load(text)",
        "yaml.load(text, yaml.Loader)",
        "yaml.load(text, Loader=yaml.FullLoader)",
        "yaml.unsafe_load(text)",
        "yaml.full_load(text)",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
        "jinja2.Environment()",
    ],
)
def test_what_is_dangerous_is_found(code: str) -> None:
    assert len(list(faults(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "yaml.load(text, UniqueKeyLoader)",
        "yaml.safe_load(text)",
        "subprocess.run(command)",
        "model.eval()",
        "re.compile(text)",
    ],
)
def test_what_is_safe_is_not(code: str) -> None:
    assert list(faults(ast.parse(code))) == []


def test_our_loader_makes_no_objects() -> None:
    for loader in (UniqueKeyLoader, PlainLoader):
        assert issubclass(loader, yaml.constructor.SafeConstructor)
        assert yaml.SafeLoader.yaml_constructors == loader.yaml_constructors


@pytest.mark.parametrize("path", sorted(ROOT.glob("replication/pages/templates/*")), ids=str)
def test_no_template_switches_escaping_off(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text


def test_what_the_suite_stands_on_is_told_with_its_pinned_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["suite"]]
    direct = [re.split(r"[^a-z0-9-]", requirement)[0] for requirement in asked]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned: dict[str, str] = {}
    for line in lines:  # the first where there are several: of the oldest Python
        name, _, version = line.partition(" ;")[0].partition("==")
        pinned.setdefault(name, version)
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([0-9.]+) \|", text, re.MULTILINE))
    assert told == {name: pinned[name] for name in direct}
