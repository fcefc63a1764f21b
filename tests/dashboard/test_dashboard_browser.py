"""The report app in a browser, on a publication that does not change but in one test.

No part of a page complains, overflows a tablet or a desk, or hides from the keyboard, and a few
pages look as they did.

Pictures are compared by structure: both are shrunk to cells of 16 pixels, and what counts is how the
light and dark of the cells go together (correlation), and how light they are on the whole. Fonts and
their smoothing differ from machine to machine and change single pixels, not how dark a line of text
is; what moved, vanished or is drawn in the wrong theme changes whole cells. The references are kept
at that size, a few kilobytes each. `SNAPSHOTS=renew` writes them anew, for somebody to look at.
"""

import io
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus

import numpy as np
import pytest
import serving_files as files
import stock_files as stock
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from dashboard.page import Page as AppPage
from dashboard.registry import PAGES
from tests.helpers.chromium import browser as start_browser
from tests.helpers.ports import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SNAPSHOTS = files.ROOT / "tests" / "dashboard" / "snapshots"
DESK: ViewportSize = {"width": 1280, "height": 960}
TABLET: ViewportSize = {"width": 820, "height": 1180}
# The navigation is not part of the picture: a page more is no other look.
HEADER = 64
CELL = 16
# Least correlation, and most difference of the mean light, of 255.
ALIKE, AS_LIGHT = 0.9, 12
BOTH = ("map", "alerts?alert=open-meat")
# A theme is one for all pages: what these have of their own shows in either.
LIGHT, DARK = (
    ("supply", "inventory", "quality"),
    ("lots", "waste", "forecast", "item?item=MEABEE0001"),
)
PICTURED = (
    *((path, "light") for path in (*BOTH, *LIGHT)),
    *((path, "dark") for path in (*BOTH, *DARK)),
)
PICTURES = pytest.mark.parametrize(("path", "theme"), PICTURED)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A report app on two stores, and where it is."""
    lake = tmp_path_factory.mktemp("browser")
    published = files.write(
        _serving(lake),
        *(files.catalogue(), files.store(), files.stock(), files.loop()),
        *(files.forecasts(), files.models(), files.quality(), files.quarantine()),
        *(files.store("S002", name="Smart Shelf Turku"), files.stock("S002"), files.loop("S002")),
    )
    stock.add(
        published,
        *(stock.products(), stock.levels(), stock.history(), stock.sales("S001", 1_000, 1)),
        frames=stock.planning("S001"),
    )
    with _app_on(lake) as place:
        yield place


def _serving(lake: Path) -> Path:
    return lake / "serving" / "smartshelf.duckdb"


@contextmanager
def _app_on(lake: Path) -> Iterator[str]:
    """Run the report app on a lake; yields where it is."""
    port = free_ports(1)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", "dashboard/app.py"),
            *("--server.port", str(port), "--server.fileWatcherType", "none"),
        ],
        cwd=files.ROOT,
        env=os.environ
        | {"SMARTSHELF_LAKE": str(lake), "SMARTSHELF_MICRO_BATCH_INTERVAL_S": "3600"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with start_browser() as running:
        yield running


@dataclass
class Window:
    """A window, and what went wrong in it."""

    page: Page
    address: str
    errors: list[str]

    def open(self, path: str) -> None:
        """Open a page of the app and wait until it is drawn."""
        name, _, query = path.partition("?")
        title = next(page.title for page in PAGES if page.path == name)
        # The first page lies at the root.
        place = "" if name == PAGES[0].path else name
        self.page.goto(f"{self.address}/{place}?{query}", wait_until="commit")
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible()
        expect(self.page.locator(".ss-status")).to_be_visible()
        self.settle()

    def choose(self, part: str) -> None:
        """Show a part of the page, and wait until it is drawn."""
        self.page.locator('[data-testid="stMain"]').locator(
            '[data-testid="stButtonGroup"] button, [role="tab"]'
        ).filter(has_text=re.compile(f"^{part}$")).click()
        self.page.wait_for_url(lambda url: part in unquote_plus(url))
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is drawn any more."""
        self.page.wait_for_function(
            """() => document.querySelector('[data-testid="stApp"]').dataset.testScriptState
                === 'notRunning'
            && !document.querySelector(
                '[data-testid="stSkeleton"], [data-stale="true"], .ss-figures-to-come')
            && [...document.querySelectorAll('[data-testid="stPlotlyChart"]')]
                .every((chart) => chart.querySelector('.main-svg'))"""
        )


