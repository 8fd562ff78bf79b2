"""The explorer: the page is given what the bundle has, and a browser draws the same images."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import replication
from replication.base.errors import UserError
from replication.evidence import bundle, records
from replication.evidence.bundle import Bundled
from replication.evidence.records import read as read_record
from replication.models.networks import Decoder
from replication.pages import explorer
from replication.pages.drawing import Drawing
from replication.pages.explorer import MOST_CODES, codes_of, differences, eight_bits, layers_of
from replication.pages.explorer_picture import draw_explorer
from replication.settings.experiments import experiments
from tests.tools.browser import Browser
from tests.tools.site import FIGURE, TABLE, Page, Site, seed_result, store

PLANE, STYLES = (FIGURE, "aae_gaussian"), (TABLE, "mnist_100")
WITH_HEADS = ("figure11_dimensionality_reduction", "labels_1000")
SECOND_STAGE = ("ours_dimensionality_reduction", "labels_100")
PLANES = (PLANE, WITH_HEADS, SECOND_STAGE)
BETWEEN = ("table1_log_likelihood", "mnist")
LARGEST = 0.12  # of a pixel in [0, 1], that weights of 8 bits may move it
Explore = Callable[[tuple[str, str]], Decoder]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def explore(site: Site) -> Explore:
    """Bundles a tiny decoder of a variant, with a record that has codes; the decoder itself."""

    def stored(which: tuple[str, str]) -> Decoder:
        item, variant = which
        path = store(site.results, "quick", variant, [seed_result(0, 2.0)], item=item)
        record = read_record(path)
        torch.manual_seed(0)
        settings = record.settings
        heads = which in (WITH_HEADS, SECOND_STAGE)
        style_dim = 2 if heads else settings.style_dim
        sizes = (style_dim, settings.label_dim, [20, 20], 64)
        decoder = Decoder(*sizes, cluster_heads=heads).double().eval()
        if which in PLANES:
            stream = np.random.default_rng(0)
            codes = stream.normal(0, 2, (400, 2)).astype(np.float32)
            labels = stream.integers(0, 10, 400).astype(np.uint8)
            records.write(record, {"codes": codes, "labels": labels}, path)
        bundled(site, which, decoder, record.training_hash)
        return decoder

    return stored


def bundled(
    site: Site,
    which: tuple[str, str],
    decoder: Decoder,
    training_hash: str,
    beside: dict[str, np.ndarray] | None = None,
) -> None:
    state = decoder.state_dict().items()
    part = "plane.decoder" if which == SECOND_STAGE else "decoder"
    weights = {f"{part}.{name}": v.half().numpy() for name, v in state}
    content, stored = bundle.pack(weights | (beside or {}))
    own = Bundled(
        item=which[0],
        variant=which[1],
        preset="quick",
        seed=0,
        label_seed=0,
        parts=[part],
        stored=stored,
        hidden_sizes=[20, 20],
        training_hash=training_hash,
        code_hash="b" * 16,
        data_sha256="c" * 64,
        precision="float32",
        difference=0.001,
        mean_difference=0.0001,
        codes_compared=10,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    bundle.add(own, content, site.weights)


def data_of(page: Page, which: tuple[str, str]) -> dict[str, Any]:
    identifier = f"explore-quick-{which[0]}-{which[1]}"
    found = re.search(rf'data-for="{identifier}">(.*?)</script>', page.text, re.S)
    assert found is not None
    return json.loads(unescape(found[1]))


def decoded_by_script(identifier: str, codes: list[list[float]]) -> str:
    """What gives the pixels that the page's own script decodes."""
    return (
        f"(() => {{ const data = JSON.parse(document.querySelector('[data-for={identifier}]')"
        ".textContent), layers = data.layers.map(unpacked);"
        f"return {json.dumps(codes)}.map(code => [...decode(layers, code)]); }})()"
    )


def test_without_a_bundle_there_is_no_explorer(site: Site) -> None:
    store(site.results, "quick", "mnist_100", [seed_result(0, 2.0)])
    page = site.page()
    assert 'id="explore"' not in page.text
    assert "halves" not in page.text


