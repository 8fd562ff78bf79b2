"""The content of a training's sealed files, checked where it is read: who uses it may trust it.

The seal tells damage apart; these models tell the files of another version, or of another hand.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor, uint8

from replication.base import sealed
from replication.base.errors import UserError
from replication.evidence.numbers import History
from replication.evidence.seeds import DataSummary, Machine, Process, Seconds, SeedResult
from replication.settings.schema import Seed
from replication.settings.strict import Natural, Positive


def generator_state(state: Tensor) -> Tensor:
    if state.dtype != uint8 or state.ndim != 1:
        raise ValueError("is no state of a random generator")
    return state


State = Annotated[Tensor, AfterValidator(generator_state)]
Pair = Annotated[list[Natural], Field(min_length=2, max_length=2)]


class Content(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )


class Told(Machine):
    """What a trained seed says of its training; version 0.2.0 named no code, stack or process."""

    started: str
    precision: str
    seconds: Seconds
    core_seconds: Seconds | None = None
    captured: bool = False
    stacked: Positive
    data: str
    code: str = ""
    stack: Annotated[list[Pair], Field(default_factory=list)]
    processes: Annotated[list[Process], Field(default_factory=list)]


class Fitted(Content):
    """Beside the weights of a seed (``.fitted``)."""

    history: History
    diverged: bool
    streams: dict[str, State]
    told: Told


class TrainedStack(Content):
    """The seeds of a stack, until each has its own files (``trained.pt``)."""

    weights: dict[str, Tensor]
    streams: dict[str, list[State]]
    histories: list[History]
    diverged: list[bool]
    told: Told

    @model_validator(mode="after")
    def _is_of_one_stack(self) -> "TrainedStack":
        sizes = [len(value) if value.ndim else 0 for value in self.weights.values()]
        sizes += [len(self.histories), len(self.diverged), *map(len, self.streams.values())]
        if not self.told.stack or {*sizes} != {len(self.told.stack)}:
            raise ValueError("weights, streams and histories are not of the same seeds")
        return self


class Finished(Content):
    """A measured seed, until the record is whole."""

    result: SeedResult
    arrays: dict[str, Tensor]
    dataset: DataSummary


class Training(Content):
    models: dict[str, Tensor]
    optimisers: list[dict[str, Any]]
    streams: dict[str, list[State]]
    batches: dict[str, Any]
    average: dict[str, Any]


class Checkpoint(Told):
    """What a stack of seeds goes on from."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    training: Training
    histories: list[History]
    diverged: list[bool]
    epochs: Natural

    @model_validator(mode="after")
    def _is_of_one_stack(self) -> "Checkpoint":
        if not len(self.histories) == len(self.diverged) == len(self.stack):
            raise ValueError("histories, diverged and stack are not of the same seeds")
        return self


def read(path: Path, content: type[BaseModel]) -> dict[str, Any]:
    """What is in the sealed file; a UserError unless it is the ``content`` that belongs there."""
    state = sealed.load(path)
    try:
        content.model_validate(state)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        problem = f"{path} is of another version of this suite: {where}: {first['msg']}"
        raise UserError(problem, f"delete {path} to start again without it") from None
    return dict(state)


def read_finished(path: Path, seed: Seed) -> dict[str, Any]:
    """The result of ``seed`` in ``path``; a UserError where it is another seed's."""
    found = read(path, Finished)
    own = Seed(found["result"]["seed"], found["result"]["label_seed"])
    if own != seed:
        told = f"seed {own.seed}, labels {own.label_seed}"
        raise UserError(f"{path} has the result of {told}", "delete it to measure its seed again")
    return found
