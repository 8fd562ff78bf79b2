"""What is run: experiments.yaml, read and resolved to the settings of each variant at each preset.

They are merged from the general to the particular: ``settings`` of the file, of the item, of the
variant, then, in the same order, those under the preset's name. Unknown keys and wrong types are
errors that name the key.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from replication.base.errors import UserError

from .schema import Settings
from .strict import Strict

EXPERIMENTS = Path(__file__).parent.parent / "experiments.yaml"
PRESETS: tuple[Literal["smoke", "quick", "paper"], ...] = ("smoke", "quick", "paper")
# The files in which an item draws its table, or its figure.
ENDINGS = {"table": ["md", "csv", "tex"], "figure": ["png", "pdf"]}

MOST_VALUES = 100_000  # of a file; the shipped ones have some thousands

Parsed = TypeVar("Parsed", bound=BaseModel)
# They become names of files and Snakemake's wildcards.
Name = Annotated[str, Field(pattern=r"^\w+$")]
# Values that settings are merged of; nothing where a level has none.
Layer = Annotated[dict[str, Any], Field(default_factory=dict)]


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win; mappings merge key by key.

    Three are one value and replace what is below: ``data``, numbers by epoch, such as a learning
    rate, and an optimiser that names its ``method``, since SGD's momentum means nothing to Adam. A
    value of null stands for the default, so that a preset can switch a phase off.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, Mapping) and key != "data" and not is_by_epoch(value):
                below = None if "method" in value else merged.get(key)
                merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
            elif value is None:
                merged.pop(key, None)
            else:
                merged[key] = value
    return merged


def is_by_epoch(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(isinstance(key, int | float) for key in value)


class Variant(Strict):
    """Where the paper has it, what is special in it, and what each preset changes."""

    place: str
    settings: Layer
    smoke: Layer
    quick: Layer
    paper: Layer
    # The workflow leaves it out, for this reason. Its own command trains it where it can be, and
    # its record, once there, is drawn and judged like any other.
    not_run: str | None = None
    # The workflow trains it at these presets alone.
    presets: Annotated[
        list[Literal["smoke", "quick", "paper"]], Field(default_factory=lambda: list(PRESETS))
    ]


class Item(Strict):
    """A table or figure of the paper (or a companion), with the kinds of file that it draws."""

    title: str
    # What is claimed of it, by the paper where it is the paper's; and what is seen, for those who
    # cannot see it and below the figure.
    claim: str | None = None
    alt: str | None = None
    # Drawn from the settings alone: the same whatever was run.
    from_settings: bool = False
    draws: Annotated[list[Literal["table", "figure"]], Field(min_length=1)]
    # An item without runs of its own is drawn from those of another.
    borrows: str | None = None
    # What we believe of numbers that are far from the paper's; the evidence is in the records.
    reading: str | None = None
    settings: Layer
    smoke: Layer
    quick: Layer
    paper: Layer
    variants: Annotated[dict[Name, Variant], Field(default_factory=dict)]


class Experiments(Strict):
    """The whole of experiments.yaml."""

    settings: dict[str, Any]
    smoke: Layer
    quick: Layer
    paper: Layer
    # Items whose records are worth most, in this order; the others come after them.
    campaign: Annotated[list[str], Field(default_factory=list)]
    items: dict[Name, Item]

    @model_validator(mode="after")
    def _campaign_names_items(self) -> "Experiments":
        if unknown := [name for name in self.campaign if name not in self.items]:
            raise ValueError(f"campaign names {', '.join(unknown)}, which is no item")
        return self

    @model_validator(mode="after")
    def _each_item_has_runs(self) -> "Experiments":
        for name, item in self.items.items():
            if bool(item.variants) == bool(item.borrows):
                raise ValueError(f"{name} needs variants, or an item whose runs it borrows")
            if item.borrows and not (
                item.borrows in self.items and self.items[item.borrows].variants
            ):
                raise ValueError(f"{name} borrows the runs of {item.borrows}, which has none")
        return self

    def settings_of(self, preset: str, item: str, variant: str) -> Settings:
        """The resolved settings; a UserError names what is unknown or ill-typed."""
        known(preset, PRESETS, "preset")
        known(item, self.items, "item")
        known(variant, self.items[item].variants, f"variant of {item}")
        layers = self._layers(preset, item, variant)
        for layer in layers:
            check_keys(layer, f"{item}/{variant} ({preset})")
        return parse(Settings, merge(*layers), f"{item}/{variant} ({preset})")

    def _layers(self, preset: str, item: str, variant: str) -> list[dict[str, Any]]:
        levels: list[Any] = [self, self.items[item], self.items[item].variants[variant]]
        return [*(x.settings for x in levels), *(getattr(x, preset) for x in levels)]

    def rank(self, item: str) -> int:
        """The place of ``item`` in the order of value."""
        return self.campaign.index(item) if item in self.campaign else len(self.campaign)

    def runnable(self, item: str, preset: str) -> list[str]:
        """The variants of ``item`` that the workflow trains at ``preset``."""
        variants = self.items[item].variants.items()
        return [name for name, v in variants if v.not_run is None and preset in v.presets]


def known(name: str, names: Iterable[str], kind: str) -> None:
    """A UserError unless ``name`` is one of ``names``."""
    if name not in (names := [*names]):
        raise UserError(f"unknown {kind} '{name}'", suggestion(name, names))


def suggestion(name: str, names: Iterable[str]) -> str:
    """The remedy for a name that is unknown: the nearest one, or all."""
    near = get_close_matches(name, names := [*names], 1)
    return f"did you mean {near[0]}?" if near else f"choose one of: {', '.join(names)}"


def check_keys(layer: Mapping[str, Any], where: str) -> None:
    """A UserError for a setting that does not exist, before it can hide what it was meant for.

    A layer that another overrides is checked, too.
    """
    for key in layer:
        if key not in Settings.model_fields:
            problem = f"{where}: {key}: no such setting"
            raise UserError(problem, suggestion(str(key), Settings.model_fields))
    for key in ("data", "output", "posterior", "batch_norm"):
        if isinstance(value := layer.get(key), str):
            field = Settings.model_fields[key]
            check_word(value, field.annotation, f"{where}: {key}")


def check_word(value: str, annotation: Any, where: str) -> None:
    """A UserError where ``value`` is none of the words that a ``Literal`` allows."""
    if value not in (words := literal_words(annotation)):
        raise UserError(f"{where}: there is no '{value}'", suggestion(value, words))


def literal_words(annotation: Any) -> list[str]:
    """The words of the ``Literal`` types in ``annotation``, however deep."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return [word for word in parts if isinstance(word, str)]
    return [word for part in parts for word in literal_words(part)]


