"""The report's section on speed: what the benches measured, beside the goals of speed.yaml."""

from pathlib import Path
from statistics import mean

from replication.evidence.records import Machine, Record

from .drawing import Drawing
from .html import Html, anchor, badge, definitions, element, image, joined, table
from .speed import (
    LOOP,
    PYTHAE,
    OneModel,
    Precision,
    Rivals,
    StartToEnd,
    Step,
    goals,
    measured,
    reached,
)

ABOUT = (
    "Ratios within one run on one machine; no absolute time is a result. Batches of 100 images of "
    "MNIST. The loop is the same training as it is usually written, with a DataLoader and an "
    "optimiser for each phase; Pythae is a library of autoencoders."
)
CEILING = (
    "The ceiling is what the machine gives for the products of the hidden layers alone, in the "
    "precision of the program."
)
PYTHAE_DIFFERS = (
    "Same networks, images and rates, by Pythae's own trainer. It makes fewer products in an "
    "update, since one forward pass serves both losses, where the paper has two phases; so the "
    "operations a second are compared too."
)
QUALITY = (
    "Epochs, and seconds on the machine of the record, until the mean over the seeds first falls "
    "to an error. The seconds are those of one training, evaluation included, in proportion to "
    "its epochs: beside one another only where machine and load were the same."
)


def speed(folder: Path, results: Path, figures: Path) -> Html:
    """The section, made of the files in ``folder`` and of records."""
    steps, rivals = measured("step", Step, folder), measured("rivals", Rivals, folder)
    precisions = measured("precision", Precision, folder)
    names = sorted({*steps, *rivals, *precisions})
    parts = [of_machine(n, steps.get(n), rivals.get(n), precisions.get(n)) for n in names]
    if not parts:
        parts = [run("Nothing was measured", "step", "rivals", "precision")]
    heading = joined([element("h2", "Speed"), element("p", ABOUT)])
    figured = (growth(figures), quality(results), time_to_quality(figures))
    return element("section", heading, *parts, *figured, id="speed")


def run(what: str, *benches: str) -> Html:
    """What is missing, and the commands that make it."""
    commands = [element("code", f"python -m bench.{bench}") for bench in benches]
    return element("p", f"{what}; run ", commands[0], *(p for c in commands[1:] for p in (", ", c)))


def of_machine(
    name: str, step: Step | None, rivals: Rivals | None, precision: Precision | None
) -> Html:
    """All that was measured on one machine."""
    found = step or rivals or precision
    assert found is not None
    parts = [element("h3", found.machine.device, " ", element("small", name))]
    if step:
        parts += [element("h4", "An update, of Table 2's model"), facts(step), ratios(step)]
    else:
        parts.append(run("No update was measured here", "step"))
    if rivals:
        parts += [beside_pythae(rivals.table1_model, rivals.machine)]
        parts += [from_start_to_end(rivals.start_to_end, rivals.machine)]
    else:
        text = "Not measured here beside Pythae, nor from a process's start to its end"
        parts.append(run(text, "rivals"))
    if precision:
        parts.append(cost_in_error(precision))
    else:
        parts.append(run("What a precision costs in error was not measured here", "precision"))
    return joined(parts)


def facts(step: Step) -> Html:
    tops = ", ".join(f"{name} {top:.0f}" for name, top in step.ceiling_gflops.items())
    floor, executed = step.floor_flop_per_update / 1e9, step.executed_flop_per_update / 1e9
    pairs = [
        ("measured with", versions(step.machine)),
        ("seeds stacked in ours", step.seeds),
        ("ceiling, GFLOP/s", f"{tops}. {CEILING}"),
        ("one update, GFLOP", f"{floor:.2f} are needed, {executed:.2f} are made"),
    ]
    return definitions(pairs)


def versions(machine: Machine) -> str:
    commit = (machine.commit[:12] or "unknown") + (" (dirty)" if machine.dirty else "")
    used = f"torch {machine.torch}, Python {machine.python}, NumPy {machine.numpy}"
    return f"{used}; {machine.threads} thread(s); commit {commit}"


def ratios(step: Step) -> Html:
    """Each program against the ceiling and the loop, and how far any could be from the loop."""
    aim = goals()
    columns = ["program", f"of the ceiling (goal {aim.of_ceiling:.0%})"]
    columns += [f"to the loop (goal {aim.to_alternative:g}x)"]
    rows: list[list[object]] = []
    for name in step.updates_per_second:
        share, ratio = step.of_ceiling(name), step.to_loop(name)
        if name == LOOP:
            rows.append([name, f"{share:.0%}", f"{ratio:.2f}x"])
            continue
        whole = judged(f"{share:.0%}", share >= aim.of_ceiling)
        rows.append([name, whole, judged(f"{ratio:.2f}x", ratio >= aim.to_alternative)])
    reach = [element("p", greatest(step, p)) for p in step.ceiling_gflops]
    return joined([table(columns, rows, "Speed of an update"), *reach])


def greatest(step: Step, precision: str) -> str:
    """The ratio to the loop that this machine allows at most, and whether the goal is below it."""
    ratio, aim = step.greatest_to_loop(precision), goals().to_alternative
    top, loop = step.ceiling_gflops[precision], step.gflops(LOOP)
    reach = "within" if ratio >= aim else "out of"
    return (
        f"{precision}: at most {ratio:.2f} times the loop. A program that did nothing but these "
        f"products, at the ceiling, would do {top:.0f} GFLOP/s, and the loop does {loop:.0f}: "
        f"{aim:g}x is {reach} reach on this machine."
    )


