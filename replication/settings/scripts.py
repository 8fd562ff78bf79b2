"""Where an item's script is: in this package, in ``my_items/``, or in an installed package.

An item of the user's own is a file ``my_items/<name>.py`` in the current folder, or a module that
an entry point of the group ``replication.items`` names.
"""

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from replication.base.errors import UserError

FOLDER = Path("my_items")
GROUP = "replication.items"

Place = Path | EntryPoint


def script_of(item: str) -> ModuleType:
    """The script of ``item``, imported; a UserError says what is wrong with one of the user's."""
    place = outside().get(item)
    if place is None:
        return import_module(f"replication.{item}")
    return _from_file(place) if isinstance(place, Path) else _from_entry(place)


def path_of_script(item: str) -> Path:
    """The file of an item's script; of this package's own, from its root."""
    if item not in outside():
        return Path("replication") / f"{item}.py"
    file = script_of(item).__file__
    assert file is not None
    return Path(file)


def outside() -> dict[str, Place]:
    """The user's items by name, those of the current folder first."""
    files = sorted(FOLDER.glob("[!_.]*.py")) if FOLDER.is_dir() else []
    return {path.stem: path.absolute() for path in files} | _installed()


@cache
def _installed() -> dict[str, Place]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@cache  # files edited during a run do not change what is running
def _from_file(path: Path) -> ModuleType:
    name = f"{FOLDER.name}.{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # its source is asked for by that name
    _mended(lambda: spec.loader.exec_module(module), str(FOLDER / path.name))  # type: ignore[union-attr]
    return module


@cache
def _from_entry(entry: EntryPoint) -> ModuleType:
    where = f"{entry.value}, an entry point of {GROUP},"
    module = _mended(entry.load, where)
    name = getattr(module, "__name__", "")
    if not isinstance(module, ModuleType) or name.rpartition(".")[2] != entry.name:
        raise UserError(f"{where} is no module {entry.name}", "give both the same name")
    return module


def _mended(load: Callable[[], object], where: str) -> object:
    """``load()``; one line, if the user's code raises."""
    try:
        return load()
    except UserError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise UserError(f"{where} cannot be imported: {told}", "mend it") from None
