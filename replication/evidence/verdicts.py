"""The verdict on each published number, by the rules of docs/verdicts.md.

What was run comes first: a full run is judged, a reduced one can only show that a number is within
reach, one on other images is not compared.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from replication.settings.experiments import experiments
from replication.settings.strict import Strict

from .published import Target, published
from .records import Record
from .run_kind import Difference, Kind, in_brief, run_kind
from .statistics import (
    ENOUGH_SEEDS,
    LEVEL,
    MOST_SEEDS,
    MeanDifference,
    Summary,
    discoveries,
    mean_difference,
    seeds_needed,
    summary,
)

Judgement = Literal[
    "replicated",
    "better",
    "worse",
    "different, within the margin",
    "already reached",
    "not yet reached",
    "not comparable",
    "undecided",
    "unstable",
    "not run",
    "smoke",
]
SHOWN = 3  # differences from the paper's settings, beside a judgement
# A margin that needs more of them is named.
MANY_SEEDS = 100
# What a verdict earns of its target's weight: of full runs, of reduced ones.
CREDIT = {"replicated": 1.0, "better": 1.0, "different, within the margin": 0.5}
REACHED = {"already reached": 1.0}
DIFFERENT = {"better", "worse", "different, within the margin", "not yet reached"}


class Verdict(Strict):
    """``target`` is the published number's name, ``variant`` the one whose record it judges."""

    target: str
    variant: str
    place: str
    metric: str
    unit: str
    lower_is_better: bool
    published: Target
    ours: Summary | None
    kind: Kind | None
    differences: list[Difference]
    judgement: Judgement
    reason: str
    difference: MeanDifference | None
    seeds_to_decide: int | None
    trained: str  # when the last seed began, empty without a record
    planned_seeds: int  # of the settings; a record may have fewer
    margin_note: str = ""  # a margin that no number of seeds can meet, or only very many
    stale: bool = False
    measured_otherwise: bool = False  # the settings of the measures are not today's
    subset: bool = False
    train_images: int = 0

    def __str__(self) -> str:
        """The judgement, with what limits it."""
        if self.judgement == "not run":
            return self.judgement
        limits = in_brief(self.differences) if self.kind == "reduced" else []
        if len(limits) > SHOWN:
            limits[SHOWN:] = [f"{len(limits) - SHOWN} more differences"]
        if self.subset:
            limits.append(f"subset ({self.train_images:,})")
        if self.kind == "full" and self.difference and not self.published.confirmed:
            limits.append("target unconfirmed")
        if self.seeds_to_decide and self.judgement == "undecided":
            limits.append(f"{self.seeds_to_decide} seeds would decide")
        if self.ours and self.ours.seeds < self.planned_seeds and self.kind:
            limits.append(f"{self.ours.seeds} of {self.planned_seeds} seeds")
        if self.stale:
            limits.append("stale")
        if self.measured_otherwise:
            limits.append("measured by other settings")
        return self.judgement + (f" ({'; '.join(limits)})" if limits else "")


class Spoken(Verdict):
    """A verdict and how it reads, with what limits it."""

    verdict: str


class Comparison(Strict):
    """What is stored of an item's verdicts at a preset."""

    preset: str
    item: str
    verdicts: list[Spoken]


class Judged(NamedTuple):
    judgement: Judgement
    reason: str
    difference: MeanDifference | None = None
    seeds_to_decide: int | None = None


def verdict(item: str, name: str, preset: str, record: Record | None, stale: bool) -> Verdict:
    """The verdict on the published number ``name``. Smoke results are never compared."""
    content = published().items[item]
    target = content.targets[name]
    variant, metric = target.variant or name, target.metric or content.metric
    today = experiments().settings_of(preset, item, variant)
    kind: Kind | None = None
    differences: list[Difference] = []
    ours = None
    if record is None:
        planned = experiments().items[item].variants[variant].not_run
        judged = Judged("not run", planned or f"no record at the {preset} preset")
    else:
        paper = experiments().settings_of("paper", item, variant)
        values = measured(record, metric, target.epoch)
        ours = summary(values) if values else None
        if preset != "smoke":
            kind, differences = run_kind(record, paper, target.epoch)
        judged = judge_record(record, ours, kind, target, content.lower_is_better)
    return Verdict(
        target=name,
        variant=variant,
        place=target.place,
        metric=metric,
        unit=content.unit if target.unit is None else target.unit,
        lower_is_better=content.lower_is_better,
        published=target,
        ours=ours,
        kind=kind,
        differences=differences,
        **judged._asdict(),
        trained=max(s.provenance.started for s in record.seeds) if record else "",
        planned_seeds=len(today.seeds),
        margin_note=margin_note(target, ours if kind != "not comparable" else None),
        stale=stale,
        measured_otherwise=record is not None and record.measuring_hash != today.measuring_hash(),
        subset=record is not None and record.dataset.subset,
        train_images=record.dataset.train if record else 0,
    )


def measured(record: Record, metric: str, epoch: int | None) -> list[float]:
    """The values that a published number is compared with; none where it was not measured."""
    if epoch is None and not any(metric in seed.metrics for seed in record.seeds):
        return []
    return record.values(metric, epoch)


