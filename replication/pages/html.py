"""HTML as text in which everything but HTML is escaped."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already; any other text is escaped where it goes into an element."""


def joined(parts: Iterable[object]) -> Html:
    return Html("".join(p if isinstance(p, Html) else escape(str(p)) for p in parts))


def element(name: str, *content: object, **attributes: object) -> Html:
    """An element; of attributes, ``class_`` stands for class and ``text_anchor`` has a hyphen."""
    given = ((k.rstrip("_").replace("_", "-"), v) for k, v in attributes.items() if v is not None)
    text = "".join(f' {key}="{escape(str(value))}"' for key, value in given)
    return Html(f"<{name}{text}>{joined(content)}</{name}>")


def table(columns: Iterable[object], rows: Iterable[Sequence[object]], label: str) -> Html:
    """Each row's first cell is its heading."""
    lines = [element("tr", *(element("th", c, scope="col") for c in columns))]
    for first, *others in rows:
        cells = (element("td", c) for c in others)
        lines.append(element("tr", element("th", first, scope="row"), *cells))
    return scrolling(element("thead", lines[0]) + element("tbody", *lines[1:]), label)


def definitions(pairs: Iterable[tuple[object, object]]) -> Html:
    return element("dl", *(joined([element("dt", k), element("dd", v)]) for k, v in pairs))


def scrolling(content: str, label: str) -> Html:
    """A table in a box of its own, which scrolls sideways by touch and by keyboard."""
    whole = element("table", Html(content))
    return element("div", whole, class_="scroll", role="region", aria_label=label, tabindex=0)


def badge(word: str, text: str) -> Html:
    """A word in a coloured box; ``word`` names the colour."""
    return element("span", text, class_=f"badge {word.replace(' ', '-')}")


def image(png: bytes, alt: str) -> Html:
    """A picture inside the page."""
    data = b64encode(png).decode()
    return element("figure", Html(f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'))


def anchor(preset: str, item: str, variant: str) -> str:
    """Where the page shows a record."""
    return f"{preset}-{item}-{variant}"
