"""The hash of the training code: what changes it, and what must not."""

import ast
import importlib.util
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from replication.evidence import code_hash as module
from replication.evidence.code_hash import code_hash, modules_of, normalised, reached
from replication.settings.experiments import experiments

ITEM = '''\
"""A table: its claim."""

from math import sqrt

STEPS = 20
SCALE: float = 0.5
LOW, HIGH = 0, 1
TITLES = {"small": "Small"}


class Layer:
    """A layer."""

    def size(self):
        return inner(STEPS)


def train(run):
    """Train it."""
    # A remark.
    values = [helper(x) for x in run]
    return sorted(values)


def helper(x):
    return Layer().size() + SCALE * x + LOW


def inner(x):
    return sqrt(x)


def draw_table(drawing):
    """Draw it."""
    return TITLES, HIGH
'''


def training_code(source: str) -> str:
    return reached(ast.parse(source), "train")


def edited(old: str, new: str) -> str:
    assert ITEM.count(old) == 1
    return ITEM.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("# A remark.", "# Another remark.", id="comment"),
        pytest.param("    # A remark.\n", "", id="comment removed"),
        pytest.param('"""Train it."""', '"""Train it well."""', id="docstring"),
        pytest.param('    """Train it."""\n', "", id="docstring removed"),
        pytest.param('    """A layer."""\n\n', "", id="class docstring removed"),
        pytest.param("def inner(x):\n", 'def inner(x):\n    """Inside."""\n', id="docstring added"),
        pytest.param('"""A table: its claim."""', '"""Another."""', id="module docstring"),
        pytest.param("\n\n\ndef helper", "\n\ndef helper", id="blank lines"),
        pytest.param("helper(x) for x in run", "helper( x )\n   for x in run", id="layout"),
        pytest.param("Layer().size() + SCALE", "(Layer().size()) + SCALE", id="parentheses"),
        pytest.param('"small": "Small"', '"small": "Little"', id="constant of the drawing"),
        pytest.param("return TITLES", "return None, TITLES", id="drawing"),
        pytest.param("def draw_table(", "def draw_figure(", id="drawing renamed"),
    ],
)
def test_what_does_not_train_does_not_count(old: str, new: str) -> None:
    assert training_code(edited(old, new)) == training_code(ITEM)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("return sorted(values)", "return values", id="train itself"),
        pytest.param("SCALE * x", "SCALE / x", id="helper"),
        pytest.param("return inner(STEPS)", "return 2 * inner(STEPS)", id="class of a helper"),
        pytest.param("return sqrt(x)", "return sqrt(x + 1)", id="helper of a helper"),
        pytest.param("STEPS = 20", "STEPS = 21", id="constant of a helper"),
        pytest.param("SCALE: float = 0.5", "SCALE: float = 0.6", id="annotated constant"),
        pytest.param("LOW, HIGH = 0, 1", "LOW, HIGH = 2, 1", id="one of two constants"),
        pytest.param("STEPS = 20", "STEPS = 20\nSTEPS += 1", id="constant changed in place"),
        pytest.param("def helper(x):", "@cached\ndef helper(x):", id="decorator"),
        pytest.param("def helper(x):", "def helper(x, y=1):", id="default of an argument"),
    ],
)
def test_what_trains_counts(old: str, new: str) -> None:
    assert training_code(edited(old, new)) != training_code(ITEM)


def test_functions_that_call_each_other_are_followed_once() -> None:
    source = "def train(n):\n    return other(n)\ndef other(n):\n    return n and train(n - 1)\n"
    assert training_code(source).count("FunctionDef") == 2


def test_the_order_of_definitions_does_not_count() -> None:
    tree = ast.parse(ITEM)
    tree.body.reverse()
    assert reached(tree, "train") == training_code(ITEM)


def test_an_item_that_borrows_its_runs_has_no_training_code() -> None:
    assert training_code("def draw_figure(drawing):\n    pass\n") == ""


def test_fields_that_a_newer_python_adds_do_not_count() -> None:
    """As 3.12 did with the type parameters of functions, which 3.13 no longer writes out."""
    tree = ast.parse("def train(run):\n    return run\n")
    before = normalised(tree)
    function = tree.body[0]
    function._fields += ("something_new",)
    vars(function)["something_new"] = []
    assert normalised(tree) == before


