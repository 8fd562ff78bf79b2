"""The report: one page with every published number, ours beside it, and the evidence for both.

It is made from what is stored: records, verdicts, drawn tables and figures. The page needs no
network: style, script and images are inside it, and its own policy forbids it to load anything.
"""

import csv
import math
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.evidence.published import Target, published
from replication.evidence.records import RESULTS, Record, SeedResult
from replication.evidence.statistics import ENOUGH_SEEDS, Summary
from replication.evidence.verdicts import Comparison, Verdict, measured
from replication.settings.experiments import Variant, experiments

from .curves import curves
from .drawing import FIGURES, Drawing
from .html import Html, anchor, badge, definitions, element, image, joined, scrolling, table
from .report_speed import speed
from .speed import MEASURED

REPORT = Path("results/report.html")
TITLE = "Adversarial Autoencoders (Makhzani et al., 2015): was it replicated?"
COMPARED = ("quick", "paper")
PRESETS = {
    "paper": "paper: the paper's schedule, taken literally",
    "quick": "quick: the paper's networks and data, the schedule cut short",
    "smoke": "smoke: small digits, never compared",
}
JUDGEMENTS = {
    "replicated": "our mean equals the published one within the margin declared beforehand "
    "(two one-sided tests, 5 %)",
    "better": "our mean differs from the published one, for the better (Welch's test, 5 %)",
    "worse": "the same, for the worse",
    "undecided": f"fewer than {ENOUGH_SEEDS} seeds, or no test is conclusive",
    "unstable": "a seed diverged, or did no better than answering the mean image",
    "not run": "there is no record at this preset",
    "not compared": "there is a record, but no verdict on it yet",
}
LIMITS = {
    "(target unconfirmed)": "the published value was not read in the paper itself",
    "(subset (n))": "only a part of the dataset was used, n images to train on",
    "(stale)": "the settings or the training code have changed since the run",
}
SOURCES = {
    "paper": "read in the paper itself",
    "secondhand": "another source quotes the paper",
    "memory": "recalled, no source at hand",
    "code": "a public replication labels it as the paper's",
    "guess": "a guess of ours",
}


class Outcome(NamedTuple):
    """What became of a variant: ``word`` names its colour, ``verdict`` is what is read."""

    word: str
    verdict: str
    reason: str
    ours: Summary | None = None


class Stored(Drawing):
    """What is stored of an item at a preset."""

    def verdict(self, target: str) -> Verdict | None:
        """What ``compare`` stored, or None if it did not."""
        path = self.results / self.preset / "verdicts" / f"{self.item}.json"
        if not path.exists():
            return None
        try:
            comparison = Comparison.model_validate_json(path.read_bytes())
        except ValidationError as error:
            remedy = f"run python -m replication.{self.item} compare --preset {self.preset}"
            problem = f"{path} is damaged: {error.errors()[0]['msg']}"
            raise UserError(problem, remedy) from None
        return next((v for v in comparison.verdicts if v.target == target), None)

    def outcome(self, name: str) -> Outcome:
        """Of the published number ``name``; an empty one for a variant that has none."""
        target, variant = target_of(self.item, name), variant_of(self.item, name)
        record = self.record(variant)
        if record is None:
            return Outcome("not run", "not run", variants_of(self.item)[variant].not_run or "")
        if target is None:
            return Outcome("", "", "")
        verdict = self.verdict(name)
        if verdict is None or not speaks_of(verdict, record, target):
            command = f"python -m replication.{self.item} compare --preset {self.preset}"
            return Outcome("not compared", "not compared", f"run {command}")
        # Training code may have changed after `compare` ran.
        verdict = verdict.model_copy(update={"stale": self.stale(variant)})
        return Outcome(verdict.judgement, str(verdict), verdict.reason, verdict.ours)


def variants_of(item: str) -> dict[str, Variant]:
    return experiments().items[item].variants


def target_of(item: str, name: str) -> Target | None:
    content = published().items.get(item)
    return content.targets.get(name) if content else None


def variant_of(item: str, name: str) -> str:
    """The variant that a published number judges; a variant's own name is its own."""
    target = target_of(item, name)
    return (target.variant if target else None) or name


def speaks_of(verdict: Verdict, record: Record, target: Target) -> bool:
    """The verdict is on this record and this published value, not on earlier ones."""
    values = measured(record, verdict.metric, target.epoch)
    mean = math.fsum(values) / len(values) if values else None
    judged = verdict.ours.mean if verdict.ours else None
    return (
        verdict.published == target
        and judged == mean
        and (verdict.judgement != "not run" or mean is None)
    )


def write_report(
    path: Path = REPORT,
    results: Path = RESULTS,
    figures: Path = FIGURES,
    measured: Path = MEASURED,
) -> None:
    """Write the page; what was not run, drawn or ``measured`` (the benches) is said to be so."""
    stored = {(p, i): Stored(p, i, results, figures) for p in PRESETS for i in experiments().items}
    last = speed(measured, results, figures)
    write_atomically(path, page(stored, last).encode())


