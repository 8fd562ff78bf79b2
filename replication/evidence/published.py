"""Published values and the verdict on each: was it replicated?

The rules were fixed before any run that they judge had ended. All tests are at the 5 % level,
over seeds:

- *replicated*: equivalent, by two one-sided tests (TOST), within the margin that published.yaml
  declares with its reason; *better* or *worse*: Welch's test finds a difference (the published
  +- is taken for the standard error of the published mean, since no number of runs is known;
  without one the published value is taken as exact);
- *undecided*: fewer than three seeds, or neither test is conclusive;
- *unstable*: a seed diverged, or did no better than the mean image; *not run*: there is no record.
"""

import math
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from replication.base.errors import UserError
from replication.settings.experiments import experiments, parse, read_yaml
from replication.settings.strict import Strict

from .records import Record

PUBLISHED = Path(__file__).parent.parent / "published.yaml"
LEVEL = 0.05
ENOUGH_SEEDS = 3

Source = Literal["paper", "secondhand", "memory", "code", "guess"]
Judgement = Literal["replicated", "better", "worse", "undecided", "unstable", "not run", "smoke"]


class Value(Strict):
    """One published number; ``source`` says how sure it is, ``cite`` where it was read."""

    value: float
    plus_minus: Annotated[float, Field(gt=0)] | None = None
    source: Source
    cite: str

    def __str__(self) -> str:
        digits = f"{self.value:.2f}"
        return digits if self.plus_minus is None else f"{digits} ± {self.plus_minus:.2f}"


class Target(Value):
    """A number that ours is compared with; within ``margin`` two results count as the same.

    It is of the variant that it is named after, unless ``variant`` names another, and of the end
    of training, unless ``epoch`` says when.
    """

    place: str
    metric: str | None = None  # where it is not the item's
    variant: str | None = None
    epoch: Annotated[int, Field(gt=0)] | None = None
    margin: Annotated[float, Field(gt=0)]
    margin_reason: str


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
    # The numbers are of other papers than the one that is replicated, and counted apart.
    of_other_papers: bool = False
    targets: dict[str, Target]
    others: Annotated[list[Method], Field(default_factory=list)]
    remarks: Annotated[list[Remark], Field(default_factory=list)]


class Published(Strict):
    items: dict[str, PublishedItem]


class Ours(Strict):
    """Our result over the seeds that did not diverge; the interval is of the mean, 95 %, by t."""

    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    seeds: int


class Verdict(Strict):
    """``target`` is the published number's name, ``variant`` the one whose record it judges."""

    target: str
    variant: str
    place: str
    metric: str
    unit: str
    published: Target
    ours: Ours | None
    judgement: Judgement
    reason: str
    stale: bool = False
    subset: bool = False
    train_images: int = 0

    def __str__(self) -> str:
        """The judgement, with what limits it."""
        limits = []
        compared = self.judgement in ("replicated", "better", "worse")
        if compared and self.published.source != "paper":
            limits.append("target unconfirmed")
        if self.subset:
            limits.append(f"subset ({self.train_images:,})")
        if self.stale:
            limits.append("stale")
        return self.judgement + (f" ({', '.join(limits)})" if limits else "")


class Spoken(Verdict):
    """A verdict and how it reads, with what limits it."""

    verdict: str


class Comparison(Strict):
    """What is stored of an item's verdicts at a preset."""

    preset: str
    item: str
    verdicts: list[Spoken]


@cache
def published(path: Path = PUBLISHED) -> Published:
    """The published values; a UserError if one belongs to no known item or variant."""
    values = parse(Published, read_yaml(path), path.name)
    items = experiments().items
    for item, content in values.items.items():
        variants = items[item].variants if item in items else {}
        judged = {target.variant or name for name, target in content.targets.items()}
        columns = {column for method in content.others for column in method.values}
        for name in sorted((judged - {*variants}) | (columns - {*variants, *content.targets})):
            problem = f"{path.name}: {item}/{name} is no variant of experiments.yaml"
            raise UserError(problem, "correct its name")
    return values


