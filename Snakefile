# snakemake --cores all                          trains the smoke preset, draws everything
# snakemake --cores all --config preset=quick    trains what is missing of that preset instead
#
# train -> results/<preset>/<item>/<variant>.json -> draw_table, draw_figure, compare -> report

import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from replication.engine.code_hash import code_hash
from replication.engine.config import ENDINGS, PRESETS, experiments, known
from replication.engine.errors import UserError
from replication.engine.published import published

try:
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
except UserError as error:
    raise WorkflowError(str(error))

DRAWN = {
    kind: [i for i in ITEMS if kind in EXPERIMENTS.items[i].draws] for kind in ENDINGS
}
DEVICE = config.get("device", "cpu")
# A smoke variant takes seconds: a process for each seed would cost more than it saves.
WORKERS = lambda wildcards: (
    1
    if wildcards.preset == "smoke" or DEVICE != "cpu"
    else len(SETTINGS[tuple(wildcards)].seeds)
)


def records(preset, item):
    """The records that are drawn: those that are there, and all that the workflow trains."""
    source = EXPERIMENTS.items[item].borrows or item
    trained = EXPERIMENTS.runnable(source) if preset == PRESET else []
    paths = {
        v: f"results/{preset}/{source}/{v}.json"
        for v in EXPERIMENTS.items[source].variants
    }
    return [path for v, path in paths.items() if v in trained or Path(path).exists()]


wildcard_constraints:
    preset="|".join(PRESETS),
    item="|".join(ITEMS),
    variant=r"\w+",


localrules:
    all,


rule all:
    input:
        "results/report.html",


# No file goes in: a new download, or a line changed for another variant, retrains nothing.
rule train:
    output:
        "results/{preset}/{item}/{variant}.json",
    log:
        "logs/{preset}/{item}/{variant}.log",
    conda:
        "environment.yml"
    threads: WORKERS
    resources:
        gpu=0 if DEVICE == "cpu" else 1,
    params:
        settings=lambda wildcards: SETTINGS[tuple(wildcards)].model_dump_json(),
        # New training code retrains a smoke variant; a costly record is marked stale instead.
        code=lambda wildcards: (
            code_hash(import_module(f"replication.{wildcards.item}"))
            if wildcards.preset == "smoke"
            else ""
        ),
        device=DEVICE,
        precision=config.get("precision", "float32"),
    shell:
        "python -m replication.{wildcards.item} train --preset {wildcards.preset}"
        " --variant {wildcards.variant} --device {params.device} --workers {threads}"
        " --precision {params.precision}"
        " >> {log} 2>&1 || {{ tail -n 3 {log} >&2; exit 1; }}"


rule draw_table:
    input:
        records=lambda wildcards: records(wildcards.preset, wildcards.item),
        script="replication/{item}.py",
        published="replication/published.yaml",
    output:
        multiext("figures/{preset}/{item}", ".md", ".csv", ".tex"),
    log:
        "logs/{preset}/{item}/draw_table.log",
    wildcard_constraints:
        item="|".join(DRAWN["table"]),
    conda:
        "environment.yml"
    shell:
        "python -m replication.{wildcards.item} draw --preset {wildcards.preset} --only table"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule draw_figure:
    input:
        records=lambda wildcards: records(wildcards.preset, wildcards.item),
        script="replication/{item}.py",
        published="replication/published.yaml",
    output:
        multiext("figures/{preset}/{item}", ".png", ".pdf"),
    log:
        "logs/{preset}/{item}/draw_figure.log",
    wildcard_constraints:
        item="|".join(DRAWN["figure"]),
    conda:
        "environment.yml"
    params:
        # Architecture diagrams are drawn from the settings, not from records.
        settings=lambda wildcards: [
            settings.model_dump_json()
            for (preset, item, _), settings in SETTINGS.items()
            if preset == wildcards.preset
            and item == EXPERIMENTS.items[wildcards.item].borrows
        ],
    shell:
        "python -m replication.{wildcards.item} draw --preset {wildcards.preset} --only figure"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule compare:
    input:
        records=lambda wildcards: records(wildcards.preset, wildcards.item),
        published="replication/published.yaml",
    output:
        "results/{preset}/verdicts/{item}.json",
    log:
        "logs/{preset}/{item}/compare.log",
    conda:
        "environment.yml"
    shell:
        "python -m replication.{wildcards.item} compare --preset {wildcards.preset} > {log} 2>&1"
        " || {{ cat {log} >&2; exit 1; }}"


rule report:
    input:
        [
            f"figures/{preset}/{item}.{ending}"
            for preset in PRESETS
            for kind, endings in ENDINGS.items()
            for item in DRAWN[kind]
            for ending in endings
        ],
        [
            f"results/{preset}/verdicts/{item}.json"
            for preset in PRESETS
            for item in JUDGED
        ],
        # Measured by hand, on a machine that does nothing else: absent is as good.
        measured=sorted(
            str(path)
            for kind in ("bench/results/*.json", "figures/bench/growth.png")
            for path in Path().glob(kind)
        ),
        page=[
            "replication/engine/report.py",
            "replication/engine/report_speed.py",
            "replication/engine/report.css",
            "replication/speed.yaml",
        ],
    output:
        "results/report.html",
    log:
        "logs/report.log",
    conda:
        "environment.yml"
    shell:
        "python -m replication report > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"
