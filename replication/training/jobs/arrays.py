"""The arrays of a record: what figures draw of one seed, and the predictions of all."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from replication.evidence import records
from replication.evidence.arrays import read_arrays
from replication.evidence.seeds import SeedResult
from replication.settings.schema import Seed

from .variant import Variant


def arrays_of(
    fresh: Mapping[Seed, Mapping[str, Tensor]],
    results: Sequence[SeedResult],
    variant: Variant,
) -> dict[str, np.ndarray]:
    """Of the first seed that did not diverge, all; of every seed those that ``EVERY_SEED`` names.

    ``fresh`` are the arrays of the seeds that were measured now; the others' lie beside the record
    that is to be replaced.
    """
    old = _recorded(variant) if len(fresh) < len(results) else {}
    own: dict[Seed, dict[str, np.ndarray]] = {
        seed: {name: array.numpy() for name, array in arrays.items()}
        for seed, arrays in fresh.items()
    }
    seeds = {Seed(r.seed, r.label_seed): r.status == "ok" for r in results}
    healthy = [seed for seed, is_healthy in seeds.items() if is_healthy]
    if not healthy:
        return {}
    first = own.get(healthy[0]) or old.get(healthy[0]) or {}
    arrays = {name: array for name, array in first.items() if name not in records.EVERY_SEED}
    for name in records.EVERY_SEED:
        rows = {s: (own.get(s) or old.get(s) or {}).get(name) for s in healthy}
        if all(row is not None for row in rows.values()):
            none = np.full_like(rows[healthy[0]], records.NO_PREDICTION)
            arrays[name] = np.stack([rows.get(seed, none) for seed in seeds])
    return arrays


def _recorded(variant: Variant) -> dict[Seed, dict[str, np.ndarray]]:
    """The arrays beside the record, by seed: all of them of the first that did not diverge."""
    path = variant.record
    if not path.with_suffix(".npz").exists():
        return {}
    stored = read_arrays(path)
    every = {name: array for name, array in stored.items() if name in records.EVERY_SEED}
    others = {name: array for name, array in stored.items() if name not in every}
    found: dict[Seed, dict[str, np.ndarray]] = {}
    seeds = records.read(path).seeds
    for name, array in every.items():
        if len(array) != len(seeds):
            raise stored.wrong(f"is damaged: {name} is of {len(array)} seeds, not {len(seeds)}")
    for i, result in enumerate(seeds):
        if result.status == "ok":
            own = {} if found else others
            rows = {name: array[i] for name, array in every.items()}
            found[Seed(result.seed, result.label_seed)] = own | rows
    return found
