"""Time of the report app in a browser: `python -m benchmarks.report_app --lake PATH [--json]`.

The lake must have been published; it is only read. The app is a process of its own; the browser is
headless Chromium (`CHROMIUM`, else one on the PATH), at 1280 x 900.

Per page of the registry, from the beginning of the navigation:

`first paint`: until heading, status and the first figure, chart or table are drawn and the script
has ended, so that the sign for running is gone.
`all drawn`: until each chart and each table of the page has its drawing as well.
`largest paint`: Largest Contentful Paint as the browser tells it, of what was painted by then.

All by the clock of the browser, so what drives it does not count; all in a context of its own,
which knows nothing and loads all of Streamlit's JavaScript (`first visit`), and in a profile on
disk that has been there (`again`), as on every other morning. `first reader` is the first load of a
page in a new process, which alone waits for queries.

`interaction`: from choosing another store (without several stores: another period or tab) until all
is drawn. Each repetition chooses another store, as long as there are others, so that nothing of the
answer is remembered.

`CPU`: what app and browser computed for one load of a page, `again`; unlike the times above it
hardly depends on what else the machine does.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    sync_playwright,
)

from benchmarks.common import Figure, describe_machine
from benchmarks.telling import add_options, tell
from dashboard.registry import PAGES
from smartshelf_dagster.settings import PROJECT_ROOT
from tests.helpers.chromium import OPTIONS, find_chromium

REPETITIONS = 5
_READY_TIMEOUT_S = 60.0
_PATIENCE_MS = 60_000
_VIEW: ViewportSize = {"width": 1280, "height": 900}

# Resolves with the times since the navigation, or since `window.begun`: of the first paint, and at
# which all is drawn. With nothing when a page takes longer than anybody waits.
_DRAWN = """
([title, patience]) => new Promise((resolve) => {
    setTimeout(resolve, patience);
    // What lies in a closed box has no drawing.
    const all = (what) => [...document.querySelectorAll(what)].filter((e) => e.checkVisibility());
    const content = '[data-testid="stMetric"], .main-svg, canvas, [data-testid="stAlert"], h3';
    const isPainted = () => {
        const app = document.querySelector('[data-testid="stApp"]');
        return app?.dataset.testScriptState === 'notRunning'
            && all('h1').some((heading) => heading.innerText.trim() === title)
            && document.querySelector(`[data-testid="stMain"] :is(${content})`)
            && !document.querySelector('[data-stale="true"]');
    };
    const isDrawn = () => isPainted()
        && !all('[data-testid="stSkeleton"]').length
        && !document.querySelector('.ss-figures-to-come')
        && all('[data-testid="stPlotlyChart"]').every((c) => c.querySelector('.main-svg'))
        && all('[data-testid="stDataFrame"]').every((t) => t.querySelector('canvas'));
    let painted = null;
    let drawn = null;
    const look = () => {
        const now = performance.now();
        const isReady = window.begun !== null && isPainted();
        if (isReady) painted ??= now;
        drawn = isReady && isDrawn() ? drawn ?? now : null;
        // It has been drawn for a while: no run of the script was about to begin.
        if (drawn !== null && now - drawn > 150) {
            const begun = window.begun ?? 0;
            return resolve([painted - begun, drawn - begun]);
        }
        requestAnimationFrame(look);
    };
    look();
})
"""
# Resolves with the time since the navigation.
_LARGEST = """
() => new Promise((resolve) => new PerformanceObserver(
    (list) => resolve(list.getEntries().at(-1).startTime)
).observe({type: 'largest-contentful-paint', buffered: true}))
"""
# The next key or click is the beginning.
_ARM = """
() => {
    window.begun = null;
    const begin = () => { window.begun ??= performance.now(); };
    for (const kind of ['keydown', 'mousedown'])
        document.addEventListener(kind, (event) => {
            if (kind === 'mousedown' || event.key === 'Enter') begin();
        }, {capture: true});
}
"""


@contextmanager
def _app(lake: str) -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.fileWatcherType", "none"],
        cwd=PROJECT_ROOT,
        # What was published stays fresh: no banner for old data.
        env=os.environ | {"SMARTSHELF_LAKE": lake, "SMARTSHELF_MICRO_BATCH_INTERVAL_S": "3600"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/_stcore/health")
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the report app did not answer in time")


class Load(NamedTuple):
    """One load of a page, seconds.

    Attributes:
        painted: Time of the first paint.
        drawn: Time at which all was drawn.
        largest: Time of the largest paint.
        browser_cpu: What the browser computed.
        app_cpu: What the app computed.
    """

    painted: float
    drawn: float
    largest: float
    browser_cpu: float
    app_cpu: float


def _drawn(page: Page, title: str) -> tuple[float, float]:
    times = page.evaluate(_DRAWN, [title, _PATIENCE_MS])
    if times is None:
        raise TimeoutError(f"{title} was not drawn within {_PATIENCE_MS // 1_000} s")
    painted, drawn = times
    return painted / 1_000, drawn / 1_000


def _cpu() -> dict[tuple[int, bool], float]:
    """Return the CPU seconds of the processes started here, by id and whether it is the app."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times, is_app = process.cpu_times(), "streamlit" in process.cmdline()
            found[process.pid, is_app] = times.user + times.system
    return found


