"""Progress of a training job: a live line on a terminal, a plain line per epoch in a log."""

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replication.training.fit import Row


def duration(seconds: float) -> str:
    """``seconds`` for people: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Progress:
    """Says where a run is: ``live`` on one line, else a line per epoch, at most one a second."""

    def __init__(self, name: str, epochs: int, live: bool | None = None):
        self.name = name
        self.epochs = epochs
        self.live = sys.stderr.isatty() if live is None else live
        self.started = time.monotonic()
        self.updates = 0  # since the start of this process; a resumed run counts from there
        self._total: int | None = None
        self._shown = 0.0
        self._losses = ""

    def step(self, epoch: int, step: int, steps: int) -> None:
        if self._total is None:
            self._total = (self.epochs - epoch) * steps
        self.updates += 1
        if self.live and time.monotonic() - self._shown > 0.2:
            self._show(f"epoch {epoch + 1}/{self.epochs} {100 * (step + 1) // steps:3d} %")

    def epoch(self, rows: "list[Row | None]") -> None:
        alive = [row for row in rows if row is not None]
        if not alive:
            self._line(f"{self.name}: diverged")
            return
        names = [name for name in alive[0] if name not in ("epoch", "updates")]
        means = {name: sum(row[name] for row in alive) / len(alive) for name in names}
        self._losses = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        last = alive[0]["epoch"] == self.epochs
        if self.live or last or time.monotonic() - self._shown > 1:
            self._show(f"epoch {alive[0]['epoch']}/{self.epochs}", newline=last or not self.live)

    def _show(self, position: str, newline: bool = False) -> None:
        self._shown = time.monotonic()
        rate = self.updates / max(self._shown - self.started, 1e-9)
        left = duration(((self._total or 0) - self.updates) / rate) if rate else "?"
        text = f"{self.name}: {position}  {self._losses}  {rate:.1f} updates/s, {left} left"
        self._line(text) if newline else print(f"\r\x1b[2K{text}", end="", file=sys.stderr)

    def _line(self, text: str) -> None:
        start = "\r\x1b[2K" if self.live else ""
        print(start + text, file=sys.stderr, flush=True)
