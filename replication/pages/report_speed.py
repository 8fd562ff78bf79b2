"""The report's section on speed: what the benches measured, beside the goals of speed.yaml."""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from replication.evidence.seeds import Machine

from .page import Grid, Picture, Told, read_picture
from .speed import (
    ALONE,
    LOOP,
    PYTHAE,
    OneModel,
    Precision,
    Rivals,
    Stacked,
    StartToEnd,
    Step,
    goals,
    measured,
)
from .time_to_quality import QUALITY, quality

ABOUT = (
    "Ratios within one run on one machine; no absolute time is a result. Batches of 100 images of "
    "MNIST. The loop is the same training as it is usually written, with a DataLoader and an "
    "optimiser for each phase; Pythae is a library of autoencoders."
)
CEILING = (
    "The ceiling is the peak measured throughput of the products of the hidden layers alone, in "
    "the precision of the program."
)
PYTHAE_DIFFERS = (
    "Same networks, images and learning rates, by Pythae's own trainer. It makes fewer products in "
    "an update, since one forward pass serves both losses, where the paper has two phases; so the "
    "operations a second are compared too."
)
JAX = (
    "The same losses from the same weights on one core of the CPU, in float32: our stack of seeds, "
    "and the update written in JAX, vmapped over the seeds and compiled. The processor's time; "
    "compiling is not counted."
)


@dataclass(frozen=True)
class Measured:
    """One measurement: what it is, facts in pairs, its table, sentences below; or how to make it.

    ``missing`` is a sentence with the commands that measure.
    """

    title: str
    about: str = ""
    machine: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    grid: Grid | None = None
    notes: tuple[str, ...] = ()
    missing: "Missing | None" = None


@dataclass(frozen=True)
class Missing:
    """What is not there, and the commands that make it."""

    what: str
    commands: tuple[str, ...]


@dataclass(frozen=True)
class OfMachine:
    """All that was measured on one machine."""

    device: str
    name: str
    parts: tuple[Measured, ...]


@dataclass(frozen=True)
class Speed:
    """The whole section."""

    about: str
    machines: tuple[OfMachine, ...]
    growth: Picture | None
    growth_missing: Missing
    missing: Missing
    quality_about: str
    quality: Grid
    minutes: Picture | None
    minutes_missing: Missing
    preset: str


def speed(folder: Path, results: Path, figures: Path) -> Speed:
    """The section, made of the files in ``folder`` and of records."""
    steps, rivals = measured("step", Step, folder), measured("rivals", Rivals, folder)
    precisions = measured("precision", Precision, folder)
    stacks = measured("stacked", Stacked, folder)
    names = sorted({*steps, *rivals, *precisions, *stacks})
    growth, minutes = (drawn(figures, name) for name in ("growth", "quality"))
    return Speed(
        about=ABOUT,
        machines=tuple(
            of_machine(n, steps.get(n), rivals.get(n), precisions.get(n), stacks.get(n))
            for n in names
        ),
        growth=growth,
        growth_missing=run("This is not drawn", "growth"),
        missing=run("Nothing was measured", "step", "rivals", "precision", "stacked"),
        quality_about=QUALITY,
        quality=quality(results),
        minutes=minutes,
        minutes_missing=run("Methods without records are not drawn beside it", "quality"),
        preset=goals().quality.preset,
    )


def drawn(figures: Path, name: str) -> Picture | None:
    """A figure of the benches, if it was drawn."""
    path = figures / "bench" / f"{name}.png"
    return read_picture(path) if path.exists() else None


def run(what: str, *benches: str) -> Missing:
    return Missing(what, tuple(f"python -m bench.{bench}" for bench in benches))


def of_machine(
    name: str,
    step: Step | None,
    rivals: Rivals | None,
    precision: Precision | None,
    stacked: Stacked | None,
) -> OfMachine:
    """All that was measured on one machine."""
    found = step or rivals or precision or stacked
    assert found is not None
    parts = [of_step(step)]
    if rivals:
        parts += [beside_pythae(rivals.table1_model, rivals.machine)]
        parts += [from_start_to_end(rivals.start_to_end, rivals.machine)]
    else:
        title = "Beside Pythae, and from a process's start to its end"
        parts.append(Measured(title, missing=run("Not measured here", "rivals")))
    parts += [beside_jax(stacked), cost_in_error(precision)]
    return OfMachine(found.machine.device, name, tuple(parts))


def of_step(step: Step | None) -> Measured:
    """Each program against the ceiling and the loop, and how far any could be from the loop."""
    title = "An update, of Table 2's model"
    if step is None:
        return Measured(title, missing=run("Not measured here", "step"))
    tops = ", ".join(f"{name} {top:.0f}" for name, top in step.ceiling_gflops.items())
    required, executed = step.floor_flop_per_update / 1e9, step.executed_flop_per_update / 1e9
    facts = (
        ("measured with", versions(step.machine)),
        ("seeds stacked in ours", str(step.seeds)),
        ("ceiling, GFLOP/s", f"{tops}. {CEILING}"),
        ("one update, GFLOP", f"{required:.2f} required, {executed:.2f} executed"),
    )
    reach = tuple(greatest(step, precision) for precision in step.ceiling_gflops)
    return Measured(title, facts=facts, grid=ratios(step), notes=reach)


