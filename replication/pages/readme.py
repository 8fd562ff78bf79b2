"""What README.md says of results, made from the records: three blocks between marks."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.evidence.published import published
from replication.evidence.records import RESULTS
from replication.evidence.verdicts import Verdict
from replication.settings.experiments import experiments

from .drawing import Drawing
from .in_minutes import minutes_section
from .report_numbers import COMPARED, Numbers
from .report_summary import many_tests, score_sentence, sentences

README = Path("README.md")


def sentences_section(results: Path = RESULTS) -> str:
    """What came out, in three sentences, as the report begins."""
    stored = {
        item: {preset: Drawing(preset, item, results) for preset in COMPARED}
        for item in experiments().items
    }
    return "\n".join(f"- {sentence}" for sentence in sentences(Numbers(stored))) + "\n"


def results_section(results: Path = RESULTS) -> str:
    """What came out in a few lines, full and reduced runs apart; then a row for each number."""
    best = best_verdicts(results)
    header = ["published number", "value", "source", "ours (mean ± s.d. over seeds)", "seeds"]
    header += ["begun", "verdict"]
    rows = ["| " + " | ".join(row(verdict)) + " |" for verdict in best]
    table = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|", *rows]
    return "\n".join([*summary_lines(best), "", *table]) + "\n"


def best_verdicts(results: Path = RESULTS) -> list[Verdict]:
    """The verdict on each published number, of the most literal preset that was run."""
    found = []
    for item in published().items:
        versions = [Drawing(preset, item, results).verdicts() for preset in COMPARED]
        for same in zip(*versions, strict=True):
            found.append(next((v for v in same if v.ours is not None), same[-1]))
    return found


def summary_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Full and reduced runs counted apart; the paper's numbers apart from those of others."""
    lines = []
    for others, whose in ((False, "the paper"), (True, "other papers")):
        own = [v for v in verdicts if v.published.of_other_papers == others]
        lines.append(f"**Of {len(own)} numbers of {whose}:** {'; '.join(counted(own))}.  ")
    paper = [v for v in verdicts if not v.published.of_other_papers]
    lines.append(f"**Score**, {score_sentence(paper)}  ")
    lines.append(
        "*Reduced* runs (preset `quick`, on a CPU) differ from the paper as their rows say: "
        "they can show that a number is within reach, never that the paper is wrong.  "
    )
    unconfirmed = sum(not v.published.confirmed for v in paper)
    lines.append(
        f"{unconfirmed} of the {len(paper)} published values were not read in the paper itself: "
        "`python -m replication published --check` says where to look.  "
    )
    lines.append(f"{many_tests(verdicts)}  ")
    notes = [f"{v.place} ({v.margin_note.rpartition('needs ')[2]})" for v in paper if v.margin_note]
    if notes:
        named = "; ".join(notes)
        lines.append(
            f"Margins that more than 100 seeds would be needed for, as full runs: {named}."
        )
    return lines


def counted(verdicts: Sequence[Verdict]) -> list[str]:
    """How many verdicts of each kind of run, such as "3 full runs (1 replicated, 2 undecided)"."""
    texts = []
    for kind, name in (("full", "full"), ("reduced", "reduced"), ("not comparable", "other")):
        own = Counter(v.judgement for v in verdicts if v.kind == kind and v.ours is not None)
        if own:
            parts = ", ".join(f"{n} {judgement}" for judgement, n in own.most_common())
            plural = "s" if own.total() > 1 else ""
            texts.append(f"{own.total()} {name} run{plural} ({parts})")
    missing = sum(v.ours is None for v in verdicts)
    return [*texts, f"{missing} not run"] if missing else texts


def row(verdict: Verdict) -> list[str]:
    value, seeds = ours_of(verdict)
    published_value, source = verdict.published.described(), verdict.published.source
    begun = verdict.trained[:10] if verdict.ours else "—"
    return [verdict.place, published_value, source, value, seeds, begun, str(verdict)]


def ours_of(verdict: Verdict) -> tuple[str, str]:
    """Our mean with its spread, and the number of seeds."""
    if verdict.ours is None:
        return "—", "—"
    mean, spread = verdict.ours.mean, verdict.ours.standard_deviation
    text = "" if spread is None else f" ± {spread:.2f}"
    return f"{mean:.2f}{text}", str(verdict.ours.seeds)


BLOCKS: dict[str, Callable[[Path], str]] = {
    "sentences": sentences_section,
    "minutes": minutes_section,
    "results": results_section,
}


def marks(name: str) -> tuple[str, str]:
    """What stands before and after a block."""
    begin = f"<!-- {name}: generated by `python -m replication readme` -->\n"
    return begin, f"<!-- end of {name} -->\n"


def with_results(text: str, results: Path = RESULTS) -> str:
    """``text`` with what stands between the marks of each block made anew."""
    for name, content in BLOCKS.items():
        begin, end = marks(name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise UserError(f"README.md has lost the marks of its {name}", "restore them")
        text = f"{before}{begin}{content(results)}{end}{after}"
    return text


def write_readme(path: Path = README, results: Path = RESULTS) -> None:
    """Renew the table in ``path``; a UserError where that file is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "run it in the folder of the suite") from None
    write_atomically(path, with_results(text, results).encode())
