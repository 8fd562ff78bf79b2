"""What is run: experiments.yaml, read and resolved to the settings of each variant at each preset.

They are merged from the general to the particular: ``settings`` of the file, of the item, of the
variant, then, in the same order, those under the preset's name. Unknown keys and wrong types are
errors that name the key.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field, PrivateAttr, model_validator

from replication.base.errors import UserError

from .items import PRESETS, Item, Layer, Name, Origin, Variant
from .outside import Addition, additions_in, described_items, overlay_files
from .reading import known, parse, read_yaml, suggestion
from .schema import Settings
from .scripts import Place, outside
from .strict import Strict

EXPERIMENTS = Path(__file__).parent.parent / "experiments.yaml"
# The files in which an item draws its table, or its figure.
ENDINGS = {"table": ["md", "csv", "tex"], "figure": ["png", "pdf"]}


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
                below = merged.get(key)
                if "method" in value or not isinstance(below, Mapping) or is_by_epoch(below):
                    below = {}
                merged[key] = merge(below, value)
            elif value is None:
                merged.pop(key, None)
            else:
                merged[key] = value
    return merged


def is_by_epoch(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(isinstance(key, int | float) for key in value)


class Experiments(Strict):
    """The whole of experiments.yaml."""

    settings: dict[str, Any]
    smoke: Layer
    quick: Layer
    paper: Layer
    # Items, or variants as item/variant, that are worth most, in this order; then the others.
    campaign: Annotated[list[str], Field(default_factory=list)]
    items: dict[Name, Item]
    # Where an "item/variant" that is not of this package is described.
    origins: Annotated[dict[str, Origin], Field(default_factory=dict)]
    # Settings by preset, item and variant, each resolved once; the layers whose keys are known.
    _resolved: dict[tuple[str, str, str], Settings] = PrivateAttr(default_factory=dict)
    _checked: dict[int, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _campaign_names_items(self) -> "Experiments":
        names = {
            *self.items,
            *(f"{i}/{v}" for i, item in self.items.items() for v in item.variants),
        }
        if unknown := [name for name in self.campaign if name not in names]:
            raise ValueError(f"campaign names {', '.join(unknown)}, which is no item or variant")
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

    @model_validator(mode="after")
    def _like_names_a_variant(self) -> "Experiments":
        for name, item in self.items.items():
            for variant in item.variants:
                _line_of(item.variants, variant, name)
        return self

    def settings_of(self, preset: str, item: str, variant: str) -> Settings:
        """The resolved settings; a UserError names what is unknown or ill-typed."""
        known(preset, PRESETS, "preset")
        known(item, self.items, "item")
        known(variant, self.items[item].variants, f"variant of {item}")
        place = preset, item, variant
        if place not in self._resolved:
            where, layers = f"{item}/{variant} ({preset})", self._layers(*place)
            for layer in layers:
                if id(layer) not in self._checked:  # most are those of other variants, too
                    check_keys(layer, where)
                    self._checked[id(layer)] = layer  # held, so that no other has its number
            self._resolved[place] = parse(Settings, merge(*layers), where)
        return self._resolved[place]

    def _layers(self, preset: str, item: str, variant: str) -> list[dict[str, Any]]:
        line = _line_of(self.items[item].variants, variant, item)
        levels: list[Any] = [self, self.items[item], *line]
        return [*(x.settings for x in levels), *(getattr(x, preset) for x in levels)]

    def rank(self, item: str, variant: str) -> int:
        """The place of a variant in the order of value: its own, or that of its item."""
        names = (f"{item}/{variant}", item)
        places = [self.campaign.index(name) for name in names if name in self.campaign]
        return min(places, default=len(self.campaign))

    def runnable(self, item: str, preset: str) -> list[str]:
        """The variants of ``item`` that the workflow trains at ``preset``."""
        variants = self.items[item].variants.items()
        return [name for name, v in variants if v.not_run is None and preset in v.presets]


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


def _line_of(variants: Mapping[str, Variant], name: str, item: str) -> list[Variant]:
    """What ``name`` is like, and what that is like, before it; a ValueError if it has no end."""
    line: list[Variant] = []
    following: str | None = name
    while following is not None:
        if following not in variants:
            problem = f"{item}/{name} is like {following}, which is no variant of {item}"
            raise ValueError(f"{problem}; {suggestion(following, variants)}")
        if variants[following] in line:
            raise ValueError(f"{item}/{name} is like itself")
        line.insert(0, variants[following])
        following = variants[following].like
    return line


def experiments(path: Path = EXPERIMENTS) -> Experiments:
    """``path``, and what the user keeps outside the package: items, and variants in overlays."""
    return _with_additions(path, overlay_files(), tuple(outside().items()))


@cache
def _shipped(path: Path) -> Experiments:
    return parse(Experiments, read_yaml(path), path.name)


@cache
def _with_additions(
    path: Path, overlays: tuple[Path, ...], scripts: tuple[tuple[str, Place], ...]
) -> Experiments:
    content = _shipped(path)
    for addition in described_items(dict(scripts), content.items):
        content = _with(content, addition)
    for overlay in overlays:
        for addition in additions_in(overlay, content.items):
            content = _with(content, addition)
    return content


def _with(content: Experiments, addition: Addition) -> Experiments:
    """``content`` with an item, or an item that has more variants; all their settings resolve."""
    origins = {f"{addition.name}/{v}": addition.origin for v in addition.variants}
    changes = {
        "items": {**content.items, addition.name: addition.item},
        "origins": content.origins | origins,
    }
    values = content.model_copy(update=changes).model_dump()
    grown = parse(Experiments, values, addition.origin.file)
    for variant in addition.variants:
        for preset in PRESETS:
            try:
                grown.settings_of(preset, addition.name, variant)
            except UserError as error:
                problem = f"{addition.origin.file}: {error.problem}"
                raise UserError(problem, error.remedy) from None
    return grown
