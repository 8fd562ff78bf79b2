"""The report's first screen: sentences, forest plot, tallies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from replication.evidence.records import Record
from replication.evidence.seeds import SeedResult
from replication.evidence.statistics import summary as summary_of
from replication.evidence.verdicts import CREDIT, REACHED, Verdict, not_surviving, score
from replication.settings.experiments import experiments

from .forest import Mark, Row
from .judged import BAD, GOOD, MEANINGS, Outcome, numbers_of, of_seeds, scaled
from .page import anchor
from .report_numbers import COMPARED, Numbers, Stored

OURS = "ours_"
# Of the recipes with warps: the permutation-invariant ones, as the paper's are.
WITHOUT_WARPS = {"clusters_16": "invariant_16", "clusters_30": "invariant_30"}


@dataclass(frozen=True)
class Tally:
    """How many numbers came out how."""

    text: str
    counts: list[tuple[str, int]]


@dataclass(frozen=True)
class Summary:
    """What the first screen shows."""

    sentences: list[str]
    forest: list[Row]
    forest_of_others: list[Row]
    tallies: list[Tally]


def summary(stored: Stored) -> Summary:
    numbers = Numbers(stored)
    return Summary(
        sentences=sentences(numbers),
        forest=[row(numbers, *number) for number in numbers_of(False)],
        forest_of_others=[row(numbers, *number) for number in numbers_of(True)],
        tallies=tallies(numbers),
    )


def row(numbers: Numbers, item: str, name: str) -> Row:
    best = numbers.best(item, name)
    marks = [m for p in numbers.presets if (m := numbers.by_name[item, name, p].mark())]
    if (own := recipe(numbers.stored, best)) is not None:
        marks.append(own)
    return Row(best.place, best.anchor, marks, best.word)


def recipe(stored: Stored, outcome: Outcome) -> Mark | None:
    """Of the recipe of ours for the number."""
    record = recipe_record(stored, outcome)
    if record is None:
        return None
    ours = summary_of(record.values(outcome.metric))
    text = f"{outcome.place}: recipe of ours {of_seeds(ours)}"
    where = anchor(record.preset, record.item, record.variant)
    return scaled(ours, outcome.judged, "ours", text, where)


def recipe_record(stored: Stored, outcome: Outcome, variant: str = "") -> Record | None:
    """That of an item "ours_..." of the same subject, on the whole data.

    By the variant's name, or another ``variant``.
    """
    _, _, subject = outcome.stored.item.partition("_")
    item, variant = f"{OURS}{subject}", variant or outcome.judged.variant
    known = item in stored and variant in experiments().items[item].variants
    if not known or outcome.target.epoch is not None:
        return None
    for preset in COMPARED:
        record = stored[item][preset].record(variant)
        if record and not record.dataset.subset and record.values(outcome.metric):
            return record
    return None


def tallies(numbers: Numbers) -> list[Tally]:
    """How many numbers of the paper, and of other papers, came out how; the score."""
    found = []
    for other_papers, whose in ((False, "the paper"), (True, "other papers")):
        every = numbers.every(other_papers)
        words = [outcome.word for outcome in every]
        counts = [(word, words.count(word)) for word in MEANINGS if word in words]
        found.append(Tally(f"Of {len(every)} numbers of {whose}:", counts))
    verdicts = [outcome.judged for outcome in numbers.every(other_papers=False)]
    found.append(Tally(f"Score, {score_sentence(verdicts)}", []))
    tested = [*verdicts, *(outcome.judged for outcome in numbers.every(other_papers=True))]
    found.append(Tally(many_tests(tested), []))
    return found


def many_tests(verdicts: Sequence[Verdict]) -> str:
    """Which differences would not stand if the false discovery rate were held at 5 %."""
    tested = sum(v.difference is not None for v in verdicts)
    places = ", ".join(v.place for v in not_surviving(verdicts))
    kept = f"these differences would not stand: {places}" if places else "all differences stand"
    return f"With the false discovery rate held at 5 % over {tested} tests, {kept}."


def score_sentence(verdicts: Sequence[Verdict]) -> str:
    """What full runs earn of the weights of their numbers, and what reduced runs reach."""
    full, weight = score([v for v in verdicts if v.kind == "full"], CREDIT)
    reached, total = score(verdicts, REACHED)
    return (
        f"weighted by claim: full runs earn {full:g} of the {weight} that they could (of {total} "
        f"in all); reduced runs have reached numbers worth {reached:g}."
    )


def sentences(numbers: Numbers) -> list[str]:
    """What was run and came out; what is near and what is far; what limits both."""
    every = numbers.every(other_papers=False)
    run = [o for o in every if o.ours is not None]
    if not run:
        return [f"None of the paper's {len(every)} numbers has been run yet."]
    spans = near_and_far(run) + of_recipes(numbers, every)
    return [came_out(run, len(every)), spans, limits(numbers, every)]


def came_out(run: Sequence[Outcome], total: int) -> str:
    reduced = [o for o in run if o.judged.kind != "full"]
    how = "With the paper's settings,"
    if len(reduced) > len(run) / 2:
        share = training_share(reduced)
        how = f"With {share} of the paper's epochs in the median (most runs are reduced),"
    judged = [o for o in run if o.word != "not comparable"]
    words = [o.word for o in judged]
    good = sum(word in GOOD for word in words)
    bad = sum(word in BAD for word in words)
    rest = len(judged) - good - bad
    return (
        f"{how} {good} of the {len(judged)} numbers that can be compared (of {total}) match or "
        f"beat the paper's within the margin, {bad} fall short, and {rest} are not decided."
    )


def training_share(run: Sequence[Outcome]) -> str:
    """The median share of the paper's epochs, in words."""
    shares = []
    for outcome in run:
        record = outcome.record
        assert record is not None
        paper = experiments().settings_of("paper", record.item, record.variant)
        shares.append(record.settings.epochs / (outcome.target.epoch or paper.epochs))
    middle = min(1.0, median(shares))
    return f"about {100 * middle:.1g} %" if middle < 0.095 else f"{100 * middle:.0f} %"


