"""A hash of the code that a training result depends on.

Comments, docstrings and layout do not count, nor does what only draws. Of the engine, the modules
named below count whole; of an item's script, ``train`` and what it reaches in that script.
"""

import ast
import hashlib
import inspect
from pathlib import Path
from types import ModuleType

TRAINING_MODULES = (
    "data",
    "evaluate",
    "fit",
    "models",
    "networks",
    "phases",
    "priors",
    "stack",
    "streams",
)


def code_hash(item: ModuleType) -> str:
    """Sixteen hexadecimal digits for the training code of ``item``."""
    engine = Path(__file__).parent
    parts = [normalised(ast.parse((engine / f"{m}.py").read_text())) for m in TRAINING_MODULES]
    parts.append(reached(ast.parse(inspect.getsource(item)), "train"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def normalised(tree: ast.AST) -> str:
    """The code of ``tree`` without docstrings, comments and layout."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[0] = ast.Pass()
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def reached(module: ast.Module, start: str) -> str:
    """The normalised definitions of ``module`` that ``start`` uses, directly or not."""
    definitions: dict[str, ast.AST] = {}
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    definitions[target.id] = node
    found: dict[str, str] = {}
    pending = [start]
    while pending:
        name = pending.pop()
        if name in found or name not in definitions:
            continue
        found[name] = normalised(definitions[name])
        names = (n.id for n in ast.walk(definitions[name]) if isinstance(n, ast.Name))
        pending.extend(names)
    return "\n".join(found[name] for name in sorted(found))
