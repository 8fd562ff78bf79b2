"""Reads a W&B offline run back without a server: wandb itself has no public reader for it.

``run-ID.wandb`` is a LevelDB log: a header, then blocks of 32 KiB with chunks of a checksum (4
bytes), a length (2), a kind (1) and content. A record is whole in one chunk, or split over several.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK, FILE_HEADER, CHUNK_HEADER = 32768, 7, 7
WHOLE, FIRST, LAST = 1, 2, 4


@dataclass
class OfflineRun:
    """What one offline run holds; ``exit_code`` is None where the process was killed."""

    folder: Path
    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    # By metric, or by a beginning of several with "*": what its charts have along their axis.
    steps: dict[str, str] = field(default_factory=dict)
    project: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


def read_runs(folder: Path) -> list[OfflineRun]:
    """All offline runs of a ``wandb`` folder, by name."""
    runs = [read_run(path) for path in folder.glob("offline-run-*/run-*.wandb")]
    return sorted(runs, key=lambda run: run.name)


def read_run(path: Path) -> OfflineRun:
    """The run in ``path``; wandb's own entries of config, history and summary are left out."""
    from wandb.proto import wandb_internal_pb2

    run = OfflineRun(path.parent)
    for content in records(path.read_bytes()):
        record: Any = wandb_internal_pb2.Record()  # type: ignore[attr-defined, unused-ignore]
        record.ParseFromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id, run.name = record.run.run_id, record.run.display_name
            run.group, run.job_type = record.run.run_group, record.run.job_type
            run.project, run.tags = record.run.project, [*record.run.tags]
            run.config |= values(record.run.config.update)
        elif kind == "history":
            run.history.append(values(record.history.item))
        elif kind == "metric":
            name = record.metric.name or record.metric.glob_name
            run.steps[name] = record.metric.step_metric
        elif kind == "summary":
            run.summary |= values(record.summary.update)
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def values(items: Any) -> dict[str, Any]:
    """The items by name, nested as they were; without wandb's own, which start with "_"."""
    found: dict[str, Any] = {}
    for item in items:
        *outer, name = list(item.nested_key) or [item.key]
        if (outer or [name])[0].startswith("_"):
            continue
        inner = found
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[name] = json.loads(item.value_json)
    return found


def records(data: bytes) -> Iterator[bytes]:
    """Each record's bytes; a torn end, as a killed process leaves it, ends them."""
    if data[:4] != b":W&B":
        raise ValueError("this is no W&B run file")
    position = FILE_HEADER
    parts: list[bytes] = []
    while position + CHUNK_HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < CHUNK_HEADER:
            position += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, position)
        position += CHUNK_HEADER
        content = data[position : position + length]
        if len(content) < length:
            return
        if zlib.crc32(bytes([kind]) + content) != checksum:
            raise ValueError(f"damaged record before byte {position}")
        position += length
        if kind in (WHOLE, FIRST):
            parts = []
        parts.append(content)
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
