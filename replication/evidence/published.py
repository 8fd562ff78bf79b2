"""Published values: the schema of published.yaml, and its loading.

How a value is judged is said in ``verdicts.py``.
"""

import math
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.base.errors import UserError
from replication.settings.experiments import experiments
from replication.settings.reading import parse, read_yaml, suggestion
from replication.settings.strict import Positive, Strict

from .statistics import can_be_met

PUBLISHED = Path(__file__).parent.parent / "published.yaml"

# What a published ± is, beside the number.
PLUS_MINUS = {
    "standard_error": "standard error",
    "standard_deviation": "s.d.",
    "interval_95": "95 % interval",
    "over_test_images": "over test images",
    "unknown": "± of unknown kind",
}

Source = Literal["paper", "secondhand", "memory", "code", "guess"]
PlusMinus = Literal[
    "standard_error", "standard_deviation", "interval_95", "over_test_images", "unknown"
]


class Value(Strict):
    """One published number; ``source`` says how sure it is, ``cite`` where it was read.

    ``plus_minus_kind`` is what its ± is; a standard deviation is of so many ``runs``.
    """

    value: int | float  # as it was published: 340 has no decimals, 4.00 has two
    plus_minus: Annotated[float, Field(gt=0)] | None = None
    plus_minus_kind: PlusMinus = "unknown"
    runs: Positive | None = None
    source: Source
    cite: str

    @model_validator(mode="after")
    def _plus_minus_is_whole(self) -> "Value":
        if self.plus_minus is None and self.plus_minus_kind != "unknown":
            raise ValueError("plus_minus_kind needs plus_minus")
        if (self.plus_minus_kind == "standard_deviation") != (self.runs is not None):
            raise ValueError("runs and plus_minus_kind: standard_deviation go together")
        return self

    def __str__(self) -> str:
        value, digits = f"{self.value:.{self.digits}f}", self.digits
        return value if self.plus_minus is None else f"{value} ± {self.plus_minus:.{digits}f}"

    @property
    def digits(self) -> int:
        """Decimals, of the ± as well."""
        return 2 if isinstance(self.value, float) else 0

    def described(self) -> str:
        """The value with what its ± is."""
        if self.plus_minus is None:
            return str(self)
        of_runs = f" of {self.runs} runs" if self.runs else ""
        return f"{self} ({PLUS_MINUS[self.plus_minus_kind]}{of_runs})"

    @property
    def standard_error(self) -> float:
        """Of the published mean over runs, 0 where the ± says nothing of it (docs/verdicts.md)."""
        if self.plus_minus is None or self.plus_minus_kind == "over_test_images":
            return 0.0
        if self.plus_minus_kind == "interval_95":
            return self.plus_minus / 1.96
        return self.plus_minus / math.sqrt(self.runs or 1)

    @property
    def single_run(self) -> bool:
        """Nothing is said of the spread over runs: the value counts as one run."""
        return self.standard_error == 0

    @property
    def confirmed(self) -> bool:
        """It was read in the paper itself."""
        return self.source == "paper"


class Target(Value):
    """A number that ours is compared with; within ``margin`` two results count as the same.

    It is of the variant that it is named after, unless ``variant`` names another, and of the end
    of training, unless ``epoch`` says when. ``weight`` is its part of the score.
    """

    place: str
    metric: str | None = None  # where it is not the item's, nor its unit
    unit: str | None = None
    variant: str | None = None
    epoch: Positive | None = None
    weight: Literal[1, 2, 3]
    # Of another paper than the one that is replicated: counted apart.
    of_other_papers: bool = False
    margin: Annotated[float, Field(gt=0)]
    margin_reason: str

    @property
    def margin_can_be_met(self) -> bool:
        """False: no number of seeds shows a mean of ours within the margin, whatever it is."""
        return can_be_met(self.margin, self.standard_error)


class Method(Strict):
    """Another row of a published table, by target or variant; shown beside ours, not judged."""

    method: str
    values: dict[str, Value]


class Remark(Value):
    """A published number that belongs to no column of ours; shown below the table."""

    text: str


class PublishedItem(Strict):
    metric: str
    unit: str
    lower_is_better: bool
    targets: dict[str, Target]
    others: Annotated[list[Method], Field(default_factory=list)]
    remarks: Annotated[list[Remark], Field(default_factory=list)]


class Published(Strict):
    """``paper_text``: addresses at which anyone can read the paper, to confirm a value."""

    paper_text: Annotated[list[str], Field(default_factory=list)]
    items: dict[str, PublishedItem]

    def targets(self) -> list[tuple[str, str, Target]]:
        """(item, name, target) of all, in the order of the file."""
        return [(i, n, t) for i, content in self.items.items() for n, t in content.targets.items()]


@cache
def published(path: Path = PUBLISHED) -> Published:
    """The published values; a UserError if one belongs to no known item or variant."""
    values = parse(Published, read_yaml(path), path.name)
    items = experiments().items
    for item, content in values.items.items():
        if item not in items:
            raise UserError(f"{path.name}: there is no item {item}", suggestion(item, items))
        variants = items[item].variants
        judged = {target.variant or name for name, target in content.targets.items()}
        columns = {column for method in content.others for column in method.values}
        for name in sorted((judged - {*variants}) | (columns - {*variants, *content.targets})):
            problem = f"{path.name}: {item}/{name} is no variant of experiments.yaml"
            raise UserError(problem, "correct its name")
    return values