@pytest.fixture(scope="module")
def window(chromium: Browser, address: str) -> Iterator[Window]:
    """One window for all tests: what is loaded once stays loaded."""
    with _window(chromium, address) as opened:
        yield opened


@contextmanager
def _window(chromium: Browser, address: str) -> Iterator[Window]:
    context = chromium.new_context(viewport=DESK, locale="en-GB", color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: _note(said, errors))
    yield Window(page, address, errors)
    context.close()


def _note(said: ConsoleMessage, errors: list[str]) -> None:
    # Streamlit looks for its server beside the page first, then at the root.
    if said.type == "error" and "/_stcore/" not in said.location["url"]:
        errors.append(f"{said.text} {said.location['url']}")


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    """A machine that does other things takes its time."""
    expect.set_options(timeout=60_000)


def sections(page: AppPage) -> list[str]:
    """Return the names of the parts of a page that is shown in parts."""
    return list(page.sections.names.values()) if page.sections else []


def complaints(window: Window) -> list[str]:
    """Return what is wrong with what is shown: exceptions, parts that are missing, no names."""
    failed = window.page.locator('[data-testid="stException"]').all_inner_texts()
    failed += window.page.get_by_text("Published by another version").all_inner_texts()
    failed += window.page.evaluate(
        """() => [...document.querySelectorAll(
            '[data-testid="stMain"] button, [data-testid="stMain"] input, header a')]
            .filter((one) => one.checkVisibility() && !one.closest('[aria-hidden="true"]'))
            .filter((one) => !(one.innerText?.trim() || one.ariaLabel || one.title
                || one.labels?.[0]?.innerText.trim() || one.ariaLabelledByElements?.length
                || one.placeholder))
            .map((one) => 'nameless: ' + one.outerHTML.slice(0, 200))"""
    )
    return failed + window.errors


def fits(window: Window, size: ViewportSize) -> bool:
    """Return whether what is shown is no wider than a window; charts take a moment to follow."""
    window.page.set_viewport_size(size)
    try:
        window.page.wait_for_function(
            """(width) => {
                const main = document.querySelector('[data-testid="stMain"]');
                return innerWidth === width && document.documentElement.scrollWidth <= width
                    && main.scrollWidth <= main.clientWidth;
            }""",
            arg=size["width"],
            timeout=20_000,
        )
    except PlaywrightTimeoutError:
        return False
    return True


def cut_off(window: Window) -> list[str]:
    """Return the figures that have no room for what they say."""
    found: list[str] = window.page.evaluate(
        """() => [...document.querySelectorAll(
            '[data-testid="stMetricValue"], [data-testid="stMetricValue"] *')]
            .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1
                && one.clientWidth)
            .map((one) => one.innerText)"""
    )
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_no_part_of_a_page_complains_or_overflows_a_tablet_or_desk(
    window: Window, page: AppPage
) -> None:
    window.errors.clear()
    window.open(page.path)
    parts = sections(page)
    for place, part in enumerate(parts or ["the page"]):
        # The first is shown already.
        if place:
            window.choose(part)
        assert complaints(window) == [], part
        assert [size["width"] for size in (DESK, TABLET) if not fits(window, size)] == [], part
        # The tablet is what is shown now.
        assert cut_off(window) == [], part


# Margins that were given, beside those that Plotly needed; at the right it depends on the width
# whether the last tick reaches over the edge.
_MARGINS = """() => [...document.querySelectorAll('.js-plotly-plot')].map((chart) => {
    const {margin, _size} = chart._fullLayout;
    return [...'ltb'].map((edge) => [margin[edge], _size[edge]]);
})"""