def versions(machine: Machine) -> str:
    commit = (machine.commit[:12] or "unknown") + (" (dirty)" if machine.dirty else "")
    used = f"torch {machine.torch}, Python {machine.python}, NumPy {machine.numpy}"
    return f"{used}; {machine.threads} thread(s); commit {commit}"


def ratios(step: Step) -> Grid:
    aim = goals()
    columns = ["program", f"of the ceiling (goal {aim.of_ceiling:.0%})"]
    columns += [f"to the loop (goal {aim.to_alternative:g}x)"]
    rows: list[list[str | Told]] = []
    for name in step.updates_per_second:
        share, ratio = step.of_ceiling(name), step.to_loop(name)
        if name == LOOP:
            rows.append([name, f"{share:.0%}", f"{ratio:.2f}x"])
            continue
        whole = judged(f"{share:.0%}", share >= aim.of_ceiling)
        rows.append([name, whole, judged(f"{ratio:.2f}x", ratio >= aim.to_alternative)])
    return Grid("Speed of an update", columns, rows)


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


def judged(text: str, met: bool) -> Told:
    return Told(text, word="met" if met else "missed")


def beside_jax(stacked: Stacked | None) -> Measured:
    """Several seeds at once, ours and JAX's; and one after the other."""
    title = "Several seeds at once, of Table 2's model, beside JAX"
    if stacked is None:
        return Measured(title, missing=run("Not measured here", "stacked"))
    columns = ["program", f"updates of a seed, to {ALONE}"]
    rows: list[list[str | Told]] = [
        [name, f"{stacked.to_ours(name):.2f}x"] for name in stacked.updates_per_second
    ]
    facts = (("measured with", versions(stacked.machine)), ("load", f"{stacked.load:.1f}"))
    return Measured(title, JAX, facts=facts, grid=Grid("Beside JAX", columns, rows))


def beside_pythae(model: OneModel, machine: Machine) -> Measured:
    title = "An update, of Table 1's model, beside Pythae"
    if PYTHAE not in model.updates_per_second:
        missing = run("Pythae was not installed: install the extra “bench”", "rivals")
        return Measured(title, missing=missing)
    aim = goals().to_alternative
    columns = ["program", "GFLOP an update", f"updates, to Pythae (goal {aim:g}x)"]
    columns += ["operations a second, to Pythae"]
    rows: list[list[str | Told]] = []
    for name, flop in model.flop_per_update.items():
        ratio, text = model.to_pythae(name), f"{model.to_pythae(name):.2f}x"
        cell = text if name == PYTHAE else judged(text, ratio >= aim)
        rows.append([name, f"{flop / 1e9:.2f}", cell, f"{model.work_to_pythae(name):.2f}x"])
    about = f"{PYTHAE_DIFFERS} The fastest of three epochs of {model.updates} updates."
    return Measured(title, about, versions(machine), grid=Grid("Beside Pythae", columns, rows))


def from_start_to_end(whole: StartToEnd, machine: Machine) -> Measured:
    aim = goals().to_alternative
    rows: list[list[str | Told]] = []
    for name in whole.seconds:
        ratio, text = whole.to_loop(name), f"{whole.to_loop(name):.2f}x"
        rows.append([name, text if name == LOOP else judged(text, ratio >= aim)])
    about = (
        f"Table 2's model: from the start of the process to the last update of {whole.epochs} "
        f"epoch(s) of {whole.images:,} images. Imports and the reading of the data count; nothing "
        "is evaluated, tracked or stored."
    )
    grid = Grid("From start to end", ["program", f"to the loop (goal {aim:g}x)"], rows)
    return Measured("A training, from start to end", about, versions(machine), grid=grid)


def cost_in_error(found: Precision | None) -> Measured:
    """The error of each precision, and its difference to float32 over the same seeds."""
    title = "What a precision costs in error"
    if found is None:
        return Measured(title, missing=run("Not measured here", "precision"))
    rows: list[list[str | Told]] = []
    for name, errors in found.error_percent.items():
        difference, half = found.to_float32(name)
        to_float32 = "" if name == "float32" else f"{difference:+.2f} ± {half:.2f}"
        rows.append([name, f"{mean(errors):.2f} (n = {len(errors)})", to_float32])
    about = (
        f"Table 2's model with 1000 labels after {found.epochs} epoch(s): error in % on 10,000 "
        "held-out training images, and the mean difference of the same seeds in points, with its "
        "95 % interval."
    )
    grid = Grid("Precision and error", ["precision", "error", "to float32"], rows)
    return Measured(title, about, versions(found.machine), grid=grid)
