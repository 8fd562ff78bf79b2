"""The page in a real browser: it opens whole, is read at any width, by keyboard and by hover."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replication.pages.tables import Cell, Table
from tests.tools.browser import Browser
from tests.tools.site import FIGURE, PNG, TABLE, Site, seed_result, store

pytestmark = pytest.mark.browser
RECORD = f"quick-{TABLE}-mnist_100"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with records, a table, a figure and a learning curve."""
    site = Site(tmp_path_factory.mktemp("site"))
    good = [seed_result(n, error) for n, error in enumerate((1.8, 1.9, 2.0))]
    for preset in ("quick", "smoke"):
        store(site.results, preset, "mnist_100", good)
    store(site.results, "quick", "aae_gaussian", [seed_result(0, 3.0)], item=FIGURE)
    ours = Cell(mean=1.9, n=3, record=f"quick/{TABLE}/mnist_100", verdict="undecided (stale)")
    table = Table("A caption", ["method", "MNIST"], [["AAE (ours)", ours]], ["A note."])
    table.write(site.figures / "quick" / TABLE)
    (site.figures / "quick" / f"{FIGURE}.png").write_bytes(PNG)
    site.page()
    return site.path.as_uri()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as found:
        yield found


def test_the_page_is_whole_and_silent(browser: Browser, address: str) -> None:
    browser.open(f"{address}#{RECORD}")
    assert browser.ask("document.documentElement.dataset.brokenImages") == "0"
    assert browser.ask("document.images.length") == 1
    assert browser.complaints() == []
    assert browser.requests() == []


def test_a_link_to_a_record_opens_it_and_nothing_else(browser: Browser, address: str) -> None:
    browser.open(f"{address}#{RECORD}")
    opened = "[...document.querySelectorAll('details.evidence[open]')].map(d => d.id)"
    assert browser.ask(opened) == [RECORD]
    assert abs(browser.ask(f"document.getElementById('{RECORD}').getBoundingClientRect().y")) < 100


@pytest.mark.parametrize("width", [1400, 400])
def test_the_first_screen_has_the_sentences_and_the_plot(
    browser: Browser, address: str, width: int
) -> None:
    browser.open(address, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    bottoms = "[...document.querySelectorAll('.lead')].map(p => p.getBoundingClientRect().bottom)"
    assert max(browser.ask(bottoms)) < 450
    first = "document.querySelector('.forest li').getBoundingClientRect().bottom"
    assert browser.ask(first) < 900
    assert browser.ask("document.querySelector('#contents details').open") == (width > 1200)


def test_a_curve_tells_its_values_under_the_pointer(browser: Browser, address: str) -> None:
    browser.open(f"{address}#{RECORD}")
    script = f"document.querySelector('#{RECORD} .chart').scrollIntoView({{block: 'center'}})"
    browser.ask(script)
    places = (
        f"(() => {{ const line = document.querySelector('#{RECORD} polyline');"
        "const p = line.points[1], m = line.getScreenCTM();"
        "return [m.a * p.x + m.e, m.d * p.y + m.f]; })()"
    )
    browser.point(*browser.ask(places))
    told = f"[...document.querySelectorAll('#{RECORD} .told')].map(t => t.textContent)"
    assert browser.ask(told) == [": 45 (epoch 2)"] * 3
    browser.point(5, 5)
    assert browser.ask(told) == [""] * 3


def test_the_keyboard_reaches_links_folds_and_tables(browser: Browser, address: str) -> None:
    browser.open(address)
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
    assert browser.ask("document.activeElement.className") == "skip"
    focusable = "a[href], summary, [tabindex='0'], input, button"
    unreachable = (
        f'[...document.querySelectorAll("{focusable}")].filter(e => e.tabIndex < 0).length'
    )
    assert browser.ask(unreachable) == 0
    wide = "[...document.querySelectorAll('.scroll')].filter(e => e.tabIndex !== 0).length"
    assert browser.ask(wide) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(browser: Browser, address: str, scheme: str) -> None:
    """By the rules of axe-core: nothing serious."""
    scheme_of = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.send("Emulation.setEmulatedMedia", media="screen", features=scheme_of)
    browser.open(f"{address}#{RECORD}")
    assert browser.serious_faults() == []


def test_in_print_the_contents_and_the_folded_are_left_out(browser: Browser, address: str) -> None:
    browser.open(f"{address}#{RECORD}")
    browser.send("Emulation.setEmulatedMedia", media="print")

    def shown(selector: str) -> bool:
        return browser.ask(f"getComputedStyle(document.querySelector('{selector}')).display") != (
            "none"
        )

    assert not shown("#contents")
    assert shown(f"#{RECORD}")
    assert not shown("details.evidence:not([open])")
    assert not shown("details.smoke")
    assert browser.ask("getComputedStyle(document.querySelector('.badge')).printColorAdjust") == (
        "exact"
    )