@pytest.mark.parametrize("path", ["inventory?store=S001", "lots?store=S001"])
def test_charts_have_room_for_their_words_and_are_drawn_once(window: Window, path: str) -> None:
    window.page.set_viewport_size(DESK)
    window.open(path)
    charts = window.page.evaluate(_MARGINS)
    assert charts
    for edges in charts:
        # Plotly draws again when an edge grows by more than a pixel.
        assert all(needed <= given + 1 for given, needed in edges), edges
    assert any(given > 30 for edges in charts for given, _ in edges)


def test_the_keyboard_reaches_navigation_and_actions_and_shows_where_it_is(window: Window) -> None:
    window.page.set_viewport_size(DESK)
    window.open("alerts?alert=open-meat")
    reached = {}
    for _ in range(80):
        window.page.keyboard.press("Tab")
        name, is_shown = window.page.evaluate(
            """() => {
                const one = document.activeElement;
                const shows = (style) => (style.outlineStyle !== 'none'
                    && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
                const around = [one, one.parentElement, one.parentElement?.parentElement];
                return [one.innerText?.trim() || one.ariaLabel || '',
                    around.some((part) => part && shows(getComputedStyle(part)))];
            }"""
        )
        reached.setdefault(name.split("\n")[-1], is_shown)
        if any("Acknowledge 1" in known for known in reached):
            break
    action = next(name for name in reached if "Acknowledge 1" in name)
    navigation = [name for name in reached if name in {"Store", "Supply", "Sales", "System"}]
    assert navigation, list(reached)
    assert all(reached[name] for name in (action, *navigation)), reached


def test_a_german_reads_german_numbers(chromium: Browser, address: str) -> None:
    context = chromium.new_context(viewport=DESK, locale="de-DE")
    # Tables are drawn on a canvas; what they say beside it has no format.
    context.add_init_script(
        """window.drawn = [];
        const { fillText } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.fillText = function (told, ...place) {
            window.drawn.push(told);
            return fillText.call(this, told, ...place);
        };"""
    )
    german = Window(context.new_page(), address, [])
    german.page.set_default_timeout(60_000)
    german.open("quality")
    german.page.wait_for_function("window.drawn.includes('41,0')")
    expect(german.page.locator(".stMain").get_by_text("0,5 MB")).to_be_visible()
    separators = german.page.evaluate(
        "document.querySelector('.js-plotly-plot')._fullLayout.separators"
    )
    assert separators == ",."
    context.close()


# A publication that comes while somebody reads


def _publish(lake: Path, alerts: int, taken: set[int]) -> None:
    """Publish alerts, the newest of which stand first; some are acknowledged."""
    rows = [
        files.alert(
            f"a-{number:03}",
            "MEABEE0001",
            "MEAT",
            "ack" if number in taken else "open",
            opened_ts=files.ago(1_000 - number),
        )
        for number in range(alerts)
    ]
    stock = files.stock() | {"ops.alerts": rows}
    files.write(_serving(lake), files.catalogue(), files.store(), stock)


# How far page and table are scrolled, by what the table is sorted, and which rows are marked.
_POSITION = """() => {
    const table = document.querySelector('[data-testid="stDataFrame"]');
    return {
        page: document.querySelector('[data-testid="stMain"]').scrollTop,
        table: table.querySelector('.dvn-scroller').scrollTop,
        sorted: [...table.querySelectorAll('th')].map((head) => head.textContent)
            .filter((name) => /[↑↓]/.test(name)),
        marked: [...table.querySelectorAll('tr[aria-selected="true"] td')]
            .map((cell) => cell.textContent).filter((words) => /:/.test(words)),
    };
}"""


