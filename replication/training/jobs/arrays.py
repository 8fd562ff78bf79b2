"""The arrays of a record: what figures draw of one seed, and the predictions of all."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.arrays import Arrays, first_fault, read_arrays
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
    that is to be replaced. Which seeds they are of is told, too.
    """
    old = _recorded(variant, results) if len(fresh) < len(results) else {}
    own: dict[Seed, dict[str, np.ndarray]] = {
        seed: {name: array.numpy() for name, array in arrays.items()}
        for seed, arrays in fresh.items()
    }
    seeds = {_seed(r): r.status == "ok" for r in results}
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
    if arrays:
        arrays[records.SEEDS] = np.array([(s.seed, s.label_seed) for s in seeds], np.int64)
    return arrays


def check_arrays(arrays: Mapping[str, np.ndarray], variant: Variant, seed: Seed) -> None:
    """A UserError where figures could not be drawn of what was measured, as with a NaN."""
    drawn = {name: array for name, array in arrays.items() if name not in records.EVERY_SEED}
    if fault := first_fault(drawn):
        raise refused(variant, seed, fault)


def refused(variant: Variant, seed: Seed, fault: str) -> UserError:
    """Of what no record can hold: stored, it would be refused, and be measured again each time."""
    remedy = "mend the measure or the data and start again: what is trained is kept"
    return UserError(f"{variant} seed {seed.seed}: {fault}", remedy)


def _recorded(variant: Variant, results: Sequence[SeedResult]) -> dict[Seed, dict[str, np.ndarray]]:
    """The arrays beside the record, by seed: all of them of the first that did not diverge.

    They may be of more seeds than the record, where a kill came between the two; which of these
    diverged is told by ``results``.
    """
    path = variant.record
    if not path.with_suffix(".npz").exists():
        return {}
    recorded, stored = records.read(path).seeds, read_arrays(path)
    diverged = {_seed(r) for r in (*recorded, *results) if r.status == "diverged"}
    every = {name: array for name, array in stored.items() if name in records.EVERY_SEED}
    others = {n: array for n, array in stored.items() if n not in (*every, records.SEEDS)}
    found: dict[Seed, dict[str, np.ndarray]] = {}
    for i, seed in enumerate(_seeds_of(stored, [_seed(result) for result in recorded])):
        if seed not in diverged:
            own = {} if found else others
            rows = {name: array[i] for name, array in every.items()}
            found[seed] = own | rows
    return found


def _seeds_of(stored: Arrays, recorded: Sequence[Seed]) -> Sequence[Seed]:
    """The seeds whose arrays are ``stored``; a UserError where one that is ``recorded`` is missing.

    Older files do not tell theirs: those of the record.
    """
    remedy = "measure that variant again, or restore the file from the repository"
    if records.SEEDS not in stored:
        for name in records.EVERY_SEED:
            if name in stored and len(stored[name]) != len(recorded):
                fault = f"{name} is of {len(stored[name])} seeds, not {len(recorded)}"
                raise UserError(f"{stored.path} is damaged: {fault}", remedy)
        return recorded
    told = [Seed(*numbers) for numbers in stored[records.SEEDS].tolist()]
    if missing := [seed for seed in recorded if seed not in told]:
        problem = f"{stored.path} has nothing of seed {missing[0].seed}, which its record has"
        raise UserError(problem, remedy)
    return told


def _seed(result: SeedResult) -> Seed:
    return Seed(result.seed, result.label_seed)