def judged(text: str, met: bool) -> Html:
    return joined([text, " ", badge("met", "met") if met else badge("missed", "missed")])


def beside_pythae(model: OneModel, machine: Machine) -> Html:
    heading = element("h4", "An update, of Table 1's model, beside Pythae")
    if PYTHAE not in model.updates_per_second:
        missing = run("Pythae was not installed: install the extra “bench”", "rivals")
        return joined([heading, missing])
    aim = goals().to_alternative
    columns = ["program", "GFLOP an update", f"updates, to Pythae (goal {aim:g}x)"]
    columns += ["operations a second, to Pythae"]
    rows: list[list[object]] = []
    for name, flop in model.flop_per_update.items():
        ratio, text = model.to_pythae(name), f"{model.to_pythae(name):.2f}x"
        cell = text if name == PYTHAE else judged(text, ratio >= aim)
        rows.append([name, f"{flop / 1e9:.2f}", cell, f"{model.work_to_pythae(name):.2f}x"])
    about = f"{PYTHAE_DIFFERS} The fastest of three epochs of {model.updates} updates. "
    text = element("p", about, element("small", versions(machine)))
    return joined([heading, text, table(columns, rows, "Beside Pythae")])


def from_start_to_end(whole: StartToEnd, machine: Machine) -> Html:
    aim = goals().to_alternative
    rows: list[list[object]] = []
    for name in whole.seconds:
        ratio, text = whole.to_loop(name), f"{whole.to_loop(name):.2f}x"
        rows.append([name, text if name == LOOP else judged(text, ratio >= aim)])
    about = (
        f"Table 2's model: from the start of the process to the last update of {whole.epochs} "
        f"epoch(s) of {whole.images:,} images. Imports and the reading of the data count; nothing "
        "is evaluated, tracked or stored. "
    )
    heading = element("h4", "A training, from start to end")
    text = element("p", about, element("small", versions(machine)))
    columns = ["program", f"to the loop (goal {aim:g}x)"]
    return joined([heading, text, table(columns, rows, "From start to end")])


def growth(figures: Path) -> Html:
    """The figure of how time and memory grow, if it was drawn."""
    heading = element("h3", "How time and memory grow")
    path = figures / "bench" / "growth.png"
    if not path.exists():
        return joined([heading, run("This is not drawn", "growth")])
    alt = "Time and memory by seeds, width, images, clusters and Parzen samples"
    return joined([heading, image(path.read_bytes(), alt)])


def time_to_quality(figures: Path) -> Html:
    """The figure of errors along core-minutes, if it was drawn."""
    path = figures / "bench" / "quality.png"
    if not path.exists():
        return run("Methods without records are not drawn beside it", "quality")
    alt = "Test error along core-minutes, with 100 labels and without, by method"
    return image(path.read_bytes(), alt)


def cost_in_error(found: Precision) -> Html:
    """The error of each precision, and its difference to float32 over the same seeds."""
    rows: list[list[object]] = []
    for name, errors in found.error_percent.items():
        difference, half = found.to_float32(name)
        to_float32 = "" if name == "float32" else f"{difference:+.2f} ± {half:.2f}"
        rows.append([name, f"{mean(errors):.2f} (n = {len(errors)})", to_float32])
    about = (
        f"Table 2's model with 1000 labels after {found.epochs} epoch(s): error in % on 10,000 "
        "held-out training images, and the mean difference of the same seeds in points, with its "
        "95 % interval. "
    )
    heading = element("h4", "What a precision costs in error")
    text = element("p", about, element("small", versions(found.machine)))
    columns = ["precision", "error", "to float32"]
    return joined([heading, text, table(columns, rows, "Precision and error")])


def quality(results: Path) -> Html:
    """When the records' error fell to each level."""
    aim = goals().quality
    columns = ["record", "seeds", "trained on"]
    for level in aim.levels:
        columns += [f"epochs to {level:g}\u00a0{aim.unit}", f"seconds to {level:g}\u00a0{aim.unit}"]
    rows = [
        quality_row(Drawing(aim.preset, item, results), variant)
        for item, variants in aim.records.items()
        for variant in variants
    ]
    whole = table(columns, rows, "Time to quality")
    return joined([element("h3", f"Time to quality ({aim.preset})"), element("p", QUALITY), whole])


def quality_row(stored: Drawing, variant: str) -> list[object]:
    aim, record = goals().quality, stored.record(variant)
    place = stored.description.variants[variant].place
    if record is None:
        return [place, *["not run"] * (2 + 2 * len(aim.levels))]
    link = element("a", place, href=f"#{anchor(stored.preset, stored.item, variant)}")
    cells: list[object] = [link, len(record.seeds), trained_on(record)]
    for level in aim.levels:
        found = reached(record, aim.metric, level)
        cells += [found.epoch, f"{found.seconds:,.0f}"] if found else ["not reached"] * 2
    return cells


def trained_on(record: Record) -> str:
    """Device, precision and threads of the seeds; what differs is all named."""
    made = [seed.provenance for seed in record.seeds]
    ways = [
        f"{m.device}, {m.precision}, {m.threads} thread(s)"
        + (f", {m.stacked} seeds stacked" if m.stacked > 1 else "")
        for m in made
    ]
    return "; ".join(dict.fromkeys(ways))
