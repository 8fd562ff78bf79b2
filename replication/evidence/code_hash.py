"""A hash of the code that a training result depends on.

Comments, docstrings and layout do not count, nor does what only draws. Of the engine, the modules
named below count whole; of an item's script, ``train`` and what it reaches in that script.
"""

import ast
import hashlib
import inspect
from functools import cache
from pathlib import Path
from types import ModuleType

TRAINING_MODULES = (
    "alae",
    "average",
    "data",
    "departures",
    "evaluate",
    "faces",
    "fit",
    "layerwise",
    "matlab",
    "models",
    "networks",
    "penalties",
    "phases",
    "priors",
    "recipe",
    "stack",
    "streams",
    "svhn",
    "synthetic",
)
# These count for the items that import them, themselves or through another of these.
MEASURES = (
    "anomaly",
    "augmentation",
    "clustering",
    "codes",
    "features",
    "fine_tuning",
    "generation",
    "likelihood",
    "parzen",
    "probes",
    "representation",
    "semi_supervised",
)


@cache  # the first call counts: files edited during a run do not change what is running
def code_hash(item: ModuleType) -> str:
    """Sixteen hexadecimal digits for the training code of ``item``."""
    engine = Path(__file__).parent
    script = inspect.getsource(item)
    sources = {m: (engine / f"{m}.py").read_text() for m in (*TRAINING_MODULES, *MEASURES)}
    measures = {m for m in MEASURES if f"from .engine.{m} import" in script}
    for _ in MEASURES:  # no chain of imports is longer
        measures |= {m for m in MEASURES for n in measures if f"from .{m} import" in sources[n]}
    modules = [*TRAINING_MODULES, *(m for m in MEASURES if m in measures)]
    parts = [normalised(ast.parse(sources[m])) for m in modules]
    parts.append(reached(ast.parse(script), "train"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def normalised(tree: ast.AST) -> str:
    """The code of ``tree`` without docstrings, comments and layout."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[:] = body[1:] or [ast.Pass()]
    return _text(tree)


def _text(node: object) -> str:
    """As ``ast.dump``, but without empty fields: versions of Python differ in those."""
    if isinstance(node, list):
        return f"[{', '.join(_text(n) for n in node)}]"
    if isinstance(node, ast.AST):
        fields = [f"{k}={_text(v)}" for k, v in ast.iter_fields(node) if v is not None and v != []]
        return f"{type(node).__name__}({', '.join(fields)})"
    return repr(node)


def _is_docstring(node: ast.AST) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def reached(module: ast.Module, start: str) -> str:
    """The normalised definitions of ``module`` that ``start`` uses, directly or not."""
    definitions: dict[str, list[ast.AST]] = {}
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    definitions.setdefault(part.id, []).append(node)
    found: dict[str, str] = {}
    pending = [start]
    while pending:
        name = pending.pop()
        if name in found or name not in definitions:
            continue
        found[name] = "\n".join(normalised(d) for d in definitions[name])
        parts = (part for d in definitions[name] for part in ast.walk(d))
        pending.extend(part.id for part in parts if isinstance(part, ast.Name))
    return "\n".join(found[name] for name in sorted(found))