def test_the_page_has_layers_codes_and_how_exact_they_are(site: Site, explore: Explore) -> None:
    for which in (PLANE, STYLES, BETWEEN):
        explore(which)
    page = site.page()
    plane, styles, between = (data_of(page, which) for which in (PLANE, STYLES, BETWEEN))
    assert "codes" in plane
    assert [layer["activation"] for layer in plane["layers"]] == ["relu", "relu", "sigmoid"]
    assert (styles["labels"], styles["columns"], styles["styleDim"], styles["std"]) == (
        10,
        10,
        10,
        1.0,
    )
    assert (between["labels"], between["columns"], between["styleDim"]) == (0, 10, 8)
    section = unescape(page.section("explore"))
    assert section.count('type="range"') == 2 + 10 + 8
    assert section.count("differs from the trained decoder's by at most") == 3
    assert f'href="#quick-{FIGURE}-aae_gaussian"' in section
    assert "10 labels, one style" in section


def test_without_a_record_the_plane_has_sliders_alone(site: Site, explore: Explore) -> None:
    explore(PLANE)
    for path in site.results.rglob("*.npz"):
        path.unlink()
    page = site.page()
    assert "codes" not in data_of(page, PLANE)


def test_weights_without_a_record_are_a_demonstration(site: Site, explore: Explore) -> None:
    explore(STYLES)
    assert "No record yet" not in site.page().section("explore")
    for path in site.results.rglob("*.json"):
        path.unlink()
    section = site.page().section("explore")
    seeds = len(experiments().settings_of("quick", *STYLES).runs)
    told = f"No record yet: a demonstration, one of the {seeds} seeds that the record will have."
    assert told in section
    assert "Evidence" not in section


@pytest.mark.parametrize("which", [WITH_HEADS, SECOND_STAGE])
def test_the_plane_of_a_style_and_a_head_has_its_heads(
    site: Site, explore: Explore, which: tuple[str, str]
) -> None:
    """In its frame; the decoder sees two numbers, whatever the other settings say."""
    decoder = explore(which)
    assert decoder.cluster_heads is not None
    page = site.page()
    data = data_of(page, which)
    assert data["layers"][0]["columns"] == 2
    low, high, heads = (np.array(data[name]) for name in ("low", "high", "heads"))
    assert ((heads > 0) & (heads < 1)).all()
    expected = decoder.cluster_heads.weight.detach().T.numpy()
    np.testing.assert_allclose(low + heads * (high - low), expected, atol=2e-3)
    section = unescape(page.section("explore"))
    assert "every place of the plane is an image" in section
    assert "Crosses are the cluster heads." in section
    assert section.count('type="range"') == 2


def test_a_plane_of_heads_has_codes_of_its_own_or_is_not_shown(
    site: Site, explore: Explore
) -> None:
    """Sliders of a label beside a style would give such a decoder what it never saw."""
    decoder = explore(WITH_HEADS)
    for path in site.results.rglob("*.npz"):
        path.unlink()
    assert 'id="explore"' not in site.page().text
    (own,) = bundle.entries(site.weights)
    codes = np.random.default_rng(0).normal(0, 2, 40).astype(np.float16)
    beside = {"shown.codes": codes, "shown.labels": np.arange(20, dtype=np.uint8) % 10}
    bundled(site, WITH_HEADS, decoder, own.training_hash, beside)
    data = data_of(site.page(), WITH_HEADS)
    assert len(base64.b64decode(data["classes"])) == 20
    assert len(data["heads"]) == 10


def test_a_decoder_of_other_settings_is_not_shown(site: Site, explore: Explore) -> None:
    decoder = explore(PLANE)
    bundled(site, PLANE, decoder, "0" * 16)
    assert 'id="explore"' not in site.page().text


@pytest.mark.parametrize("changed", ["item", "preset"])
def test_a_model_that_is_gone_is_one_line(site: Site, explore: Explore, changed: str) -> None:
    explore(PLANE)
    (own,) = bundle.entries(site.weights)
    manifest = site.weights / "manifest.json"
    manifest.write_text(json.dumps([{**own.model_dump(), changed: "gone"}]))
    with pytest.raises(UserError, match=r"manifest\.json: unknown .*; restore it from"):
        site.page()
    stored = {PLANE[0]: {"quick": Drawing("quick", PLANE[0], site.results)}}
    with pytest.raises(UserError, match=r"manifest\.json: unknown"):
        draw_explorer(stored, site.path, site.weights)


