"""One HTML page of templates: everything is escaped, and nothing but what is in it may run."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from replication.base.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"
# Where sources are to be read, by the words that texts name them with; longer ones come first.
SOURCES = {
    "arXiv:1511.05644": "https://arxiv.org/abs/1511.05644",
    "arXiv:1511.01844": "https://arxiv.org/abs/1511.01844",
    "arXiv:2004.04467": "https://arxiv.org/abs/2004.04467",
    "Temporal Ensembling": "https://arxiv.org/abs/1610.02242",
    "GMVAE": "https://arxiv.org/abs/1611.02648",
    "1henrypage/adversarial-autoencoders": (
        "https://github.com/1henrypage/adversarial-autoencoders"
    ),
    "conan7882/adversarial-autoencoders": "https://github.com/conan7882/adversarial-autoencoders",
    "musyoku/adversarial-autoencoder": "https://github.com/musyoku/adversarial-autoencoder",
    "keil555/AAE_paddle": "https://github.com/keil555/AAE_paddle",
}


class Picture(NamedTuple):
    """An image in the page: its data address and its size in pixels."""

    address: str
    width: int
    height: int


class Told(NamedTuple):
    """A cell: a text, the place that it leads to, a badge of ``word``."""

    text: str
    href: str = ""
    word: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of cells; the first of each row is its heading."""

    label: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Told]]


@cache
def environment() -> Environment:
    """The templates; a name that is not given to one is an error."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["linked"] = linked
    found.filters["slug"] = slug
    return found


def render(template: str, **content: object) -> str:
    """The page of ``template`` with style and script inside, and a policy that allows no other."""
    style, script, explorer = (
        (TEMPLATES / name).read_text(encoding="utf-8")
        for name in ("page.css", "page.js", "explorer.js")
    )
    policy = (
        f"default-src 'none'; img-src data:; style-src {fingerprint(style)}; "
        f"script-src {fingerprint(script)} {fingerprint(explorer)}"
    )
    inside = {"style": Markup(style), "script": Markup(script), "policy": policy}
    inside["explorer"] = Markup(explorer)
    return environment().get_template(template).render(**content, **inside)


def fingerprint(text: str) -> str:
    """As a content security policy names the text of an element."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def anchor(preset: str, item: str, variant: str) -> str:
    """Where the page shows a record."""
    return f"{preset}-{item}-{variant}"


def slug(words: str) -> str:
    """The class of a badge that says ``words``."""
    return re.sub(r"[^a-z]+", "-", words.lower()).strip("-")


def linked(text: str) -> Markup:
    """``text``, escaped, with links on the names of sources."""
    names = "|".join(re.escape(name) for name in sorted(SOURCES, key=len, reverse=True))
    parts = []
    for part in re.split(f"({names})", text):
        address = SOURCES.get(part)
        link = Markup('<a href="{}" rel="noopener">{}</a>')
        parts.append(link.format(address, part) if address else escape(part))
    return Markup().join(parts)


def read_picture(path: Path, shrunk: int = 1) -> Picture:
    """As ``picture``, of a file; a UserError if it is damaged or no PNG."""
    png = read_bytes(path)
    try:
        return picture(png, shrunk)
    except Exception as error:  # Pillow raises many kinds
        problem = f"{path} is no PNG that was drawn: {error}"
        raise UserError(problem, f"delete {path} and draw it again") from None


def read_bytes(path: Path) -> bytes:
    """What is in the file; a UserError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", "make it a file that can be read") from None


def picture(png: bytes, shrunk: int = 1) -> Picture:
    """A PNG in as few bytes as 256 colours take as WebP, so many times as small on each side."""
    from PIL import Image

    with Image.open(BytesIO(png), formats=["PNG"]) as stored:
        image = stored.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(paper, image).convert("RGB")
    if shrunk > 1:
        flat = flat.reduce(shrunk)
    few = flat.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = BytesIO()
    few.convert("RGB").save(buffer, "WEBP", lossless=True)
    address = f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"
    return Picture(address, *image.size)
