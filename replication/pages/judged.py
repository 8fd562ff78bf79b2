"""Published numbers beside ours, as the pages show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from replication.evidence.published import Ours, Target, Verdict, published
from replication.evidence.records import Record, SeedResult
from replication.evidence.run_kind import in_brief, run_kind
from replication.settings.experiments import experiments

from .curves import seed_name
from .drawing import Drawing
from .forest import Mark, Shape
from .names import name_of
from .page import Grid, anchor

MEANINGS = {
    "replicated": "the same as the published number within the margin declared beforehand (two "
    "one-sided tests, 5 %)",
    "better": "better than the published number (Welch's test, 5 %)",
    "worse": "worse than the published number (Welch's test, 5 %); of a reduced run it says that "
    "the number is not reached with less training, not that the paper is wrong",
    "undecided": "fewer than three seeds, or no test is conclusive",
    "unstable": "a seed diverged, or reconstructs no better than the mean image",
    "not run": "there is no record",
}
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


def kind_of(stored: Drawing, variant: str, record: Record, epoch: int | None = None) -> Kind:
    """Of the whole training, or of what comes before ``epoch``."""
    paper = experiments().settings_of("paper", stored.source, variant)
    found = run_kind(record, paper, epoch)
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
    def ours(self) -> Ours | None:
        return self.judged.ours

    @property
    def word(self) -> str:
        return self.judged.judgement

    @property
    def verdict(self) -> str:
        return str(self.judged)

    @property
    def reason(self) -> str:
        return self.judged.reason

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

    @cached_property
    def kind(self) -> Kind | None:
        if self.record is None:
            return None
        return kind_of(self.stored, self.judged.variant, self.record, self.target.epoch)

    def spread(self) -> str:
        """Mean and standard deviation with the number of seeds."""
        if self.ours is None:
            return ""
        deviation = "" if self.ours.deviation is None else f" ± {self.ours.deviation:.2f}"
        return f"{self.ours.mean:.2f}{deviation} (n = {self.ours.seeds})"

    def interval(self) -> str:
        if self.ours is None or self.ours.interval is None:
            return "no interval"
        low, high = self.ours.interval
        return f"{low:.2f} to {high:.2f}"

    def mark(self) -> Mark | None:
        """Its place in the forest plot; None without a number of ours."""
        if self.ours is None or self.kind is None or self.stored.preset == "smoke":
            return None
        text = f"{self.place}: ours {self.spread()}, published {self.published}: {self.verdict}"
        return scaled(self.ours, self.target, self.sign, self.kind.word, text, self.anchor)

    @property
    def sign(self) -> int:
        return 1 if published().items[self.stored.item].lower_is_better else -1

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The published number, ours, the rule, and what came of it."""
        target = self.target
        pairs = [("published", f"{self.published} ({target.source}: {target.cite})")]
        if self.ours:
            text = f"{self.spread()} {self.unit}, {self.when}; 95 % interval {self.interval()}"
            pairs.append(("ours", text))
        pairs.append(("margin", f"±{target.margin:g} {self.unit}. {target.margin_reason}"))
        pairs.append(("verdict", f"{self.verdict}: {self.reason}"))
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
        return Grid(f"{self.place}, seed by seed", columns, [row])

    def value_of(self, seed: SeedResult) -> float | None:
        """As it is judged: at the target's epoch, of a seed that did not diverge."""
        if seed.status != "ok":
            return None
        if self.target.epoch is None:
            return seed.metrics.get(self.metric)
        rows = [row for row in seed.history if row["epoch"] == self.target.epoch]
        return rows[0].get(self.metric) if rows else None


def scaled(ours: Ours, target: Target, sign: int, shape: Shape, text: str, where: str) -> Mark:
    """Our mean minus the published number in margins; what is positive is worse."""

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
        if content.of_other_papers == other_papers:
            for name in content.targets:
                yield item, name
