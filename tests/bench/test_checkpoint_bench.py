"""The bench of checkpoints: both ways write the same bytes, one of them without a copy of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.checkpoint import table

ROOT = Path(__file__).parents[2]


def test_both_ways_write_the_same_bytes_and_streaming_takes_no_memory(tmp_path: Path) -> None:
    """In a process of its own: memory that other tests have freed would be taken first."""
    command = [sys.executable, "-m", "bench.checkpoint", "--megabytes", "60", "--repeats", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [*command, "--out", "stored.json"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    result = json.loads((tmp_path / "stored.json").read_text())
    assert result["same_bytes"]
    size, memory = result["state_bytes"], result["memory_bytes"]
    assert memory["streamed"] < 0.2 * size
    assert memory["whole"] > 1.5 * size
    assert [path.name for path in tmp_path.iterdir()] == ["stored.json"], "nothing is left behind"
    assert table(result).splitlines()[1].startswith("streamed")


def test_the_table_gives_ratios() -> None:
    result = {
        "state_bytes": 2e9,
        "same_bytes": True,
        "seconds": {
            "streamed": {"clock": 3.0, "processor": 1.0},
            "whole": {"clock": 4.0, "processor": 5.0},
        },
        "memory_bytes": {"streamed": 0, "whole": 4e9},
    }
    lines = table(result).splitlines()
    assert lines[2].endswith("memory beside the state:  2.00 of it")
    assert lines[3] == "streamed takes 0.75 of the time of whole, 0.20 of the processor's"