# Of a whole item


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], ModuleType]:
    """Import a source text as an item's script ``table9.py``, anew each time."""

    def load(source: str) -> ModuleType:
        path = tmp_path / "table9.py"
        path.write_text(source)
        specification = importlib.util.spec_from_file_location("table9", path)
        assert specification is not None
        assert specification.loader is not None
        script = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(script)
        return script

    return load


def test_hash_of_a_script(load: Callable[[str], ModuleType]) -> None:
    before = code_hash(load(ITEM))
    assert code_hash(load(ITEM)) == before
    assert code_hash(load(edited("# A remark.", "# A longer remark than that."))) == before
    assert code_hash(load(edited("STEPS = 20", "STEPS = 21"))) != before


IMPORTING = """
from replication.pages.drawing import Drawing
from replication.measures.evaluate import over_chunks


def train(run):
    from replication.measures.parzen import estimate

    return estimate(run), over_chunks


def draw_table(drawing):
    from replication.measures.generation import frechet_distance

    return Drawing, frechet_distance
"""


def test_what_train_imports_counts_with_all_that_it_imports_itself() -> None:
    modules = modules_of(ast.parse(IMPORTING))
    assert {"measures.parzen", "measures.evaluate", "models.stack", "settings.schema"} <= {*modules}
    assert "measures.generation" not in modules  # of the drawing
    assert not any(m.startswith(("pages.", "evidence.", "training.jobs")) for m in modules)


def test_in_what_arithmetic_is_computed_counts_for_every_item_and_its_weights() -> None:
    tree = ast.parse(ITEM)
    assert "training.arithmetic" in modules_of(tree)
    assert all(module.file_of(name).is_file() for name in module.COUNTED)
    before = module.weights_code()
    module.weights_code.cache_clear()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "COUNTED", set())
            assert module.weights_code() != before
    finally:
        module.weights_code.cache_clear()


def test_a_module_counts_by_being_used_and_not_by_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is new and imported by one that trains changes the hash; so does its content.

    One that only draws, or that only the type checker reads, does not.
    """
    package = tmp_path / "replication"
    shutil.copytree(module.PACKAGE, package)
    monkeypatch.setattr(module, "PACKAGE", package)
    item = import_module("replication.table2_semi_supervised")

    def forget() -> None:
        for kept in (module.source, module.imports_of, module.normalised_source, code_hash):
            kept.cache_clear()

    def hashed() -> str:
        forget()
        return code_hash(item)

    def write(name: str, text: str) -> str:
        (package / name).write_text(text)
        return hashed()

    before = hashed()
    trained = package / "measures" / "semi_supervised.py"
    text = trained.read_text()
    assert write("training/brand_new.py", "FACTOR = 1\n") == before  # nobody uses it
    assert write("pages/brand_new.py", "FACTOR = 1\n") == before
    checked = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import x\n"
    only_checked = write("measures/semi_supervised.py", text + checked)
    used = write(
        "measures/semi_supervised.py", f"{text}from replication.training.brand_new import FACTOR\n"
    )
    assert len({before, only_checked, used}) == 3
    assert write("training/brand_new.py", "FACTOR = 2\n") != used
    forget()


def test_hash_is_that_of_the_code_at_the_start(load: Callable[[str], ModuleType]) -> None:
    """A script edited while it trains must not lend its new hash to the old code's results."""
    script = load(ITEM)
    before = code_hash(script)
    assert script.__file__ is not None
    Path(script.__file__).write_text(edited("STEPS = 20", "STEPS = 2000"))
    assert code_hash(script) == before


def test_shipped_items_have_the_same_hash_only_where_they_train_alike() -> None:
    trained = [name for name, item in experiments().items.items() if item.variants]
    alike = ["table2_semi_supervised", "ablations_semi_supervised"]
    alike += ["ours_earlier_recipes", "ablations_ours"]
    hashes = {name: code_hash(import_module(f"replication.{name}")) for name in trained}
    assert len({hashes[name] for name in alike}) == 1
    assert len(set(hashes.values())) == len(trained) - len(alike) + 1
    assert all(len(h) == 16 and int(h, 16) >= 0 for h in hashes.values())
