# snakemake --cores all                          trains the smoke preset, draws everything
# snakemake --cores all --config preset=quick    trains what is missing of that preset instead
# snakemake --cores all --config experiments=mine.yaml    with variants of your own
#
# train -> results/<preset>/<item>/<variant>.json -> draw (tables, figures, verdicts) -> report

import sys
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from replication.evidence.code_hash import code_hash
from replication.settings.experiments import ENDINGS, PRESETS, experiments, known
from replication.settings.outside import use_overlays
from replication.settings.scripts import path_of_script, script_of
from replication.base.errors import UserError
from replication.base.options import PRECISION_CHOICES
from replication.evidence.published import published

try:
    for key in config:
        known(key, ["preset", "device", "precision", "experiments"], "--config key")
    # Files of the user's own: jobs inherit the variable that this sets.
    use_overlays([Path(config["experiments"])] if "experiments" in config else [])
    PRESET = config.get("preset", "smoke")
    known(PRESET, PRESETS, "preset")
    EXPERIMENTS = experiments()
    ITEMS = list(EXPERIMENTS.items)
    JUDGED = list(published().items)
    # Resolved here, so that a mistake in the settings stops everything before anything trains.
    SETTINGS = {
        (p, item, v): EXPERIMENTS.settings_of(p, item, v)
        for p in PRESETS
        for item in ITEMS
        for v in EXPERIMENTS.items[item].variants
    }
    # Without a choice: as a training was begun, or the CPU and the fastest precision.
    DEVICE, PRECISION = config.get("device", "auto"), config.get("precision", "auto")
    known(PRECISION, PRECISION_CHOICES, "precision")
except UserError as error:
    raise WorkflowError(str(error))


def shown(item, kind, ending):
    """A drawn file; what is shown of a table or figure is in `snakemake --report`, too."""
    path, content = f"figures/{{preset}}/{item}.{ending}", EXPERIMENTS.items[item]
    if ending not in ("csv", "png"):
        return path
    groups = {"table": "Tables", "figure": "Figures"}
    named = [group for start, group in groups.items() if item.startswith(start)]
    return report(
        path,
        caption="replication/pages/templates/caption.rst",
        category=named[0] if named else "Beyond the paper",
        subcategory="{preset}",
        labels={
            "title": content.title,
            "kind": kind,
            "claim": content.claim or "",
            "seen": content.alt or "",
        },
    )


DRAWN = [
    shown(item, kind, ending)
    for item, content in EXPERIMENTS.items.items()
    for kind in content.draws
    for ending in ENDINGS[kind]
]
ON_CPU = DEVICE in ("auto", "cpu")


def workers(wildcards):
    """On a CPU a process for each seed; on a GPU what is measured on the CPU takes four cores."""
    return len(SETTINGS[tuple(wildcards)].seeds) if ON_CPU else 4


def megabytes(wildcards):
    """Of main memory, where the scheduler holds a job to what it asked for.

    On a GPU all seeds are one stack: at ``paper`` up to 3.7 GB of state, beside CUDA's own. SVHN's
    extra images are 1.9 GB as bytes and 7.4 GB as numbers.
    """
    stacked = 16_000 if wildcards.preset == "paper" else 8_000
    processes = workers(wildcards) if ON_CPU else 1
    images = 16_000 if SETTINGS[tuple(wildcards)].use_extra else 0
    return (4_000 if ON_CPU else stacked) * processes + images * processes


def records(preset, item):
    """The records that are drawn: those that are there, and all that the workflow trains."""
    source = EXPERIMENTS.items[item].borrows or item
    trained = EXPERIMENTS.runnable(source, preset) if preset == PRESET else []
    paths = {
        v: f"results/{preset}/{source}/{v}.json"
        for v in EXPERIMENTS.items[source].variants
    }
    return [path for v, path in paths.items() if v in trained or Path(path).exists()]


TRAIN = (
    "python -m replication train NAMES --device {resources.device} --workers {threads}"
    " --precision {resources.precision}"
    " >> {log} 2>&1 || {{ tail -n 3 {log} >&2; exit 1; }}"
)


wildcard_constraints:
    preset="|".join(PRESETS),
    item="|".join(ITEMS),
    variant=r"\w+",


# For `--sdm apptainer` alone: built from container.def (docs/going-further.md).
container: "container.sif"


# Drawing takes no GPU and a minute: on a cluster it stays where Snakemake runs.
localrules:
    all,
    draw,
    report,


# Before any job: what would let every one of them fail.
onstart:
    if workflow.local_exec:  # a cluster's machines have what this one may lack
        from replication.training.jobs.provenance import check_device
        from replication.training.jobs.tracking import check_mode

        try:
            check_device("cpu" if ON_CPU else DEVICE)
            check_mode()
        except UserError as error:
            raise WorkflowError(str(error))


# Records are named, too: else one that was deleted would not be made again.
rule all:
    input:
        [path for item in ITEMS for path in records(PRESET, item)],
        "results/report.html",