def summary(values: list[float]) -> Ours:
    """Mean, sample deviation and 95 % t interval; one value has neither of the last two."""
    from scipy.stats import t  # 1 s to import

    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Ours(mean=mean, deviation=None, interval=None, seeds=n)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = float(t.ppf(1 - LEVEL / 2, n - 1)) * deviation / math.sqrt(n)
    return Ours(mean=mean, deviation=deviation, interval=(mean - half, mean + half), seeds=n)


def judge(values: list[float], target: Target, lower_is_better: bool) -> tuple[Judgement, str]:
    """The verdict on seeds' ``values`` against ``target``, and the reason in a sentence."""
    if len(values) < ENOUGH_SEEDS:
        return "undecided", f"{len(values)} of at least {ENOUGH_SEEDS} seeds"
    from scipy.stats import t

    ours = summary(values)
    assert ours.deviation is not None
    difference = ours.mean - target.value
    own_variance = ours.deviation**2 / ours.seeds
    error = math.sqrt(own_variance + (target.plus_minus or 0.0) ** 2)
    if error == 0:  # all seeds agree to the last digit, and the target is exact
        error = math.ulp(1.0)
    # Welch and Satterthwaite; the published variance counts as known.
    ratio = min(error**2 / own_variance, 1e6) if own_variance else 1e6
    freedom = (ours.seeds - 1) * ratio**2
    one_sided = float(t.ppf(1 - LEVEL, freedom)) * error
    two_sided = float(t.ppf(1 - LEVEL / 2, freedom)) * error
    gap = f"our mean minus the published is {difference:+.2f}"
    if abs(difference) + one_sided < target.margin:
        return "replicated", f"{gap}, within ±{target.margin:g} by TOST"
    if abs(difference) > two_sided:
        better = (difference < 0) == lower_is_better
        return ("better" if better else "worse"), f"{gap}, more than ±{two_sided:.2f} (Welch)"
    return "undecided", f"{gap}; neither equal within ±{target.margin:g} nor different"


def measured(record: Record, metric: str, epoch: int | None) -> list[float]:
    """The values that a published number is compared with; none where it was not measured."""
    if epoch is None and not any(metric in seed.metrics for seed in record.seeds):
        return []
    return record.values(metric, epoch)


def verdict(item: str, name: str, preset: str, record: Record | None, stale: bool) -> Verdict:
    """The verdict on the published number ``name``. Smoke results are never compared."""
    content = published().items[item]
    target = content.targets[name]
    variant, metric = target.variant or name, target.metric or content.metric
    ours: Ours | None = None
    judgement: Judgement
    if record is None:
        planned = experiments().items[item].variants[variant].not_run
        judgement, reason = "not run", planned or f"no record at the {preset} preset"
    else:
        values = measured(record, metric, target.epoch)
        ours = summary(values) if values else None
        if preset == "smoke":
            judgement, reason = "smoke", "small stand-ins for the data: never compared"
        elif not values and record.stable:
            when = f" after epoch {target.epoch}" if target.epoch else ""
            judgement, reason = "not run", f"{metric} was not measured{when} at the {preset} preset"
        elif not record.stable:
            bad = sum(s.status != "ok" or bool(s.warnings) for s in record.seeds)
            judgement, reason = "unstable", f"{bad} of {len(record.seeds)} seeds failed"
        else:
            judgement, reason = judge(values, target, content.lower_is_better)
    return Verdict(
        target=name,
        variant=variant,
        place=target.place,
        metric=metric,
        unit=content.unit,
        published=target,
        ours=ours,
        judgement=judgement,
        reason=reason,
        stale=stale,
        subset=record is not None and record.dataset.subset,
        train_images=record.dataset.train if record else 0,
    )
