"""The browser of the tests: where it is, and how it is started."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# It must neither need a graphics card nor call its maker.
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def find_chromium() -> str | None:
    """Return the path of a Chromium: of CHROMIUM, else of a usual name on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for p in PROGRAMS if (path := shutil.which(p))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Give a headless browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(OPTIONS), headless=True
        )
        try:
            yield running
        finally:
            running.close()
