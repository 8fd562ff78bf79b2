"""Records: the stored result of a variant, the only thing that tables and figures are made from.

``results/<preset>/<item>/<variant>.json`` holds the numbers and where they come from. Arrays lie
beside it as ``.npz``: what a figure draws, of the first seed that did not diverge; and of every
seed the class, or the cluster, of each test image (``EVERY_SEED``, uint8 [seeds, images]), with
the seeds themselves (``SEEDS``, int64 [seeds, 2]: seed, label seed).
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError, model_validator

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.settings.items import Origin
from replication.settings.schema import Settings
from replication.settings.strict import Strict

from .migration import SCHEMA, migrated
from .numbers import Row
from .seeds import DataSummary, SeedResult

RESULTS = Path("results")
EVERY_SEED = ("test_predictions", "test_clusters")
SEEDS = "seed_numbers"  # not in older files
NO_PREDICTION = 255  # of a seed that diverged
# Per cent of the test images; the classes of the suite's data have 4 % or more.
LEAST_CLASS = 1.0


class Record(Strict):
    """All seeds of one variant."""

    schema_version: Literal[2]
    preset: str
    item: str
    variant: str
    settings: Settings
    training_hash: str
    measuring_hash: str
    code_hash: str
    dataset: DataSummary
    seeds: list[SeedResult]
    # Of a variant that a file of the user's describes.
    origin: Origin | None = None
    # Of the file, see ``seal_of``: a number that was edited by hand is found.
    seal: str = ""

    @model_validator(mode="after")
    def _seeds_are_those_of_the_settings(self) -> "Record":
        runs = [(seed.seed, seed.label_seed) for seed in self.seeds]
        if not runs:
            raise ValueError("seeds: there are none")
        if len({*runs}) != len(runs):
            raise ValueError("seeds: one stands twice")
        if not {*runs} <= {(run.seed, run.label_seed) for run in self.settings.runs}:
            raise ValueError("seeds: one is not among those of the settings")
        epochs = [row["epoch"] for seed in self.seeds for row in seed.history]
        if max(epochs, default=0) > self.settings.epochs:
            raise ValueError("seeds: a history is longer than the training")
        return self

    def values(self, metric: str, epoch: int | None = None) -> list[float]:
        """``metric`` of each seed that did not diverge; a UserError if it was not measured.

        It is that of the end of training, or that after ``epoch`` epochs, of the seeds that were
        evaluated then.
        """
        if epoch is not None:
            rows = [row for s in self.healthy for row in s.history if row["epoch"] == epoch]
            return [row[metric] for row in rows if metric in row]
        if any(metric not in s.metrics for s in self.healthy):
            raise self.lacks(metric)
        return [s.metrics[metric] for s in self.healthy]

    def curve(self, metric: str) -> tuple[list[Row], np.ndarray]:
        """``metric`` along training, [S, N], of the S seeds that did not diverge.

        With a row of the history for each of the N epochs at which all of them were measured.
        """
        own = [{row["epoch"]: row for row in s.history if metric in row} for s in self.healthy]
        shared = [e for e in own[0] if all(e in rows for rows in own)] if own else []
        values = np.array([[rows[epoch][metric] for epoch in shared] for rows in own])
        return [own[0][epoch] for epoch in shared], values

    def least(self, loss: str) -> SeedResult | None:
        """The seed with the least ``loss`` in the last epoch of training: a choice without labels.

        None if all diverged; a UserError if a seed lacks the loss.
        """
        return min(self.healthy, key=lambda seed: self.last(seed, loss), default=None)

    def last(self, seed: SeedResult, loss: str) -> float:
        """``loss`` of ``seed`` in its last epoch; a UserError if it has none."""
        if not seed.history or loss not in seed.history[-1]:
            raise self.lacks(loss)
        return seed.history[-1][loss]

    def lacks(self, metric: str) -> UserError:
        """The error that says so."""
        problem = f"the record of {self.preset}/{self.item}/{self.variant} lacks {metric}"
        remedy = "measure it again, or move its record away and train that variant again"
        return UserError(problem, remedy)

    @property
    def healthy(self) -> list[SeedResult]:
        """The seeds that did not diverge."""
        return [s for s in self.seeds if s.status == "ok"]

    @property
    def stable(self) -> bool:
        """No seed diverged or carries a warning."""
        return all(s.status == "ok" and not s.warnings for s in self.seeds)


def warnings_of(metrics: Mapping[str, float]) -> list[str]:
    """What makes a finished seed suspect."""
    reconstruction = metrics.get("test_reconstruction_per_pixel")
    baseline = metrics.get("mean_image_per_pixel")
    # 2 %: a model that gives the mean image lands on either side of it.
    found = []
    if reconstruction is not None and baseline is not None and reconstruction > 0.98 * baseline:
        found.append("the reconstruction is no better than the mean image")
    if metrics.get("smallest_class_percent", 100.0) < LEAST_CLASS:
        found.append("a class has nearly no images: q(y|x) has collapsed")
    return found


def path_of(preset: str, item: str, variant: str, results: Path = RESULTS) -> Path:
    return results / preset / item / f"{variant}.json"


def write(record: Record, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Store ``record`` and its arrays; the JSON comes last, so that a record has its arrays.

    A kill in between leaves arrays of more seeds than the record has: ``SEEDS`` says of which.
    """
    text = _text(record)  # first, for it may raise: the old arrays must not be replaced then
    if arrays:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomically(path.with_suffix(".npz"), buffer.getvalue())
    else:
        path.with_suffix(".npz").unlink(missing_ok=True)
    write_atomically(path, text.encode())


