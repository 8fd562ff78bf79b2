"""Published numbers beside ours, as the pages show them."""

from collections.abc import Iterator
from dataclasses import dataclass

from replication.evidence.published import Target, published
from replication.evidence.records import LEAST_CLASS, Record
from replication.evidence.run_kind import in_brief, run_kind
from replication.evidence.seeds import SeedResult
from replication.evidence.statistics import Summary
from replication.evidence.verdicts import Verdict
from replication.settings.experiments import experiments

from .curves import seed_name
from .drawing import Drawing
from .forest import Mark, Shape
from .names import name_of
from .page import Grid, anchor

MEANINGS = {
    "replicated": "A full run: the same within the margin declared beforehand (two one-sided "
    "tests, 5 %).",
    "better": "A full run: better by more than the margin (one-sided, 5 %).",
    "worse": "A full run: worse by more than the margin (one-sided, 5 %).",
    "different, within the margin": "A full run: a significant difference, no larger than the "
    "margin.",
    "already reached": "A reduced run: not worse by more than the margin, with less training than "
    "the paper's.",
    "not yet reached": "A reduced run: worse by more than the margin. It says nothing against the "
    "paper: the training was shorter, or the networks smaller.",
    "undecided": "No test is conclusive, or there are fewer than three seeds.",
    "unstable": "A seed diverged, reconstructs no better than the mean image, or finds a class in "
    f"less than {LEAST_CLASS:g} % of the test images.",
    "not comparable": "Trained on a part of the data or on other data: never judged.",
    "not run": "There is no record.",
}
GOOD = ("replicated", "better", "already reached")
BAD = ("worse", "not yet reached")
SOURCES = {
    "paper": "read in the paper itself",
    "secondhand": "another source quotes the paper",
    "memory": "from memory, unverified",
    "code": "a public replication labels it as the paper's",
    "guess": "a guess of ours",
}


@dataclass(frozen=True)
class Kind:
    """What a record is a run of, and in what it differs from the paper's settings."""

    word: Shape
    differences: list[str]


def kind_of(stored: Drawing, variant: str, record: Record) -> Kind:
    found = run_kind(record, experiments().settings_of("paper", stored.source, variant))
    return Kind(found.kind, in_brief(found.differences))


@dataclass(frozen=True)
class Outcome:
    """What became of a published number at a preset."""

    stored: Drawing
    judged: Verdict

    @property
    def target(self) -> Target:
        return self.judged.published

    @property
    def place(self) -> str:
        return self.target.place

    @property
    def metric(self) -> str:
        return self.judged.metric

    @property
    def record(self) -> Record | None:
        return self.stored.record(self.judged.variant)

    @property
    def ours(self) -> Summary | None:
        return self.judged.ours

    @property
    def word(self) -> str:
        return self.judged.judgement

    @property
    def verdict(self) -> str:
        return str(self.judged)

    @property
    def reason(self) -> str:
        return self.judged.reason[:1].upper() + self.judged.reason[1:]

    @property
    def unit(self) -> str:
        return name_of(self.metric).unit

    @property
    def published(self) -> str:
        return f"{self.target} {self.unit}".strip()

    @property
    def anchor(self) -> str:
        """Where the page has the evidence, or else the item."""
        item, preset = self.stored.item, self.stored.preset
        return item if self.record is None else anchor(preset, item, self.judged.variant)

    @property
    def when(self) -> str:
        return f"after epoch {self.target.epoch}" if self.target.epoch else "after training"

    @property
    def differences(self) -> str:
        """In what the run differs from the paper's settings, up to the number's epoch."""
        return "; ".join(in_brief(self.judged.differences))

    def spread(self) -> str:
        """Mean and standard deviation with the number of seeds."""
        return of_seeds(self.ours) if self.ours else ""

    def interval(self) -> str:
        if self.ours is None or self.ours.interval is None:
            return "no interval"
        low, high = self.ours.interval
        return f"{low:.2f} to {high:.2f}"

    def mark(self) -> Mark | None:
        """Its place in the forest plot; None without a number of ours."""
        kind = self.judged.kind
        if self.ours is None or kind is None:
            return None
        text = f"{self.place}: ours {self.spread()}, published {self.published}: {self.verdict}"
        return scaled(self.ours, self.judged, kind, text, self.anchor)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The published number, ours, the rule, and what came of it."""
        target = self.target
        pairs = [("published", f"{self.published} ({target.source}: {target.cite})")]
        if self.ours:
            text = f"{self.spread()} {self.unit}, {self.when}; 95 % interval {self.interval()}"
            pairs.append(("ours", text))
            if self.ours.prediction:
                low, high = self.ours.prediction
                pairs.append(("one more run of ours", f"{low:.2f} to {high:.2f} (95 %)"))
        pairs.append(("margin", f"±{target.margin:g} {self.unit}. {target.margin_reason}"))
        if self.differences:
            pairs.append(("differs from the paper in", self.differences))
        pairs.append(("verdict", f"{self.verdict}. {self.reason}."))
        return pairs

    @property
    def per_seed(self) -> Grid | None:
        """The values that the published number is compared with."""
        if self.record is None or self.ours is None:
            return None
        columns, row = [name_of(self.metric).full], [self.when]
        for seed in self.record.seeds:
            columns.append(seed_name(seed.seed, seed.label_seed))
            value = self.value_of(seed)
            row.append("—" if value is None else f"{value:,.2f}")
        return Grid(f"{self.place} ({self.stored.preset}), seed by seed", columns, [row])

    def value_of(self, seed: SeedResult) -> float | None:
        """As it is judged: at the target's epoch, of a seed that did not diverge."""
        if seed.status != "ok":
            return None
        if self.target.epoch is None:
            return seed.metrics.get(self.metric)
        rows = [row for row in seed.history if row["epoch"] == self.target.epoch]
        return rows[0].get(self.metric) if rows else None


def of_seeds(ours: Summary) -> str:
    spread = "" if ours.standard_deviation is None else f" ± {ours.standard_deviation:.2f}"
    return f"{ours.mean:.2f}{spread} (n = {ours.seeds})"


def scaled(ours: Summary, judged: Verdict, shape: Shape, text: str, where: str) -> Mark:
    """Our mean minus the published number in margins; what is positive is worse."""
    target, sign = judged.published, 1 if judged.lower_is_better else -1

    def place(value: float) -> float:
        return sign * (value - target.value) / target.margin

    ends = None
    if ours.interval is not None:
        low, high = sorted(place(end) for end in ours.interval)
        ends = low, high
    return Mark(shape, place(ours.mean), ends, text, where)


def outcomes(stored: Drawing) -> list[Outcome]:
    """Of each number that is published of the item, in the order of published.yaml."""
    return [Outcome(stored, verdict) for verdict in stored.verdicts()]


def outcomes_of(stored: Drawing, variant: str) -> list[Outcome]:
    """Of the numbers that the records of a variant are compared with."""
    return [outcome for outcome in outcomes(stored) if outcome.judged.variant == variant]


def numbers_of(other_papers: bool) -> Iterator[tuple[str, str]]:
    """(item, name) of every number of the paper that is replicated, or of the other papers."""
    for item, content in published().items.items():
        for name, target in content.targets.items():
            if target.of_other_papers == other_papers:
                yield item, name
