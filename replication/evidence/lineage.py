"""Which versions of the training code give the same results (lineage.yaml)."""

from functools import cache
from pathlib import Path

from replication.settings.reading import parse, read_yaml
from replication.settings.scripts import script_of
from replication.settings.strict import Strict

from .code_hash import code_hash

LINEAGE = Path(__file__).parents[1] / "lineage.yaml"


class Lineage(Strict):
    """By item, the hashes of training codes that were shown to give the same results."""

    items: dict[str, list[str]]


@cache
def lineage(path: Path = LINEAGE) -> Lineage:
    return parse(Lineage, read_yaml(path), path.name)


@cache
def current_code(item: str) -> frozenset[str]:
    """Today's training code of ``item``, and those before it with the same results."""
    today = code_hash(script_of(item))
    known = lineage().items.get(item, [])
    return frozenset([today, *known] if today in known else [today])