def test_a_damaged_bundle_is_one_line(site: Site, explore: Explore) -> None:
    explore(PLANE)
    (path,) = site.weights.rglob("*.safetensors")
    path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="is not the file that the manifest names"):
        site.page()


def test_layers_are_the_decoder_to_eight_bits(site: Site, explore: Explore) -> None:
    decoder = explore(STYLES)
    settings = experiments().settings_of("quick", *STYLES)
    (own,) = bundle.entries(site.weights)
    exact = layers_of(own, bundle.tensors(own, site.weights), settings)
    layers = eight_bits(exact)
    codes = np.random.default_rng(1).normal(0, 2, (100, 20))
    with torch.no_grad():
        expected = decoder.activate(decoder.output(decoder.trunk(torch.from_numpy(codes)))).numpy()
    found = codes
    for layer in layers:
        found = layer(found)
    largest, mean = differences(exact, layers, codes)
    assert 0 < mean < largest <= LARGEST
    assert np.abs(found - expected).max() <= largest + 2e-3


def test_the_committed_decoders_are_close_to_what_was_trained() -> None:
    for own in bundle.entries():
        settings = experiments().settings_of(own.preset, own.item, own.variant)
        exact = layers_of(own, bundle.tensors(own), settings)
        labels = settings.label_dim if settings.label_at != "discriminator" else 0
        codes = explorer.sample_codes(settings, labels, 200)
        if exact[0][0].shape[1] == 2:  # the places that a plane shows
            codes = explorer.evenly([-15, -15], [15, 15], 200)
        largest, mean = differences(exact, eight_bits(exact), codes)
        assert largest <= LARGEST, own.name
        assert mean < 0.003, own.name


def test_a_plane_starts_in_the_tightest_class(site: Site, explore: Explore) -> None:
    """Not in the middle, where there may be none."""
    stream = np.random.default_rng(0)
    wide, tight = stream.normal(0, 3, (500, 2)), stream.normal((4, -2), 0.1, (50, 2))
    found = codes_of(np.concatenate([wide, tight]), np.repeat([0, 7], [500, 50]))
    low, high = np.array(found["low"]), np.array(found["high"])
    start = low + found["start"] * (high - low)
    np.testing.assert_allclose(start, np.median(tight, axis=0), atol=0.02)
    explore(PLANE)
    page = site.page()
    values = [f"{1000 * share:.0f}" for share in data_of(page, PLANE)["start"]]
    assert re.findall(r'"range".*?value="(\d+)"', page.section("explore")) == values


def test_codes_are_few_and_within_their_frame() -> None:
    stream = np.random.default_rng(0)
    codes, labels = stream.normal(3, 2, (10_000, 2)), stream.integers(0, 10, 10_000)
    found = codes_of(codes, labels)
    assert found["low"][0] < -1 < 7 < found["high"][0]
    assert len(found["classes"]) <= 4 * (MOST_CODES * 1.2) / 3


@pytest.mark.browser
@pytest.mark.parametrize("which", [*PLANES, STYLES])
def test_the_browser_draws_the_decoders_images(
    site: Site, explore: Explore, tmp_path: Path, which: tuple[str, str]
) -> None:
    """Ten images: to a thousandth of a pixel those of the layers, close to the decoder's own."""
    decoder = explore(which)
    page = site.page()
    inputs = np.random.default_rng(0).normal(0, 2, (400, decoder.trunk[0].in_features))[:10]
    with torch.no_grad():
        trained = decoder.activate(decoder.output(decoder.trunk(torch.from_numpy(inputs)))).numpy()
    (own,) = bundle.entries(site.weights)
    settings = experiments().settings_of("quick", *which)
    expected = inputs
    for layer in eight_bits(layers_of(own, bundle.tensors(own, site.weights), settings)):
        expected = layer(expected)
    identifier = f"explore-quick-{which[0]}-{which[1]}"
    assert identifier in page.text
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{site.path.as_uri()}#explore")
        drawn = np.array(browser.ask(decoded_by_script(identifier, inputs.tolist())))
        assert drawn.shape == (10, 64)
        assert np.abs(drawn - expected).max() <= 1e-3
        assert np.abs(drawn - trained).max() <= LARGEST
        browser.until(f"document.getElementById('{identifier}').dataset.ready === 'true'")
        assert browser.complaints() == []
        assert browser.requests() == []


