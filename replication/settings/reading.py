"""Reading what people write: YAML files and names, with errors that say what was meant."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.composer import Composer

from replication.base.errors import UserError

MOST_VALUES = 100_000  # of a file; the shipped ones have some thousands
Parsed = TypeVar("Parsed", bound=BaseModel)


def known(name: str, names: Iterable[str], kind: str) -> None:
    """A UserError unless ``name`` is one of ``names``."""
    every = names if isinstance(names, Collection) else [*names]
    if name not in every:
        raise UserError(f"unknown {kind} '{name}'", suggestion(name, every))


def suggestion(name: str, names: Iterable[str]) -> str:
    """The remedy for a name that is unknown: the nearest one, or all."""
    names = [*names]
    longer = [n for n in names if n.startswith(name)] if name else []
    near = longer if len(longer) == 1 else get_close_matches(name, names, 1)
    return f"did you mean {near[0]}?" if near else f"choose one of: {', '.join(names)}"


def parse(model: type[Parsed], values: Any, where: str) -> Parsed:
    """``values`` as ``model``, or a UserError that names the first offending key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        unknown = next((e for e in errors if e["type"] == "extra_forbidden"), None)
        # An unknown key first: what is missing then is mostly what it was meant for.
        first = unknown or errors[0]
        keys = place(first, values)
        others = [e for e in errors if place(e, values)[: len(keys)] != keys]
        more = f" (and {len(others)} more)" if others else ""
        names = names_beside(model, first["loc"]) if unknown else []
        key = ".".join(keys)
        if names:
            problem = f"{where}: {key}: no such key{more}"
            raise UserError(problem, suggestion(str(first["loc"][-1]), names)) from None
        if not key:  # a check of several keys, which it names itself
            told = first["msg"].removeprefix("Value error, ")
            raise UserError(f"{where}: {told}{more}", "correct that") from None
        key, told = deepest([e for e in errors if e not in others], values)
        raise UserError(f"{where}: {key}: {told}{more}", "correct that key") from None
    except OverflowError:  # a number of 400 digits
        raise UserError(f"{where}: a number is too large", "make it smaller") from None


def deepest(errors: Sequence[ErrorDetails], values: Any) -> tuple[str, str]:
    """The key and the text of ``errors``, all about one value, which may have several types.

    The one that goes deepest into it knows what was meant; of equals, all are told.
    """
    depth = max(len(place(error, values)) for error in errors)
    telling = [error for error in errors if len(place(error, values)) == depth]
    told = dict.fromkeys(error["msg"].removeprefix("Value error, ") for error in telling)
    return ".".join(place(telling[0], values)), ", or: ".join(told)


def place(error: ErrorDetails, values: Any) -> list[str]:
    """The keys that lead to ``error``, without pydantic's names of a value's possible types."""
    keys: list[str] = []
    of_a_key = error["type"] in ("missing", "extra_forbidden")
    for number, part in enumerate(error["loc"], 1):
        inner = values if isinstance(values, dict) else {}
        if isinstance(values, list | tuple):
            inner = dict(enumerate(values))
        key = next((k for k in inner if str(k) == str(part)), None)
        if key is not None or (of_a_key and number == len(error["loc"])):
            keys.append(str(part))
            values = inner.get(key)
    return keys


def names_beside(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that may stand where ``place`` leads in ``model``; none where that is not clear."""
    within: Any = model
    for part in place[:-1]:
        if isinstance(within, type) and issubclass(within, BaseModel):
            if part not in within.model_fields:
                return []
            within = within.model_fields[str(part)].annotation
        elif get_origin(within) is dict:
            within = get_args(within)[1]
        else:
            return []
        models = [a for a in get_args(within) if isinstance(a, type) and issubclass(a, BaseModel)]
        if get_origin(within) is not dict and len(models) == 1:  # a model or None
            within = models[0]
    is_model = isinstance(within, type) and issubclass(within, BaseModel)
    return [*within.model_fields] if is_model else []


class UniqueKeys(Composer):
    """YAML lets a repeated key win in silence; here it is an error.

    Composed in Python, whatever scans the text: in C, deep nesting would end the process.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, and not when it is constructed: a merged mapping then has its own and others' keys.
        node = super().compose_mapping_node(anchor)
        counts = Counter(map(same_key, (key for key, _ in node.value)))
        for key, count in counts.items():
            if count > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is given twice", node.start_mark
                )
        return node


def same_key(node: yaml.Node) -> str | float:
    """What two keys that Python takes for one have in common: 4 and 4.0 are one epoch."""
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        with suppress(ValueError):  # 0x4, 1_000: as they are written
            return float(node.value)
    return str(node.value)


class PlainLoader(UniqueKeys, yaml.SafeLoader):
    """Wherever PyYAML is."""


UniqueKeyLoader: type[yaml.SafeLoader | yaml.CSafeLoader] = PlainLoader
if yaml.__with_libyaml__:

    class FastLoader(UniqueKeys, yaml.CSafeLoader):
        """The text is scanned in C: three to six times as fast."""

        def __init__(self, stream: str) -> None:
            yaml.CSafeLoader.__init__(self, stream)
            Composer.__init__(self)

    UniqueKeyLoader = FastLoader

# YAML 1.1 takes a number without a point, such as 1e-3, for a text.
for loader in (PlainLoader, UniqueKeyLoader):
    loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


def read_yaml(path: Path) -> Any:
    """The file's content; a UserError names the file and the line of what is wrong."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "name a file that can be read") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid YAML: {error}", "correct the file") from None


def parse_yaml(text: str, where: str) -> Any:
    """The content of ``text``; a UserError names ``where`` and the line of what is wrong."""
    try:
        content = yaml.load(text, UniqueKeyLoader)
    except RecursionError:
        raise UserError(f"{where}: nested too deeply", "correct the file") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date
        told = " ".join(str(error).split())
        raise UserError(f"{where}: not valid YAML: {told}", "correct the file") from None
    if holds_more_than(MOST_VALUES, content):
        problem = f"{where}: an alias repeats itself, or more than {MOST_VALUES:,} values"
        raise UserError(problem, "write out what it stands for")
    return content


def holds_more_than(limit: int, content: Any) -> bool:
    """Whether ``content`` has so many values, aliases written out: in a circle they never end."""
    pending = [content]
    for _ in range(limit):
        if not pending:
            return False
        value = pending.pop()
        pending += value.values() if isinstance(value, dict) else ()
        pending += value if isinstance(value, list | set | tuple) else ()
    return True
