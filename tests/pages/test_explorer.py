"""The explorer: the page is given what was exported, and a browser draws the same images."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.records import read as read_record
from replication.measures.decoder_export import compact, layers_of, packed
from replication.models.networks import Decoder
from replication.pages.explorer import ENDING, MOST_CODES, codes_of
from tests.tools.browser import Browser
from tests.tools.site import FIGURE, TABLE, Page, Site, seed_result, store

PLANE, STYLES = (FIGURE, "aae_gaussian"), (TABLE, "mnist_100")
Explore = Callable[[tuple[str, str]], Decoder]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def explore(site: Site) -> Explore:
    """Stores a record with codes and a tiny decoder, as ``export`` would; the decoder itself."""

    def stored(which: tuple[str, str]) -> Decoder:
        item, variant = which
        path = store(site.results, "quick", variant, [seed_result(0, 2.0)], item=item)
        record = read_record(path)
        torch.manual_seed(0)
        settings = record.settings
        decoder = Decoder(settings.style_dim, settings.label_dim, [20, 20], 64).double().eval()
        stream = np.random.default_rng(0)
        inputs = stream.normal(0, 2, (400, settings.style_dim + settings.label_dim))
        if which == PLANE:
            labels = stream.integers(0, 10, 400).astype(np.uint8)
            arrays = {"codes": inputs.astype(np.float32), "labels": labels}
            records.write(record, arrays, path)
        found = compact(layers_of(decoder), inputs)
        path.with_suffix(ENDING).write_bytes(packed(found, record.training_hash, 0))
        return decoder

    return stored


def data_of(page: Page, which: tuple[str, str]) -> dict[str, Any]:
    identifier = f"explore-quick-{which[0]}-{which[1]}"
    found = re.search(rf'data-for="{identifier}">(.*?)</script>', page.text, re.S)
    assert found is not None
    return json.loads(unescape(found[1]))


def test_without_an_exported_decoder_there_is_no_explorer(site: Site) -> None:
    store(site.results, "quick", "mnist_100", [seed_result(0, 2.0)])
    page = site.page()
    assert 'id="explore"' not in page.text
    assert "halves" not in page.text


def test_the_page_has_layers_codes_and_how_exact_they_are(site: Site, explore: Explore) -> None:
    for which in (PLANE, STYLES):
        explore(which)
    page = site.page()
    plane, styles = (data_of(page, which) for which in (PLANE, STYLES))
    assert plane["plane"]
    assert [layer["activation"] for layer in plane["layers"]][-1] == "sigmoid"
    assert (styles["labels"], styles["styleDim"], styles["std"]) == (10, 10, 1.0)
    section = page.section("explore")
    assert section.count('type="range"') == 2 + 10
    assert "differs from the trained decoder's by at most" in unescape(section)
    assert f'href="#quick-{FIGURE}-aae_gaussian"' in section


def test_a_decoder_of_other_settings_is_not_shown(site: Site, explore: Explore) -> None:
    explore(PLANE)
    (path,) = site.results.rglob(f"*{ENDING}")
    with np.load(path) as stored:
        content = dict(stored) | {"training_hash": np.array("0" * 16)}
    np.savez(path, **content)
    assert 'id="explore"' not in site.page().text


def test_a_damaged_decoder_is_one_line(site: Site, explore: Explore) -> None:
    explore(PLANE)
    (path,) = site.results.rglob(f"*{ENDING}")
    path.write_bytes(b"no archive")
    with pytest.raises(UserError, match="is no exported decoder"):
        site.page()


def test_codes_are_few_and_within_their_frame() -> None:
    stream = np.random.default_rng(0)
    codes, labels = stream.normal(3, 2, (10_000, 2)), stream.integers(0, 10, 10_000)
    found = codes_of(codes, labels)
    assert found["low"][0] < -1 < 7 < found["high"][0]
    assert len(found["classes"]) <= 4 * (MOST_CODES * 1.2) / 3


@pytest.mark.browser
@pytest.mark.parametrize("which", [PLANE, STYLES])
def test_the_browser_draws_the_decoders_images(
    site: Site, explore: Explore, tmp_path: Path, which: tuple[str, str]
) -> None:
    """Ten images; to the stored difference, and to a thousandth of a pixel what was exported."""
    decoder = explore(which)
    site.page()
    inputs = np.random.default_rng(0).normal(0, 2, (400, decoder.trunk[0].in_features))[:10]
    with torch.no_grad():
        expected = decoder.activate(decoder.output(decoder.trunk(torch.from_numpy(inputs)))).numpy()
    identifier = f"explore-quick-{which[0]}-{which[1]}"
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{site.path.as_uri()}#explore")
        script = (
            f"(() => {{ const data = JSON.parse(document.querySelector('[data-for={identifier}]')"
            ".textContent), layers = data.layers.map(unpacked);"
            f"return {json.dumps(inputs.tolist())}.map(code => [...decode(layers, code)]); }})()"
        )
        drawn = np.array(browser.ask(script))
        (path,) = site.results.rglob(f"*{ENDING}")
        with np.load(path) as stored:
            difference = float(stored["difference"])
        assert np.abs(drawn - expected).max() <= difference + 1e-3
        shown = f"document.getElementById('{identifier}').dataset.ready"
        assert browser.ask(shown) == "true"
        assert browser.complaints() == []
        assert browser.requests() == []


@pytest.mark.browser
def test_plane_and_sliders_change_what_is_decoded(
    site: Site, explore: Explore, tmp_path: Path
) -> None:
    for which in (PLANE, STYLES):
        explore(which)
    site.page()

    def pixels(selector: str) -> str:
        return f"document.querySelector('{selector}').toDataURL()"

    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{site.path.as_uri()}#explore")
        before = browser.ask(pixels(".digit"))
        frame = "document.querySelector('.plane').getBoundingClientRect()"
        browser.point(*browser.ask(f"(r => [r.x + 40, r.y + 30])({frame})"))
        assert browser.ask(pixels(".digit")) != before
        told = browser.ask("document.querySelector('.explorer .place').textContent")
        assert re.fullmatch(r"Code \(-?[\d.]+, -?[\d.]+\); the nearest test image is a \d\.", told)
        # By keyboard: a slider.
        browser.ask("document.querySelector('.explorer input').focus()")
        middle = browser.ask(pixels(".digit"))
        for _ in range(30):
            for kind in ("keyDown", "keyUp"):
                key = {"key": "ArrowRight", "windowsVirtualKeyCode": 39}
                browser.send("Input.dispatchKeyEvent", type=kind, **key)
        assert browser.ask(pixels(".digit")) != middle
        styles = browser.ask(pixels(".digits"))
        browser.ask("document.querySelector('.explorer button').click()")
        assert browser.ask(pixels(".digits")) != styles
        assert browser.complaints() == []
