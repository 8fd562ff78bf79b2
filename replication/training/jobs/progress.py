"""Progress of a training command: one live line on a terminal, a line now and then in a log."""

import os
import sys
import time
from typing import TYPE_CHECKING

from replication.base.durations import duration

try:
    from tqdm import tqdm
except ImportError:  # a bare machine may lack it: lines then, as in a log
    tqdm = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from replication.training.fit import Row

QUIET = 10.0  # seconds between the lines of a log


def fitting(parts: list[str], width: int) -> str:
    """As many of ``parts`` as a line of ``width`` has room for, the first ones first."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + 2 + len(part) > width:
            break
        line += f"  {part}"
    return line[:width]


class Progress:
    """Says how far the whole command is, of which this training is number ``run`` of ``runs``.

    ``live`` (by default: on a terminal) is one line of what fits into the terminal's width: which
    seed, the time that is left for all of them, the epoch, the rate, then the losses.
    """

    def __init__(
        self, name: str, epochs: int, run: int = 1, runs: int = 1, live: bool | None = None
    ):
        self.name = name
        self.epochs = epochs
        self.run, self.runs = run, runs
        wanted = sys.stderr.isatty() if live is None else live
        self.live = wanted and tqdm is not None
        self._started = self._shown = time.monotonic()
        self._updates = 0  # of this process: a resumed run counts from there
        self._left = 0  # updates of all runs
        self._losses: list[str] = []
        self._bar: tqdm | None = None

    def step(self, epoch: int, step: int, steps: int) -> None:
        """To be called after each update: ``step`` of ``steps`` in ``epoch``, all from 0."""
        self._updates += 1
        runs_left = self.runs - self.run
        self._left = ((runs_left + 1) * self.epochs - epoch) * steps - step - 1
        if self.live and time.monotonic() - self._shown > 0.2:
            self._show(epoch + 1)

    def epoch(self, rows: "list[Row | None]") -> None:
        """To be called after each epoch, with each seed's row (None: diverged)."""
        alive = [row for row in rows if row is not None]
        if not alive:
            self.close()
            print(f"{self.name}: diverged", file=sys.stderr, flush=True)
            return
        names = [name for name in alive[0] if name not in ("epoch", "updates")]
        means = {name: sum(row[name] for row in alive) / len(alive) for name in names}
        self._losses = [f"{name} {value:.4g}" for name, value in means.items()]
        epoch = int(alive[0]["epoch"])
        last = epoch == self.epochs
        if self.live:
            self._show(epoch)
        elif last or time.monotonic() - self._shown > QUIET:
            self._shown = time.monotonic()
            told = "  ".join([f"epoch {epoch}/{self.epochs}", *self._rate(), *self._losses])
            print(f"{self.name}: {told}", file=sys.stderr, flush=True)
        if last:
            self.close()

    def close(self) -> None:
        """Leave the terminal's line empty."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _rate(self) -> list[str]:
        rate = self._updates / max(time.monotonic() - self._started, 1e-9)
        return [f"{duration(self._left / rate)} left", f"{rate:.1f} updates/s"]

    def _show(self, epoch: int) -> None:
        self._shown = time.monotonic()
        if self._bar is None:
            # It cuts the line at the terminal's width, whatever that becomes, and clears it.
            self._bar = tqdm(bar_format="{desc}", dynamic_ncols=True, leave=False, file=sys.stderr)
        left, rate = self._rate()
        seed = [f"seed {self.run} of {self.runs}"] if self.runs > 1 else []
        parts = [*seed, left, f"epoch {epoch}/{self.epochs}", rate, *self._losses]
        self._bar.set_description_str(fitting(parts, terminal_width()))


def terminal_width() -> int:
    """Columns of the terminal that standard error is; 80 where it is none."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