@pytest.mark.browser
def test_the_browser_draws_the_committed_decoders_images(site: Site, tmp_path: Path) -> None:
    """Ten labels of the recipe with 100 labels, in ten styles of the prior."""
    site.weights = bundle.BUNDLE
    site.page()
    identifier = "explore-quick-ours_semi_supervised-mnist_100"
    decoder = replication.load("ours_semi_supervised/mnist_100")["decoder"]
    styles = torch.from_numpy(np.random.default_rng(0).normal(size=(10, 10))).float()
    with torch.no_grad():
        expected = decoder(styles, torch.eye(10)).numpy()
    codes = torch.cat([torch.eye(10), styles], 1).tolist()
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{site.path.as_uri()}#explore")
        drawn = np.array(browser.ask(decoded_by_script(identifier, codes)))
        assert drawn.shape == (10, 784)
        assert np.abs(drawn - expected).max() <= LARGEST
        assert np.abs(drawn - expected).mean() < 0.003
        assert browser.complaints() == []


@pytest.mark.browser
@pytest.mark.parametrize("plane", PLANES)
def test_plane_and_sliders_change_what_is_decoded(
    site: Site, explore: Explore, tmp_path: Path, plane: tuple[str, str]
) -> None:
    for which in (plane, STYLES, BETWEEN):
        explore(which)
    site.page()

    def pixels(selector: str) -> str:
        return f"document.querySelector('{selector}').toDataURL()"

    with Browser(tmp_path / "profile") as browser:
        browser.open(f"{site.path.as_uri()}#explore")
        browser.until("document.querySelector('.explorer').dataset.ready === 'true'")
        before = browser.ask(pixels(".digit"))
        frame = "document.querySelector('.plane').getBoundingClientRect()"
        browser.point(*browser.ask(f"(r => [r.x + 40, r.y + 30])({frame})"))
        assert browser.ask(pixels(".digit")) != before
        told = browser.ask("document.querySelector('.explorer .place').textContent")
        assert re.fullmatch(r"Code \(-?[\d.]+, -?[\d.]+\); the nearest code is of a \d\.", told)
        # By keyboard: a slider.
        browser.ask("document.querySelector('.explorer input').focus()")
        middle = browser.ask(pixels(".digit"))
        for _ in range(30):
            for kind in ("keyDown", "keyUp"):
                key = {"key": "ArrowRight", "windowsVirtualKeyCode": 39}
                browser.send("Input.dispatchKeyEvent", type=kind, **key)
        assert browser.ask(pixels(".digit")) != middle
        for number in (0, 1):
            drawn = f"document.querySelectorAll('.digits')[{number}].toDataURL()"
            box = f"document.querySelectorAll('.explorer')[{number + 1}]"
            browser.ask(f"{box}.scrollIntoView()")
            browser.until(f"{box}.dataset.ready === 'true'")
            styles = browser.ask(drawn)
            browser.ask(f"document.querySelectorAll('.explorer button')[{number}].click()")
            assert browser.ask(drawn) != styles
        assert browser.complaints() == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_explorer_shuts_nobody_out(
    site: Site, explore: Explore, tmp_path: Path, scheme: str
) -> None:
    """On a phone: no wider than the screen, labelled, read with any colours."""
    for which in (PLANE, STYLES, BETWEEN):
        explore(which)
    site.page()
    with Browser(tmp_path / "profile") as browser:
        scheme_of = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.send("Emulation.setEmulatedMedia", media="screen", features=scheme_of)
        browser.open(f"{site.path.as_uri()}#explore", 400)
        browser.until("document.querySelector('.explorer').dataset.ready === 'true'")
        assert browser.ask("document.documentElement.scrollWidth") <= 400
        unnamed = "[...document.querySelectorAll('.explorer input')].filter(i => !i.labels.length)"
        assert browser.ask(f"{unnamed}.length") == 0
        named = "[...document.querySelectorAll('.explorer canvas')].every(c => c.ariaLabel)"
        assert browser.ask(named)
        live = "document.querySelector('.explorer .place').getAttribute('aria-live')"
        assert browser.ask(live) == "polite"
        assert browser.serious_faults() == []
