"""What writing a checkpoint takes: streamed as we do it, beside a copy that is hashed whole.

    python -m bench.checkpoint                    a state of 0.6 GB, as of Table 2 with ten seeds

Prints one table and writes bench/results/checkpoint_<machine>.json. Memory is what the process had
at most, less the state; time is the clock's, and the processor's alone. No absolute time is a
result; compare the ratios within one run.
"""

import argparse
import hashlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.commands import command
from bench.machine import machine, store
from bench.points import forget_peak, peak
from replication.base import sealed
from replication.base.files import write_atomically
from replication.base.options import positive

State = dict[str, Tensor]
CPU = torch.device("cpu")
TENSORS = 60  # of a stack: parameters and their momentum


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=positive, default=600, help="of the state (600)")
    parser.add_argument("--repeats", type=positive, default=5, help="of each, in turns (5)")
    parser.add_argument("--out", type=Path, help="JSON (bench/results/checkpoint_<machine>.json)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(options.megabytes, options.repeats)
    print(table(result))
    print(store("checkpoint", result, CPU, options.out))


def measure(megabytes: int, repeats: int) -> dict:
    """Median seconds and the most bytes of both ways, which take turns."""
    each = megabytes * 10**6 // 4 // TENSORS
    state = {f"tensor {i}": torch.randn(each) for i in range(TENSORS)}
    ways: dict[str, Callable[[Path, State], None]] = {"streamed": sealed.save, "whole": whole}
    clocks = {"clock": time.perf_counter, "processor": time.process_time}
    seconds: dict[str, dict[str, list[float]]] = {n: {c: [] for c in clocks} for n in ways}
    memory = dict.fromkeys(ways, 0)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for save in ways.values():  # what is imported by a first one
            save(Path(folder, "first.pt"), {"a": torch.zeros(1)})
        for _ in range(repeats):
            for name, save in ways.items():
                before, began = forget_peak(CPU), {c: read() for c, read in clocks.items()}
                save(Path(folder, f"{name}.pt"), state)
                for clock, read in clocks.items():
                    seconds[name][clock].append(read() - began[clock])
                memory[name] = max(memory[name], peak(CPU) - before)
        same = Path(folder, "whole.pt").read_bytes() == Path(folder, "streamed.pt").read_bytes()
    return {
        "machine": machine(CPU),
        "state_bytes": 4 * each * TENSORS,
        "same_bytes": same,
        "seconds": {
            name: {clock: statistics.median(values) for clock, values in own.items()}
            for name, own in seconds.items()
        },
        "memory_bytes": memory,
    }


def whole(path: Path, state: State) -> None:
    """As it was until version 0.2.0: serialised in memory, hashed, put together, written."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_atomically(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def table(result: dict) -> str:
    """Lines for people: each way's time and memory, as ratios to the state and to each other."""
    size, seconds = result["state_bytes"], result["seconds"]
    lines = [f"{size / 1e9:.2f} GB of state; same bytes in the file: {result['same_bytes']}"]
    for name, taken in seconds.items():
        memory = result["memory_bytes"][name] / size
        times = f"{taken['clock']:6.2f} s, {taken['processor']:6.2f} s of the processor"
        lines.append(f"{name:9}{times}; memory beside the state: {memory:5.2f} of it")
    ratios = [seconds["streamed"][c] / seconds["whole"][c] for c in ("clock", "processor")]
    told = "streamed takes {:.2f} of the time of whole, {:.2f} of the processor's".format(*ratios)
    return "\n".join([*lines, told])


if __name__ == "__main__":
    command(main)