def near_and_far(run: Sequence[Outcome]) -> str:
    """The closest and the farthest of what the paper itself is about, by margins."""
    placed = [(abs(m.value), o) for o in run if (m := o.mark()) and m.shape != "not comparable"]
    claims = [pair for pair in placed if pair[1].target.weight == 3]
    where = ""
    if len(claims) > 1:  # baselines, points of curves and pictures are no claims
        placed, where = claims, "Of the paper's main numbers "
    if len(placed) < 2:
        return "Too little was run to say what is near."
    placed.sort(key=lambda pair: pair[0])
    near, far = placed[0][1], placed[-1][1]
    return f"{where}{'closest' if where else 'Closest'} is {told(near)}; farthest is {told(far)}."


def of_recipes(numbers: Numbers, every: Sequence[Outcome]) -> str:
    """Of how many published numbers a recipe of ours has a better mean, and by which means."""
    marks = [mark for outcome in every if (mark := recipe(numbers.stored, outcome))]
    if not marks:
        return ""
    records = [recipe_record(numbers.stored, outcome) for outcome in every]
    warped = sum(record is not None and record.settings.warps is not None for record in records)
    means = ""
    if warped:
        means = f"; {warped} of these use random warps of images, as the paper does not"
    if plain := without_warps(numbers.stored, every):
        means += f" (without warps {sum(plain)} of {len(plain)} are better)"
    own = [tuple(r.values(o.metric)) for r, o in zip(records, every, strict=True) if r]
    if repeated := len(own) - len(set(own)):
        means += (
            f"; {repeated} of the {len(marks)} repeat{'s' * (repeated == 1)} the errors of another"
        )
    return (
        " Recipes of ours, which are no replication, have a better mean in "
        f"{sum(mark.value < 0 for mark in marks)} of {len(marks)} numbers of whole data sets"
        f"{means}."
    )


def without_warps(stored: Stored, every: Sequence[Outcome]) -> list[bool]:
    """Of each recipe that has a permutation-invariant row, too: whether its mean is better."""
    found = []
    for outcome in every:
        variant = WITHOUT_WARPS.get(outcome.judged.variant)
        record = recipe_record(stored, outcome, variant) if variant else None
        if record is not None:
            ours = summary_of(record.values(outcome.metric))
            found.append(scaled(ours, outcome.judged, "ours", "", "").value < 0)
    return found


def told(outcome: Outcome) -> str:
    assert outcome.ours is not None
    unit, target = f" {outcome.unit}" if outcome.unit else "", outcome.target
    paper = f"{target.value:.{target.digits}f}{unit}"
    return f"{outcome.place} ({outcome.ours.mean:.2f}{unit}, paper {paper})"


def limits(numbers: Numbers, every: Sequence[Outcome]) -> str:
    sources = [o.target.source for o in every if o.target.source != "paper"]
    recalled = sources.count("memory")
    text = (
        f"Of {len(every)} published numbers {len(sources) - recalled} are quoted from others and "
        f"{recalled} recalled from memory, since the paper itself could not be consulted. "
    )
    source = text if sources else ""
    if "paper" not in numbers.presets:
        return source + "No training of the paper's whole length (preset paper) has been run."
    full = sum(1 for _ in numbers.at("paper", False))
    return source + f"Of the paper's full schedule {full} of {len(every)} numbers have been run."


def seeds_stored(stored: Stored) -> Iterator[tuple[str, SeedResult]]:
    """Every seed of every record, with its preset."""
    for item, by_preset in stored.items():
        for preset, drawing in by_preset.items():
            for variant in experiments().items[item].variants:
                if (record := drawing.record(variant)) is not None:
                    yield from ((preset, seed) for seed in record.seeds)


def newest(stored: Stored) -> str:
    """The day of the newest run."""
    return max((s.provenance.started[:10] for _, s in seeds_stored(stored)), default="no day")


def presets_that_ran(stored: Stored) -> list[str]:
    return list(dict.fromkeys(preset for preset, _ in seeds_stored(stored)))