def _load(context: BrowserContext, address: str, title: str) -> Load:
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    before = _cpu()
    page.goto(address, wait_until="commit")
    painted, drawn = _drawn(page, title)
    largest = page.evaluate(_LARGEST) / 1_000
    grown = {key: seconds - before.get(key, 0.0) for key, seconds in _cpu().items()}
    page.close()
    app, browser = (
        sum(seconds for (_, is_app), seconds in grown.items() if is_app is wanted)
        for wanted in (True, False)
    )
    return Load(painted, drawn, largest, browser, app)


def _first_visits(browser: Browser, address: str, title: str, times: int) -> list[Load]:
    loads = []
    for _ in range(times):
        context = browser.new_context(viewport=_VIEW)
        loads.append(_load(context, address, title))
        context.close()
    return loads


def _interactions(context: BrowserContext, address: str, title: str, times: int) -> list[float]:
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(address)
    _drawn(page, title)
    page.evaluate(_ARM)
    seconds = []
    for number in range(1, times + 1):
        page.evaluate("() => { window.begun = null; }")
        if not _act(page, number):
            break
        seconds.append(_drawn(page, title)[1])
    page.close()
    return seconds


def _act(page: Page, number: int) -> bool:
    """Do what changes the page; returns whether there was something to do."""
    store = page.get_by_role("combobox", name="Store", exact=True)
    if store.count():
        store.click()
        options = page.get_by_role("option")
        wanted = options.nth(number % options.count())
        wanted.hover()
        # Clicking the box was not what is measured.
        page.evaluate("() => { window.begun = null; }")
        wanted.click()
        return True
    for other in _others(page):
        if other.count():
            other.first.click()
            return True
    return False


def _others(page: Page) -> Sequence[Locator]:
    main = page.get_by_test_id("stMain")
    return (
        main.locator('[data-testid="stButtonGroup"] button[aria-checked="false"]'),
        main.locator('[role="tab"][aria-selected="false"]'),
    )


def run(lake: str, only: Sequence[str] = (), times: int = REPETITIONS) -> list[Figure]:
    """Measure the pages of the app on a lake.

    Args:
        lake: Its folder.
        only: Paths of pages; default: all.
        times: Repetitions of each measurement.
    """
    kinds: dict[str, dict[str, list[float]]] = {}
    with (
        _app(lake) as url,
        tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as profile,
        sync_playwright() as playwright,
    ):
        chromium, executable = playwright.chromium, find_chromium()
        browser = chromium.launch(executable_path=executable, args=list(OPTIONS))
        known = chromium.launch_persistent_context(
            profile, executable_path=executable, args=list(OPTIONS), viewport=_VIEW
        )
        for page in PAGES:
            if only and page.path not in only:
                continue
            # The first page lies at the root.
            address = url if page is PAGES[0] else f"{url}/{page.path}"
            reader = _load(known, address, page.title)
            visits = _first_visits(browser, address, page.title, times)
            again = [_load(known, address, page.title) for _ in range(times)]
            measured = {
                "first reader, all drawn": [reader.drawn],
                "first visit, first paint": [load.painted for load in visits],
                "first visit, all drawn": [load.drawn for load in visits],
                "again, first paint": [load.painted for load in again],
                "again, all drawn": [load.drawn for load in again],
                "again, largest paint": [load.largest for load in again],
                "interaction": _interactions(known, address, page.title, times),
                "CPU of the browser": [load.browser_cpu for load in again],
                "CPU of the app": [load.app_cpu for load in again],
            }
            for kind, seconds in measured.items():
                kinds.setdefault(kind, {})[page.path] = seconds
        known.close()
        browser.close()
    return list(_figures(kinds))


def _figures(kinds: dict[str, dict[str, list[float]]]) -> Iterator[Figure]:
    for kind, by_page in kinds.items():
        together = [value for seconds in by_page.values() for value in seconds]
        by_name = {**by_page, "all pages": together}
        for name, seconds in by_name.items():
            for share in (50, 95):
                if seconds:
                    value = float(np.percentile(seconds, share))
                    how = f"{len(seconds)} times"
                    yield Figure(f"{kind}, {name}, p{share}", (value,), "s", how)


def main(arguments: list[str]) -> int:
    """Measure the lake that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report_app", description="Measure the report app in a browser."
    )
    parser.add_argument("--lake", required=True, metavar="PATH", help="published lake")
    parser.add_argument("--page", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--times", type=int, default=REPETITIONS, help="repetitions of each")
    add_options(parser)
    options = parser.parse_args(arguments)
    lake = str(Path(options.lake).resolve())
    tell(run(lake, options.page, options.times), describe_machine(), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
