"""Templates: everything is escaped, sources are linked, pictures take few bytes."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from jinja2 import UndefinedError
from PIL import Image

from replication.pages.page import SOURCES, Grid, Told, environment, linked, picture, slug
from tests.tools.site import PNG, Page

HTML_TEXT = st.text("<>&\"'=/ ab\n")


@profile(deadline=None)  # the first page waits for its template
@given(HTML_TEXT, HTML_TEXT)
def test_any_text_survives_a_table(heading: str, text: str) -> None:
    template = environment().from_string('{% from "macros.html" import grid %}{{ grid(content) }}')
    page = Page(template.render(content=Grid(heading, ["a", heading], [[text, Told(heading)]])))
    tags = [tag for tag, _ in page.elements]
    assert tags == ["div", "table", "thead", "tr", "th", "th", "tbody", "tr", "th", "td"]
    assert page.values("aria-label") == [heading]


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ absent }}").render()


def test_sources_are_linked_and_the_rest_is_escaped() -> None:
    text = linked("<b> GMVAE, Table 1; arXiv:1511.05644")
    assert text.startswith("&lt;b&gt; <a ")
    assert f'href="{SOURCES["GMVAE"]}"' in text
    assert text.endswith('rel="noopener">arXiv:1511.05644</a>')
    assert linked("no source") == "no source"


def test_words_of_verdicts_are_names_of_classes() -> None:
    assert slug("different, within the margin") == "different-within-the-margin"
    assert slug("not yet reached") == "not-yet-reached"


def test_a_picture_has_256_colours_and_its_size() -> None:
    stream = np.random.default_rng(0)
    pixels = (stream.random((40, 60, 3)) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    made = picture(buffer.getvalue())
    assert (made.width, made.height) == (60, 40)
    content = base64.b64decode(made.address.removeprefix("data:image/webp;base64,"))
    assert len(content) < len(buffer.getvalue())
    again = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=int)
    assert np.abs(again - pixels).mean() < 25


def test_greys_stay_as_they_are() -> None:
    made = picture(PNG)
    content = base64.b64decode(made.address.removeprefix("data:image/webp;base64,"))
    again = Image.open(io.BytesIO(content)).convert("L")
    assert again.tobytes() == Image.open(io.BytesIO(PNG)).convert("L").tobytes()
