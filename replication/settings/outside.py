"""What the user adds without touching the package: variants in a YAML file, items in a script.

A YAML file that REPLICATION_EXPERIMENTS names (``--experiments``) has ``items``, and variants below
the names of items. An item's script has its block of experiments.yaml as a text, ``DESCRIPTION``.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from replication.base.errors import UserError

from .items import Item, Name, Origin, Variant
from .reading import known, parse, parse_yaml, read_yaml
from .scripts import FOLDER, Place, path_of_script, script_of
from .strict import Strict

VARIABLE = "REPLICATION_EXPERIMENTS"


@dataclass(frozen=True)
class Addition:
    """An item as it is with what was added to it, and the names of the variants added."""

    name: str
    item: Item
    variants: list[str]
    origin: Origin


class Overlay(Strict):
    """A file of the user's."""

    items: dict[Name, dict[str, Any]]


class MoreVariants(Strict):
    """What may be said there of an item: nothing that changes the variants it has."""

    variants: Annotated[dict[Name, Variant], Field(min_length=1)]


def overlay_files() -> tuple[Path, ...]:
    """The files that REPLICATION_EXPERIMENTS names; several stand apart as in PATH."""
    return _paths(os.environ.get(VARIABLE, ""), os.getcwd())


@cache  # it is asked for with every record that is drawn
def _paths(names: str, folder: str) -> tuple[Path, ...]:
    every = (Path(name).expanduser() for name in names.split(os.pathsep) if name)
    return tuple(Path(folder) / path for path in every)


def use_overlays(files: list[Path]) -> None:
    """Read ``files`` beside those that are read already, in the processes started here, too.

    A UserError where a name holds what stands between names.
    """
    named = [file.expanduser().absolute() for file in files]
    if parted := [file for file in named if os.pathsep in str(file)]:
        problem = f"{parted[0]} has a '{os.pathsep}' in its name, which parts names in {VARIABLE}"
        raise UserError(problem, "give the file, or its folder, another name")
    every = dict.fromkeys([*overlay_files(), *named])
    if every:
        os.environ[VARIABLE] = os.pathsep.join(map(str, every))


def additions_in(path: Path, items: Mapping[str, Item]) -> Iterator[Addition]:
    """The variants that the file ``path`` adds to ``items``; a UserError names what is wrong."""
    content = parse(Overlay, read_yaml(path), path.name)
    for name, values in content.items.items():
        known(name, items, f"item in {path.name}")
        more = parse(MoreVariants, values, f"{path.name}: {name}").variants
        if items[name].borrows:
            problem = f"{path.name}: {name} is drawn from the runs of {items[name].borrows}"
            raise UserError(problem, "add the variant there")
        if twice := [variant for variant in more if variant in items[name].variants]:
            problem = f"{path.name}: {name} has a variant {twice[0]} already"
            raise UserError(problem, f"give yours another name, and say `like: {twice[0]}` in it")
        every = {**items[name].variants, **more}
        check_places(every, f"{path.name}: {name}")
        grown = items[name].model_copy(update={"variants": every})
        yield Addition(name, grown, [*more], _origin(path.name, path))


def described_items(scripts: Mapping[str, Place], items: Mapping[str, Item]) -> Iterator[Addition]:
    """The items whose ``scripts`` are the user's."""
    for name in scripts:
        path = path_of_script(name)
        place = f"{FOLDER}/{path.name}" if path.parent.name == FOLDER.name else path.name
        if name in items:
            raise UserError(f"{place}: there is an item {name} already", "rename the file")
        script = script_of(name)
        text = getattr(script, "DESCRIPTION", None)
        if not isinstance(text, str):
            remedy = "give it one, as docs/adding.md shows"
            raise UserError(f"{place} has no DESCRIPTION: the YAML text of the item", remedy)
        item = parse(Item, parse_yaml(text, f"DESCRIPTION of {place}"), place)
        wanted = [f"draw_{kind}" for kind in item.draws] + ["train"] * bool(item.variants)
        check_places(item.variants, f"{place}: {name}")
        if missing := [function for function in wanted if not hasattr(script, function)]:
            raise UserError(f"{place} has no function {missing[0]}", "write it, or correct `draws`")
        yield Addition(name, item, [*item.variants], _origin(place, path))


def check_places(variants: Mapping[str, Variant], where: str) -> None:
    """A UserError for the first of the ``variants`` that has the place of one before it."""
    places: set[str] = set()
    for name, described in variants.items():
        if described.place in places:
            problem = f"{where}/{name} has the place of another variant"
            raise UserError(problem, "give it a `place` of its own: tables name it by that")
        places.add(described.place)


def _origin(name: str, path: Path) -> Origin:
    return Origin(file=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