# No file goes in: a new download, or a line changed for another variant, retrains nothing.
rule train:
    output:
        # Not deleted before the job starts: a record stays until its successor is whole.
        update("results/{preset}/{item}/{variant}.json"),
    log:
        "logs/{preset}/{item}/{variant}.log",
    wildcard_constraints:
        preset="|".join(preset for preset in PRESETS if preset != "smoke"),
    threads: workers
    # How a record is made is no reason to make it again, so that it is no parameter.
    resources:
        gpu=0 if ON_CPU else 1,
        mem_mb=megabytes,
        device=DEVICE,
        precision=PRECISION,
    # What changes here runs the command again, which trains only what it has to: seeds that are
    # new, or all where the settings of training are; other measures start from kept weights.
    params:
        training=lambda wildcards: SETTINGS[tuple(wildcards)].training_hash(),
        measuring=lambda wildcards: SETTINGS[tuple(wildcards)].measuring_hash(),
        seeds=lambda wildcards: str(SETTINGS[tuple(wildcards)].runs),
        code="",  # a costly record is marked stale instead
    shell:
        TRAIN.replace(
            "NAMES",
            "{wildcards.item}/{wildcards.variant} --preset {wildcards.preset}",
        )


# At smoke a training's start, most of it importing torch, takes as long as the training: all
# variants of an item share a process.
for ITEM in ITEMS:
    VARIANTS = EXPERIMENTS.runnable(ITEM, "smoke")
    if not VARIANTS:
        continue
    SMOKE = [SETTINGS["smoke", ITEM, variant] for variant in VARIANTS]

    rule:
        name:
            f"smoke_{ITEM}"
        output:
            [update(f"results/smoke/{ITEM}/{variant}.json") for variant in VARIANTS],
        log:
            f"logs/smoke/{ITEM}.log",
        # The longest first, more or less, so that no core waits for it at the end.
        priority: sum(settings.epochs * len(settings.runs) for settings in SMOKE)
        resources:
            gpu=0 if ON_CPU else 1,
            mem_mb=4_000 if ON_CPU else 8_000,
            device=DEVICE,
            precision=PRECISION,
        params:
            names=[f"{ITEM}/{variant}" for variant in VARIANTS],
            training=[settings.training_hash() for settings in SMOKE],
            measuring=[settings.measuring_hash() for settings in SMOKE],
            seeds=[str(settings.runs) for settings in SMOKE],
            code=code_hash(script_of(ITEM)),  # these are made again
        shell:
            TRAIN.replace("NAMES", "{params.names} --preset smoke")


# All of a preset in one process: most of what a drawing takes is importing what draws.
rule draw:
    input:
        records=lambda wildcards: [
            path for item in ITEMS for path in records(wildcards.preset, item)
        ],
        scripts=[str(path_of_script(item)) for item in ITEMS],
        published="replication/published.yaml",
    output:
        figures=DRAWN,
        verdicts=[f"results/{{preset}}/verdicts/{item}.json" for item in JUDGED],
    log:
        "logs/{preset}/draw.log",
    priority: 10_000  # what waits for no training is drawn beside it, not after it
    params:
        # Architecture diagrams are drawn from the settings, not from records.
        # As a hash: `snakemake --report` shows the parameters beside each of its results.
        settings=lambda wildcards: sha256(
            "".join(
                settings.model_dump_json()
                for (preset, _, _), settings in SETTINGS.items()
                if preset == wildcards.preset
            ).encode()
        ).hexdigest(),
    shell:
        "python -m replication draw --preset {wildcards.preset}"
        " > {log} 2>&1 || {{ tail -n 3 {log} >&2; exit 1; }}"


rule report:
    input:
        expand(rules.draw.output, preset=PRESETS),
        # Measured by hand, on a machine that does nothing else: absent is as good.
        measured=sorted(
            str(path)
            for kind in ("bench/results/*.json", "figures/bench/*.png")
            for path in Path().glob(kind)
        ),
        # Part of the repository; the page runs its decoders.
        weights=sorted(str(path) for path in Path("weights").glob("**/*.*")),
        page=[
            *sorted(str(path) for path in Path("replication/pages").glob("*.py")),
            *sorted(
                str(path) for path in Path("replication/pages/templates").iterdir()
            ),
            "replication/speed.yaml",
        ],
    output:
        "results/report.html",
        report(
            "figures/forest.png",
            caption="replication/pages/templates/forest.rst",
            category="Summary",
            labels={"title": "All numbers", "kind": "figure", "claim": "", "seen": ""},
        ),
        "figures/forest.pdf",
        report(
            "figures/explorer.png",
            caption="replication/pages/templates/explorer.rst",
            category="Summary",
            labels={
                "title": "What the decoders draw",
                "kind": "figure",
                "claim": "",
                "seen": "",
            },
        ),
        "figures/explorer.pdf",
    log:
        "logs/report.log",
    shell:
        "python -m replication report > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"