def _text(record: Record) -> str:
    """JSON to be read and compared by people: indented, but an epoch is one line; sealed."""
    values = record.model_dump(mode="json", exclude=None if record.origin else {"origin"})
    values["seal"] = seal_of(values)
    histories = []
    for i, seed in enumerate(values["seeds"]):
        rows = (json.dumps(row, allow_nan=False) for row in seed["history"])
        histories.append("[\n    " + ",\n    ".join(rows) + "\n   ]")
        seed["history"] = f"history {i}"
    text = json.dumps(values, indent=1, allow_nan=False) + "\n"
    for i, history in enumerate(histories):
        text = text.replace(f'"history": "history {i}"', f'"history": {history}', 1)
    return text


def seal_of(values: dict[str, Any]) -> str:
    """The sha256 of a record's parsed JSON, the seal itself and the layout apart."""
    content = {key: value for key, value in values.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> Record:
    """The record in ``path``, in today's schema.

    A UserError if it is damaged, edited, foreign, or of a newer schema.
    """
    remedy = f"restore {path} from the repository, or delete it and train that variant again"
    text = _read_text(path, remedy)
    values = _from_json(text, path, remedy)
    version = values.get("schema_version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > SCHEMA:
        problem = f"{path} was written by a newer version of this suite (schema {version})"
        raise UserError(problem, "update the suite")
    record = _parsed(values, text, path, remedy)
    if (record.preset, record.item, record.variant) != identity(path):
        name = f"{record.preset}/{record.item}/{record.variant}"
        raise UserError(f"{path} is the record of {name}", remedy)
    if version == SCHEMA and record.seal != seal_of(values):
        raise UserError(f"{path} was edited: its seal does not fit its content", remedy)
    return record.model_copy(update={"seal": ""})  # it belongs to the file


def migrate(results: Path) -> list[Path]:
    """Rewrite the records below ``results`` that have an older schema; the files rewritten.

    Only names change; the arrays beside a record are left alone.
    """
    rewritten = []
    for path in sorted(results.glob("*/*/*.json")):
        if path.parent.name == "verdicts" or _schema_of(path) == SCHEMA:
            continue
        write_atomically(path, _text(read(path)).encode())
        rewritten.append(path)
    return rewritten


def _schema_of(path: Path) -> Any:
    remedy = f"restore {path} from the repository"
    values = _from_json(_read_text(path, remedy), path, remedy)
    return values.get("schema_version") if isinstance(values, dict) else None


def _parsed(values: Any, text: str, path: Path, remedy: str) -> Record:
    try:
        today = migrated(values)
        # Writing the values out again is a sixth of the reading of a record.
        return Record.model_validate_json(text if today is values else json.dumps(today))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path} is no record: {key}: {first['msg']}", remedy) from None
    except (AttributeError, KeyError, TypeError) as error:  # an old record that lacks its parts
        raise UserError(f"{path} is no record: {error!r}", remedy) from None


def identity(path: Path) -> tuple[str, str, str]:
    """(preset, item, variant) as a record's place says them."""
    return path.parent.parent.name, path.parent.name, path.stem


def _read_text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is damaged: {error}", remedy) from None


def _from_json(text: str, path: Path, remedy: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"'{max(names, key=names.count)}' stands twice")
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}", remedy) from None
