"""Every reader of the suite, with where its input lies and what the pages do with what passes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel

from bench import growth, quality
from bench.reader_inputs import (
    DRAWN,
    ITEM,
    OWN,
    ROOT,
    SELECTION,
    VARIANT,
    damaged_gzip,
    damaged_idx,
    damaged_npz,
    damaged_record,
    damaged_zip,
    distance_bytes,
    file_bytes,
    json_bytes,
    matlab_bytes,
    record_values,
    sealed_bytes,
    small_png,
    some_experiments,
    some_published,
    table_bytes,
    tensor_bytes,
    yaml_bytes,
)
from replication.data import emnist, idx, matlab, own
from replication.evidence import arrays, bundle, records, run_kind, verdicts
from replication.evidence.lineage import Lineage
from replication.evidence.published import Published
from replication.pages import report_reliability, speed
from replication.pages.curves import chart_of
from replication.pages.drawing import Drawing
from replication.pages.minutes import along_minutes
from replication.pages.page import read_picture
from replication.pages.report_evidence import evidence
from replication.pages.stored_tables import read_tables
from replication.settings.data import NpzFile
from replication.settings.experiments import Experiments, experiments
from replication.settings.reading import parse, read_yaml
from replication.training import neighbours
from replication.training.jobs import stored, weights
from tests.tools.sealed_content import (
    make_checkpoint,
    make_finished,
    make_fitted,
    make_trained_stack,
)

REMEDY = "restore it"


@dataclass(frozen=True)
class Reader:
    """``make`` gives the bytes of an input, which lies at ``place`` when ``read`` is called."""

    name: str
    share: int  # of the inputs, of all readers' shares
    place: str
    make: Callable[[Random], bytes]
    read: Callable[[Path], object]


def read_and_show(path: Path) -> None:
    """A record, its evidence on the page and its verdicts."""
    record = records.read(path)
    preset, item, variant = records.identity(path)
    drawing = Drawing(preset, item, path.parents[2], path.parents[2])
    evidence(drawing, variant, record)
    chart_of(record)
    for metric in record.seeds[0].metrics:
        along_minutes(record, metric)
    run_kind.run_kind(record, experiments().settings_of("paper", item, variant))
    if record.healthy:
        record.least("reconstruction")
    verdicts.what_failed(record)


def read_experiments(path: Path) -> None:
    content = parse(Experiments, read_yaml(path), path.name)
    for item, described in content.items.items():
        for variant in described.variants:
            for preset in ("smoke", "quick", "paper"):
                content.settings_of(preset, item, variant).training_hash()


def readers() -> Iterator[Reader]:
    """All of them; the larger the share, the cheaper the reader."""
    read_idx = partial(idx.read_idx, dimensions=3, remedy=REMEDY)
    yield Reader("idx", 3000, "images-idx3-ubyte", damaged_idx, read_idx)
    yield Reader("idx.gz", 1500, "images-idx3-ubyte.gz", damaged_gzip, read_idx)
    yield Reader(
        "emnist zip", 600, "gzip.zip", damaged_zip, lambda p: emnist.read_split(p, SELECTION)
    )
    make = partial(damaged_npz, content=OWN)
    yield Reader("own npz", 600, "own.npz", make, lambda p: own.load_npz(NpzFile(npz=str(p))))
    yield Reader("matlab", 15, "faces.mat", matlab_bytes, read_matlab)
    values = record_values()
    place = f"results/quick/{ITEM}/{VARIANT}.json"
    make_record = partial(damaged_record, values=values)
    yield Reader("record", 900, place, make_record, read_and_show)
    old = json.loads((ROOT / "tests/evidence/old/floors.json").read_text())
    make_record = partial(damaged_record, values=old)
    place = "results/quick/companion_alae/floors.json"
    yield Reader("record of schema 1", 300, place, make_record, records.read)
    make = partial(damaged_npz, content=DRAWN)
    yield Reader("arrays of a record", 700, "aae.npz", make, arrays.read_arrays)
    manifest = json.loads((ROOT / "weights/manifest.json").read_text())
    make = partial(damaged_record, values=manifest)
    yield Reader(
        "manifest of weights", 400, "manifest.json", make, lambda p: bundle.entries(p.parent)
    )
    contents: dict[str, tuple[Any, type[BaseModel]]] = {
        "checkpoint": (make_checkpoint(), stored.Checkpoint),
        "trained seed": (make_fitted(), stored.Fitted),
        "trained stack": (make_trained_stack(), stored.TrainedStack),
        "measured seed": (make_finished(), stored.Finished),
    }
    for name, (content, kind) in contents.items():
        sealed = partial(sealed_bytes, content=content)
        yield Reader(name, 250, "state.pt", sealed, partial(stored.read, content=kind))
    distances = partial(neighbours.stored_distances, count=3)
    yield Reader("neighbour distances", 100, "distances.pt", distance_bytes, distances)
    yield Reader("weights", 800, "seed.safetensors", tensor_bytes, weights.read_weights)
    yield from of_yaml()
    yield from of_the_report()


def read_matlab(path: Path) -> object:
    return matlab.read_matlab(path, ("faces",), REMEDY)


def of_yaml() -> Iterator[Reader]:
    make = partial(yaml_bytes, values=some_experiments())
    yield Reader("experiments.yaml", 100, "experiments.yaml", make, read_experiments)
    lineage = read_yaml(ROOT / "replication/lineage.yaml")
    lineage["items"] = {name: codes[:2] for name, codes in [*lineage["items"].items()][:3]}
    models = {
        "published.yaml": (some_published(), Published),
        "lineage.yaml": (lineage, Lineage),
        "speed.yaml": (read_yaml(ROOT / "replication/speed.yaml"), speed.Goals),
    }
    for name, (values, model) in models.items():

        def read(path: Path, model: Any = model) -> object:
            return parse(model, read_yaml(path), path.name)

        yield Reader(name, 100, name, partial(yaml_bytes, values=values), read)


def of_the_report() -> Iterator[Reader]:
    """What the report shows beside records: benches, tables, pictures."""
    folder = ROOT / "bench/results"
    for kind, model in (
        ("step", speed.Step),
        ("rivals", speed.Rivals),
        ("stacked", speed.Stacked),
        ("precision", speed.Precision),
        ("faults", report_reliability.Faults),
    ):
        values = json.loads(next(folder.glob(f"{kind}_*.json")).read_text())
        make = partial(json_bytes, values=values)
        read = partial(read_bench, kind=kind, model=model)
        yield Reader(f"bench {kind}", 120, f"{kind}_cpu.json", make, read)
    values = json.loads(next(folder.glob("growth_*.json")).read_text())
    make = partial(json_bytes, values=values)
    yield Reader("bench growth", 120, "growth.json", make, growth.read)
    baseline = {"task": "labels_100", "method": "k-means", "core_minutes": 1.0, "errors": [5.0]}
    values = {"machine": values["machine"], "seeds": 1, "baselines": [baseline]}
    make = partial(json_bytes, values=values)
    yield Reader("bench quality", 120, "quality.json", make, quality.read)
    readers = {"idx": {"inputs": 3, "refused": 2, "errors": 0}}
    values = {"machine": values["machine"], "date": "2026-11-28", "seed": 1, "seconds": 9}
    make = partial(json_bytes, values={**values, "readers": readers})
    read_figures = partial(read_bench, kind="readers", model=report_reliability.Readers)
    yield Reader("bench readers", 120, "readers_cpu.json", make, read_figures)
    texts = {"csv": table_bytes(), "md": b"**A table**\n\n| a | b |\n|---|---|\n\nA note.\n"}
    for ending, content in texts.items():
        make = partial(file_bytes, content=content)
        yield Reader(f"table .{ending}", 500, f"table.{ending}", make, read_both)
    make = partial(file_bytes, content=small_png())
    yield Reader("picture", 400, "figure.png", make, read_picture)


def read_bench(path: Path, kind: str, model: type[speed.OfMachine]) -> object:
    return speed.measured(kind, model, path.parent)


def read_both(path: Path) -> object:
    """The tables of ``path`` without its ending; the other file is whole."""
    whole = path.with_suffix(".csv")
    if path.suffix == ".md" and not whole.exists():
        whole.write_bytes(table_bytes())
    return read_tables(path.with_suffix(""))
