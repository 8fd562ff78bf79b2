"""A hash of the code that a training result depends on.

It follows the imports: of an item's script, ``train`` and what it reaches there; of the package,
each module that these import, and all that those import, whole. Comments, docstrings and layout do
not count, nor does what can change no number (``UNCOUNTED``). A new module counts by being used;
one that no item imports is named (``COUNTED``).
"""

import ast
import hashlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).parents[1]
# How a result is kept, shown and reported: rooms and modules of the package.
UNCOUNTED = ("base.errors", "base.files", "base.sealed", "evidence", "pages", "training.jobs")
COUNTED = {"training.arithmetic"}  # set before each training: the last bits depend on it


@cache  # the first call counts: files edited during a run do not change what is running
def code_hash(item: ModuleType) -> str:
    """Sixteen hexadecimal digits for the training code of ``item``."""
    tree = ast.parse(inspect.getsource(item))
    parts = [reached(tree, "train")]
    parts += [normalised_source(module) for module in modules_of(tree, item.__package__ or "")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def modules_of(script: ast.Module, package: str = PACKAGE.name) -> list[str]:
    """The modules of this package that ``train`` of ``script`` depends on, sorted.

    Names are dotted and begin below the package, such as ``training.phases``.
    """
    definitions = reached_definitions(script, "train")
    used = {part.id for d in definitions for part in ast.walk(d) if isinstance(part, ast.Name)}
    pending = {m for d in definitions for node in ast.walk(d) for m in imported(node, package)}
    for node in script.body:
        pending |= imported(node, package, used)
    return closure(pending | COUNTED)


@cache
def weights_code() -> str:
    """Sixteen hexadecimal digits for the code that trained weights depend on, whatever the item.

    What is measured of them does not count: other measures do not ask for another training.
    """
    parts = [normalised_source(module) for module in closure({"training.run", *COUNTED})]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def closure(pending: set[str]) -> list[str]:
    """The modules of ``pending`` and all that they import, sorted; uncounted ones left out."""
    pending, found = set(pending), set[str]()
    while pending:
        module = pending.pop()
        if module in found or is_uncounted(module):
            continue
        found.add(module)
        pending |= imports_of(module)
    return sorted(found)


@cache  # the items of the suite share nearly all of their modules
def imports_of(module: str) -> frozenset[str]:
    """The modules of this package that ``module`` imports when it runs."""
    within = ".".join([PACKAGE.name, *module.split(".")[:-1]])
    return frozenset(m for node in running(source(module)) for m in imported(node, within))


def is_uncounted(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in UNCOUNTED)


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes below ``tree``, except what only the type checker reads."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield from running(child)


def imported(node: ast.AST, package: str, used: set[str] | None = None) -> set[str]:
    """The modules of this package that an import in a module of ``package`` names.

    With ``used``, only of imports that bring in one of these names.
    """
    if isinstance(node, ast.Import):
        named = [(alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names]
        wanted = {path for name, path in named if used is None or name in used}
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        names = [a for a in node.names if used is None or (a.asname or a.name) in used]
        # A name may be a module of the folder ``base``, or defined in the module ``base``.
        wanted = {path for a in names for path in (base, f"{base}.{a.name}")}
    else:
        return set()
    below = {p.removeprefix(f"{PACKAGE.name}.") for p in wanted if p.startswith(f"{PACKAGE.name}.")}
    return {path for path in below if file_of(path).is_file()}


def file_of(module: str) -> Path:
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


@cache
def source(module: str) -> ast.Module:
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


@cache
def normalised_source(module: str) -> str:
    return normalised(source(module))


def normalised(tree: ast.AST) -> str:
    """The code of ``tree`` without docstrings, comments and layout."""
    return _text(tree)


def _text(node: object) -> str:
    """As ``ast.dump``, but without docstrings and empty fields: versions of Python differ there."""
    if isinstance(node, list):
        return f"[{', '.join(_text(n) for n in node)}]"
    if isinstance(node, ast.AST):
        fields = []
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list) and value and _is_docstring(value[0]):
                value = value[1:] or [ast.Pass()]
            if value is not None and value != []:
                fields.append(f"{name}={_text(value)}")
        return f"{type(node).__name__}({', '.join(fields)})"
    return repr(node)


def _is_docstring(node: ast.AST) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def reached(module: ast.Module, start: str) -> str:
    """The normalised definitions of ``module`` that ``start`` uses, directly or not."""
    return "\n".join(normalised(node) for node in reached_definitions(module, start))


def reached_definitions(module: ast.Module, start: str) -> list[ast.AST]:
    """These definitions, in the order of their names."""
    definitions: dict[str, list[ast.AST]] = {}
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    definitions.setdefault(part.id, []).append(node)
    found: set[str] = set()
    pending = [start]
    while pending:
        name = pending.pop()
        if name in found or name not in definitions:
            continue
        found.add(name)
        parts = (part for d in definitions[name] for part in ast.walk(d))
        pending.extend(part.id for part in parts if isinstance(part, ast.Name))
    return [node for name in sorted(found) for node in definitions[name]]