def test_a_publication_leaves_page_and_table_where_they_are(
    chromium: Browser, tmp_path: Path
) -> None:
    old, new = set(range(60)), {120, 121, 122}
    _publish(tmp_path, 120, old)
    with _app_on(tmp_path) as address, _window(chromium, address) as window:
        page = window.page
        window.open("alerts")
        expect(page.locator(".dvn-scroller").first).to_be_visible()
        box = page.get_by_test_id("stDataFrame").bounding_box()
        assert box
        # The second column is the state; before the first are the boxes to choose rows.
        page.mouse.click(box["x"] + 180, box["y"] + 17)
        page.mouse.move(box["x"] + 180, box["y"] + 150)
        page.mouse.wheel(0, 700)
        page.wait_for_function(f"() => ({_POSITION})().table === 700")
        # What it shows, and so what a click hits, follows later: 20 rows of 35 px are above.
        expect(page.locator('[data-testid="stDataFrame"] tbody tr').first).to_have_attribute(
            "aria-rowindex", "22"
        )
        page.mouse.click(box["x"] + 18, box["y"] + 290)
        expect(page.get_by_role("button", name="Dismiss 1")).to_be_visible()
        page.mouse.move(5, 400)
        page.mouse.wheel(0, 200)
        page.wait_for_function(f"() => ({_POSITION})().page === 200")
        # The table tells what is chosen later than the button does.
        page.wait_for_function(f"() => ({_POSITION})().marked.length === 1")
        before = page.evaluate(_POSITION)
        assert before["sorted"] == ["↑ State"]
        [opened] = before["marked"]
        # First there are three rows more, which sort behind it; then six others join them there.
        for taken in (old | new, old | new | set(range(106, 112))):
            _publish(tmp_path, 123, taken)
            acknowledged = page.get_by_test_id("stMetric").filter(has_text="Acknowledged")
            expect(page.get_by_text("of 123 alerts")).to_be_visible()
            expect(acknowledged).to_contain_text(str(len(taken)))
            window.settle()
            # The page is drawn once more before the next publication may come.
            page.wait_for_timeout(8_000)
            window.settle()
            assert page.evaluate(_POSITION) == before, opened


# Pictures


def shrunk(picture: bytes | Image.Image) -> np.ndarray:
    """Return the light of the cells of a picture."""
    image = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
    size = (image.width // CELL, image.height // CELL)
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), dtype=float)


def difference(one: np.ndarray, other: np.ndarray) -> str:
    """Return in which way two pictures are not alike, nothing if they are."""
    if abs(one.mean() - other.mean()) > AS_LIGHT:
        return f"mean light {one.mean():.0f}, expected {other.mean():.0f}"
    if one.std() < 1:
        return "nothing is drawn"
    alike = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    return "" if alike >= ALIKE else f"correlation {alike:.2f}, expected at least {ALIKE}"


def picture(window: Window, path: str, theme: str) -> bytes:
    """Take a picture of a page below the navigation."""
    window.page.set_viewport_size(DESK)
    window.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    window.open(path)
    # How old the data are is another figure each time.
    window.page.add_style_tag(content=".ss-pill { visibility: hidden }")
    window.page.mouse.move(2, 700)
    # Fonts, and the ease with which things appear.
    window.page.wait_for_timeout(1_200)
    clip = {"x": 0, "y": HEADER, "width": DESK["width"], "height": DESK["height"] - HEADER}
    return window.page.screenshot(clip=clip, animations="disabled")  # type: ignore[arg-type]


def snapshot(path: str, theme: str) -> Path:
    """Return where the known picture of a page lies."""
    return SNAPSHOTS / f"{path.partition('?')[0]}-{theme}.png"


@PICTURES
def test_a_page_looks_as_it_did(window: Window, path: str, theme: str) -> None:
    seen = shrunk(picture(window, path, theme))
    reference = snapshot(path, theme)
    if os.environ.get("SNAPSHOTS") == "renew":
        SNAPSHOTS.mkdir(exist_ok=True)
        Image.fromarray(seen.round().astype(np.uint8)).save(reference, optimize=True)
    known = np.asarray(Image.open(reference), dtype=float)
    assert difference(seen, known) == ""


@PICTURES
def test_a_picture_that_moved_or_lacks_something_is_told_from_the_known_one(path, theme) -> None:
    known = np.asarray(Image.open(snapshot(path, theme)), dtype=float)
    ground = np.median(known)
    noise = np.random.default_rng(7).normal(0, 3, known.shape)
    assert difference(known + noise, known) == ""
    assert difference(np.full_like(known, ground), known)
    for axis, cells in ((0, 3), (1, 5)):
        assert difference(np.roll(known, cells, axis), known)
    lacking = known.copy()
    lacking[len(known) // 2 :] = ground
    assert difference(lacking, known)
    assert difference(255 - known, known)
    for other in PICTURED:
        if other != (path, theme):
            assert difference(np.asarray(Image.open(snapshot(*other)), dtype=float), known)
