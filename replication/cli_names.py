"""What a command's names mean: items, their variants, or several items by their first word."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from .base.errors import UserError
from .settings.experiments import Experiments, experiments
from .settings.items import Item
from .settings.reading import known


def items_named(names: Sequence[str]) -> list[str]:
    """The items that ``names`` mean, each once; all, without a name.

    A name is that of an item, or the first words of several, such as ``table2`` or ``ours``.
    """
    items = experiments().items
    return list(dict.fromkeys(item for name in names for item in _items(name, items))) or [*items]


def variants_named(names: Sequence[str], preset: str) -> list[tuple[str, str]]:
    """The (item, variant) that ``names`` mean, each once.

    ``item/variant`` is one, whatever the preset is meant to run; a name as in ``items_named`` are
    all that the workflow trains of those items at ``preset``.
    """
    return list(dict.fromkeys(v for name in names for v in _variants(name, preset, experiments())))


def _items(name: str, items: Mapping[str, Item]) -> list[str]:
    if name in items:
        return [name]
    found = [item for item in items if item.startswith(f"{name}_")]
    if not found:
        near = [f"{item}/{name}" for item, own in items.items() if name in own.variants]
        near += get_close_matches(name, [*items, *{item.split("_")[0] for item in items}], 1)
        remedy = f"did you mean {near[0]}?" if near else "see `aae list`"
        raise UserError(f"unknown item '{name}'", remedy)
    return found


def _variants(name: str, preset: str, content: Experiments) -> list[tuple[str, str]]:
    item, slash, variant = name.partition("/")
    named = _items(item, content.items)
    items = list(dict.fromkeys(content.items[i].borrows or i for i in named))
    if slash:
        having = [i for i in items if variant in content.items[i].variants]
        if len(having) == 1:
            return [(having[0], variant)]
        if len(items) == 1:
            known(variant, content.items[items[0]].variants, f"variant of {items[0]}")
        known(name, [f"{i}/{v}" for i in items for v in content.items[i].variants], "variant")
    found = [(i, v) for i in items for v in content.runnable(i, preset)]
    if not found:
        raise UserError(f"nothing of {name} is meant to run at {preset}", "see `aae list`")
    return found