def judge_record(
    record: Record, ours: Summary | None, kind: Kind | None, target: Target, lower_is_better: bool
) -> Judged:
    """The verdict on a record's values ``ours`` of the metric that ``target`` is of."""
    if kind is None:
        return Judged("smoke", "small stand-ins for the data: never compared")
    if not record.stable:
        alone = judge(ours, target, lower_is_better, kind) if ours else None
        by_itself = f"; by itself the number would be {alone.judgement}" if alone else ""
        return Judged("unstable", what_failed(record) + by_itself)
    if ours is None:
        return Judged("not run", "the number was not measured in this run")
    return judge(ours, target, lower_is_better, kind)


def what_failed(record: Record) -> str:
    """Which seeds failed, and how."""
    count = len(record.seeds)
    diverged = sum(seed.status != "ok" for seed in record.seeds)
    parts = [f"{diverged} of {count} seeds diverged"] if diverged else []
    warnings = [warning for seed in record.seeds for warning in seed.warnings]
    for warning in dict.fromkeys(warnings):
        parts.append(f"in {warnings.count(warning)} of {count} seeds {warning}")
    return "; ".join(parts)


def judge(ours: Summary, target: Target, lower_is_better: bool, kind: Kind) -> Judged:
    """The verdict on ``ours`` against ``target``, by the rules of full or of reduced runs."""
    if kind == "not comparable":
        return Judged("not comparable", "other images than the paper's were trained on")
    if ours.seeds < ENOUGH_SEEDS:
        return Judged("undecided", f"{ours.seeds} of at least {ENOUGH_SEEDS} seeds")
    margin, error = target.margin, target.standard_error
    found = mean_difference(ours, target.value, error, margin, lower_is_better)
    # A published value without a spread is one run: it has to lie outside of what one more run of
    # ours could give.
    assert ours.prediction is not None
    covered = ours.prediction[0] <= target.value <= ours.prediction[1]
    alike = target.single_run and covered
    worse = found.p_worse < LEVEL and not alike
    gap = f"difference {ours.mean - target.value:+.2f}, margin ±{margin:g}"
    if kind == "reduced":
        if found.p_not_worse < LEVEL:
            return Judged("already reached", f"{gap}: not worse by more than the margin", found)
        if worse:
            return Judged("not yet reached", f"{gap}: worse by more than the margin", found)
        return undecided(gap, ours, target, found, one_sided=True, alike=alike)
    if found.p_equivalent < LEVEL:
        return Judged("replicated", f"{gap}: within it by two one-sided tests", found)
    if worse or (found.p_better < LEVEL and not alike):
        which: Judgement = "worse" if worse else "better"
        return Judged(which, f"{gap}: beyond it (one-sided, 5 %)", found)
    if found.p_different < LEVEL and abs(found.value) <= margin and not alike:
        return Judged("different, within the margin", f"{gap}: significant (Welch, 5 %)", found)
    return undecided(gap, ours, target, found, one_sided=False, alike=alike)


def undecided(
    gap: str, ours: Summary, target: Target, found: MeanDifference, one_sided: bool, alike: bool
) -> Judged:
    """No test was conclusive: how many seeds would be, if the spread is as observed."""
    assert ours.standard_deviation is not None
    spread, error = ours.standard_deviation, target.standard_error
    needed = seeds_needed(spread, target.margin, error, one_sided)
    covered = "; one more run of ours could give the published value" if alike else ""
    more = needed if needed is not None and needed > ours.seeds else None
    hint = f"; {more} seeds would decide at this spread" if more else ""
    if needed is None:
        hint = "; no number of seeds would decide at this spread"
    return Judged("undecided", f"{gap}: inconclusive{covered}{hint}", found, more)


def margin_note(target: Target, ours: Summary | None) -> str:
    """What is said of a margin that no number of seeds can meet, or only very many."""
    if not target.margin_can_be_met:
        return "no number of seeds can meet the margin"
    if ours is None or ours.standard_deviation is None:
        return ""
    needed = seeds_needed(ours.standard_deviation, target.margin, target.standard_error)
    if needed is not None and needed <= MANY_SEEDS:
        return ""
    count = f"more than {MOST_SEEDS}" if needed is None else str(needed)
    return f"at the observed spread the margin needs {count} seeds"


# All numbers together


def score(verdicts: Sequence[Verdict], credit: dict[str, float]) -> tuple[float, int]:
    """What ``verdicts`` earn of their targets' weights, and all the weights together."""
    earned = sum(v.published.weight * credit.get(v.judgement, 0.0) for v in verdicts)
    return earned, sum(v.published.weight for v in verdicts)


def not_surviving(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those judged different that are not with the false discovery rate held at 5 %.

    The family is every number with a test of its difference (Benjamini and Hochberg).
    """
    tested = [v for v in verdicts if v.difference is not None]
    p_values = [v.difference.p_different for v in tested if v.difference]
    kept = discoveries(p_values)
    pairs = zip(tested, kept, strict=True)
    return [v for v, stays in pairs if v.judgement in DIFFERENT and not stays]
