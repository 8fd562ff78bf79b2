"""``python -m bench`` names every bench that the documentation has."""

import re
import subprocess
import sys
from pathlib import Path

from bench.__main__ import benches

ROOT = Path(__file__).parent.parent.parent


def test_every_bench_of_the_documentation_is_listed() -> None:
    page = (ROOT / "docs" / "benches.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `python -m (bench\.\w+)`", page, re.M))
    assert len(documented) > 5
    assert documented <= set(benches())


def test_the_command_lists_them() -> None:
    command = [sys.executable, "-m", "bench", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"python -m {name}\n" in done.stdout for name in benches())