def page(stored: dict[tuple[str, str], Stored], last: Html) -> str:
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    # Nothing but what is in the page may load or run, even if an escape were forgotten.
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    script_hash = b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{script_hash}'"
    )
    body = joined([introduction(), numbers(stored), legend()])
    body = joined([body, *(section(item, stored) for item in experiments().items), last])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(TITLE)}</title>
<style>
{style}</style>
</head>
<body>
<main>{body}</main>
<script>{script}</script>
</body>
</html>
"""


def introduction() -> Html:
    about = (
        "The experiments of arXiv:1511.05644 were run again; this page sets each number that the "
        "paper reports beside ours. Every number of ours leads to its record: settings, data, "
        "seeds and learning curves."
    )
    items = (
        element("li", element("a", content.title, href=f"#{item}"))
        for item, content in experiments().items.items()
    )
    speed_too = element("li", element("a", "Speed", href="#speed"))
    contents = element("nav", element("ul", *items, speed_too), aria_label="Tables and figures")
    return element("header", element("h1", TITLE), element("p", about), contents)


def numbers(stored: dict[tuple[str, str], Stored]) -> Html:
    """All published numbers, with ours at each preset that compares, and how many came out how."""
    targets = [(i, v) for i, content in published().items.items() for v in content.targets]
    presets = [element("th", p, colspan=2, scope="colgroup", class_="first") for p in COMPARED]
    fixed = [element("th", c, rowspan=2, scope="col") for c in ("place", "published")]
    ours = joined(["ours: mean ± deviation", element("small", "95 % interval of the mean")])
    second = [element("th", c, scope="col") for _ in COMPARED for c in (ours, "verdict")]
    head = element("thead", element("tr", *fixed, *presets), element("tr", *second))
    rows = []
    for item, name in targets:
        cells = [cell for p in COMPARED for cell in own_cells(stored[p, item], name)]
        rows.append(element("tr", *published_cells(item, name), *cells))
    title = "Published numbers and ours"
    whole = scrolling(head + element("tbody", *rows), title)
    counts = element("ul", *tallies(stored, targets), class_="tally")
    return element("section", element("h2", title), counts, whole, class_="numbers")


def tallies(
    stored: dict[tuple[str, str], Stored], targets: list[tuple[str, str]]
) -> Iterator[Html]:
    """How many numbers of the paper, and of other papers, came out how at each preset."""
    for preset in COMPARED:
        for whose in ("the paper", "other papers"):
            other = whose == "other papers"
            own = [
                (i, v)
                for i, v in targets
                if published().items[i].targets[v].of_other_papers == other
            ]
            words = [stored[preset, i].outcome(v).word for i, v in own]
            shown = [
                badge(word if n else "none", f"{n} {word}")
                for word in JUDGEMENTS
                if (n := words.count(word)) or word != "not compared"
            ]
            of_all = f" ({len(own)} numbers of {whose}): "
            yield element("li", element("strong", preset), of_all, Html(" ".join(shown)))


def published_cells(item: str, name: str) -> list[Html]:
    content = published().items[item]
    target = content.targets[name]
    place = element("a", target.place, href=f"#{item}")
    mark = element("small", f"{target.source}: {target.cite}")
    value = element("td", f"{target} {content.unit}", mark)
    return [element("th", place, scope="row"), value]


def own_cells(stored: Stored, name: str) -> list[Html]:
    """Our mean with its interval, and the verdict."""
    outcome = stored.outcome(name)
    reason = [element("small", outcome.reason)] if outcome.reason else []
    verdict = [badge(outcome.word, outcome.verdict), *reason]
    if outcome.word == "not run":
        return [element("td", *verdict, colspan=2, class_="first")]
    record = anchor(stored.preset, stored.item, variant_of(stored.item, name))
    link = element("a", spread(outcome.ours), href=f"#{record}")
    interval = outcome.ours.interval if outcome.ours else None
    bounds = f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "no interval"
    cell = element("td", link, element("small", bounds), class_="number first")
    return [cell, element("td", *verdict, class_="reason")]


def spread(ours: Summary | None) -> str:
    if ours is None:
        return "see the record"
    deviation = "" if ours.standard_deviation is None else f" ± {ours.standard_deviation:.2f}"
    return f"{ours.mean:.2f}{deviation} (n = {ours.seeds})"


def legend() -> Html:
    words = [*((badge(w, w), meaning) for w, meaning in JUDGEMENTS.items()), *LIMITS.items()]
    marks = element("h3", "Marks of published values")
    return element(
        "section",
        element("h2", "How to read it"),
        element("h3", "Verdicts"),
        definitions(words),
        marks,
        definitions(SOURCES.items()),
    )


def section(item: str, stored: dict[tuple[str, str], Stored]) -> Html:
    described = experiments().items[item]
    parts = [element("h2", described.title)]
    if described.reading:
        parts.append(element("p", element("strong", "Our reading. "), described.reading))
    for preset, meaning in PRESETS.items():
        heading, content = element("h3", meaning), preset_part(stored[preset, item])
        if preset == "smoke":
            inside = element("div", content, class_="inside")
            parts.append(element("details", element("summary", heading), inside))
        else:
            parts += [heading, content]
    return element("section", *parts, id=item)


def preset_part(stored: Stored) -> Html:
    """The tables and figures of an item at a preset, and the records behind them."""
    found = {v: stored.record(v) for v in variants_of(stored.item)}
    if found and not any(found.values()):
        return element("p", badge("not run", "not run"), " no variant has a record at this preset.")
    parts = [drawn(stored, kind) for kind in stored.description.draws]
    for variant, record in found.items():
        if record is not None:
            parts.append(evidence(stored, variant, record))
            continue
        reason = variants_of(stored.item)[variant].not_run
        because = f": {reason}" if reason else ""
        text = (badge("not run", "not run"), " ", element("code", variant), because)
        parts.append(element("p", *text))
    return joined(parts)


def drawn(stored: Stored, kind: str) -> Html:
    """The picture, or the table made from its .csv, with the texts around it from its .md."""
    path = stored.stem.with_suffix(".png" if kind == "figure" else ".csv")
    if not path.exists():
        command = f"python -m replication.{stored.item} draw --preset {stored.preset}"
        return element("p", f"This {kind} is not drawn; run ", element("code", command))
    if kind == "figure":
        places = ", ".join(v.place for v in variants_of(stored.item).values())
        alt = f"{stored.description.title}: {places} ({stored.preset})"
        return image(path.read_bytes(), alt)
    with path.open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    around = path.with_suffix(".md")
    lines = around.read_text(encoding="utf-8").splitlines() if around.exists() else []
    texts = [line.strip("*") for line in lines if line and not line.startswith("|")]
    caption, notes = (texts[0], texts[1:]) if texts else (stored.description.title, [])
    return joined(
        [
            element("p", element("strong", caption)),
            table(columns, rows, caption),
            *(element("p", element("small", note)) for note in notes),
        ]
    )


def evidence(stored: Stored, variant: str, record: Record) -> Html:
    """All of a record, folded: what was run, on what, and what every seed gave."""
    outcome = stored.outcome(variant)
    title = [f"record of {variant}, {variants_of(stored.item)[variant].place} "]
    if outcome.word:
        title += [f"— {spread(outcome.ours)} ", badge(outcome.word, outcome.verdict)]
    values = record.settings.model_dump(exclude_none=True)
    settings = yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=100)
    inside = element(
        "div",
        facts(stored, variant, record),
        element("h4", "Learning curves"),
        curves(record),
        element("h4", "Seeds"),
        seed_table(record),
        element("h4", "Settings"),
        element("pre", settings, tabindex=0),
        class_="inside",
    )
    summary = element("summary", *title)
    identifier = anchor(stored.preset, stored.item, variant)
    return element("details", summary, inside, id=identifier)


def facts(stored: Stored, variant: str, record: Record) -> Html:
    data, outcome = record.dataset, stored.outcome(variant)
    size = f"{data.train:,} training images" + (f", {data.limit}" if data.limit else "")
    stale = stored.stale(variant)
    pairs: list[tuple[object, object]] = []
    if target := target_of(stored.item, variant):
        unit = published().items[stored.item].unit
        pairs.append(("published", f"{target} {unit} ({target.source}: {target.cite})"))
        pairs.append(("margin", f"±{target.margin:g}. {target.margin_reason}"))
        pairs.append(("verdict", f"{outcome.verdict}: {outcome.reason}"))
    pairs.append(("dataset", f"{data.name}: {size}, {data.test:,} test images"))
    pairs.append(("dataset sha256", element("code", data.sha256)))
    pairs.append(("settings hash", element("code", record.training_hash)))
    pairs.append(("code hash", element("code", record.code_hash)))
    pairs.append(("stale", "yes: settings or training code have changed since" if stale else "no"))
    return definitions(pairs)


def seed_table(record: Record) -> Html:
    metrics = list(dict.fromkeys(name for seed in record.seeds for name in seed.metrics))
    columns = ["seed", "label seed", "status", "warnings", *metrics, "seconds", "updates"]
    columns += ["device", "threads", "precision", "commit", "W&B id", "started"]
    rows = [seed_row(seed, metrics) for seed in record.seeds]
    return table(columns, rows, f"Seeds of {record.variant}")


def seed_row(seed: SeedResult, metrics: list[str]) -> list[object]:
    made = seed.provenance
    values = [f"{seed.metrics[m]:.5g}" if m in seed.metrics else "—" for m in metrics]
    commit = (made.commit[:12] or "—") + (" (dirty)" if made.dirty else "")
    warnings = "; ".join(seed.warnings) or "—"
    row: list[object] = [seed.seed, seed.label_seed, seed.status, warnings, *values]
    row += [f"{made.seconds:.1f}", f"{made.updates:,}", made.device, made.threads, made.precision]
    return [*row, commit, made.wandb_id or "—", made.started]
