"""``python -m bench``: which benches there are, each with its first sentence."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parent


def benches() -> dict[str, str]:
    """What ``python -m`` runs here, with the first line of its docstring."""
    found = {}
    for path in sorted([*FOLDER.glob("*.py"), *FOLDER.glob("*/__main__.py")]):
        name = path.stem if path.parent == FOLDER else path.parent.name
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if f"python -m bench.{name}" in told:
            found[f"bench.{name}"] = told.splitlines()[0]
    return found


if __name__ == "__main__":
    for name, told in benches().items():
        print(f"python -m {name}\n    {told}")
    print("What each measures, and what came out: docs/benches.md")
