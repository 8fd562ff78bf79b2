"""What a record says of each seed, of the machines that it was run on, and of its data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.settings.strict import Natural, Positive, Strict

from .numbers import LARGEST, History, Metrics

Seconds = Annotated[float, Field(ge=0, le=LARGEST)]


class Machine(Strict):
    """Where and with what something was run."""

    commit: str
    dirty: bool
    python: str
    torch: str
    numpy: str
    device: str
    threads: Positive


class Process(Machine):
    """One of several processes that had a hand in a seed."""

    work: Literal["training", "measuring"]
    started: str
    precision: str


class Provenance(Machine):
    """With what, where and how fast a seed was trained; the machine is that of its end."""

    started: str
    seconds: Seconds
    # Of the processor, all threads together: other work of the machine is not in it. None on a GPU
    # and in records that are older than this number.
    core_seconds: Seconds | None = None
    updates: Natural
    stacked: Positive  # how many seeds shared the stack
    precision: str
    captured: bool = False  # updates were replayed from a CUDA graph; not in older records
    wandb_id: str | None
    # In their order, where there was more than one: training was cut, or it was measured again.
    processes: Annotated[list[Process], Field(default_factory=list)]

    @property
    def place(self) -> str:
        """The device, and how its updates were launched where that is told."""
        return f"{self.device}, captured updates" if self.captured else self.device


class SeedResult(Strict):
    """One seed: its final metrics, and a row of losses and metrics per epoch."""

    seed: Natural
    label_seed: Natural
    status: Literal["ok", "diverged"]
    warnings: list[str]
    metrics: Metrics
    history: History
    provenance: Provenance

    @model_validator(mode="after")
    def _a_diverged_seed_has_no_metrics(self) -> "SeedResult":
        if self.status == "diverged" and self.metrics:
            raise ValueError("metrics: a seed that diverged has none")
        return self


class DataSummary(Strict):
    """What was trained on; a ``subset`` is said to be one wherever its numbers are shown."""

    name: str
    sha256: str
    train: Natural
    test: Natural
    subset: bool

    @property
    def limit(self) -> str:
        """What is to be said beside a result: nothing, if the files were the official ones."""
        return f"subset ({self.train:,})" if self.subset else ""
