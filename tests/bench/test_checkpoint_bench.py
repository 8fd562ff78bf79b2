"""The bench of checkpoints: both ways write the same bytes, one of them without a copy of them."""

from pathlib import Path

import pytest

from bench.checkpoint import measure, table


def test_both_ways_write_the_same_bytes_and_streaming_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = measure(megabytes=60, repeats=1)
    assert result["same_bytes"]
    size, memory = result["state_bytes"], result["memory_bytes"]
    assert memory["streamed"] < 0.2 * size
    assert memory["whole"] > 1.5 * size
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
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