def parse(model: type[Parsed], values: Any, where: str) -> Parsed:
    """``values`` as ``model``, or a UserError that names the first offending key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        # An unknown key first: what is missing then is mostly what it was meant for.
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        key = ".".join(str(part) for part in first["loc"]) or "value"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise UserError(f"{where}: {key}: {first['msg']}{more}", "correct that key") from None
    except OverflowError:  # a number of 400 digits
        raise UserError(f"{where}: a number is too large", "make it smaller") from None


class UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a repeated key win in silence; here it is an error."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, and not when it is constructed: a merged mapping then has its own and others' keys.
        node = super().compose_mapping_node(anchor)
        keys = [str(key.value) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is given twice", node.start_mark
                )
        return node


# YAML 1.1 takes a number without a point, such as 1e-3, for a text.
UniqueKeyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """The file's content; a UserError names the file and the line of what is wrong."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), UniqueKeyLoader)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "restore the file") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply", "correct the file") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: bad UTF-8, an impossible date
        text = " ".join(str(error).split())
        raise UserError(f"{path}: not valid YAML: {text}", "correct the file") from None
    if holds_more_than(MOST_VALUES, content):
        problem = f"{path}: an alias repeats itself, or more than {MOST_VALUES:,} values"
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


@cache
def experiments(path: Path = EXPERIMENTS) -> Experiments:
    return parse(Experiments, read_yaml(path), path.name)
