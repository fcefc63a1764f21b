"""A lake of its own for every test, and the app on it."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import serving_files as files
import streamlit as st
from app_support import URL, FakeRedis
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard import actions
from dashboard.components import downloads, figure, tables

APP = files.ROOT / "dashboard" / "app.py"
DEFAULT_PAGE = "overview"


@pytest.fixture(autouse=True)
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the serving file of the test belongs; there is none yet, and no Redis."""
    monkeypatch.setenv("SMARTSHELF_LAKE", str(tmp_path / "lake"))
    monkeypatch.delenv("SMARTSHELF_REDIS_URL", raising=False)
    monkeypatch.setenv("SMARTSHELF_MICRO_BATCH_INTERVAL_S", "60")
    # AppTest reads what each installed package says of itself, as long as a page takes; no package
    # brings components.
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", list)
    st.cache_resource.clear()
    return tmp_path / "lake" / "serving" / "smartshelf.duckdb"


@pytest.fixture
def one_store(serving: Path) -> Path:
    """A publication about one store with stock."""
    return files.write(
        serving,
        *files.all_of_one_store(),
        files.quarantine(),
    )


@pytest.fixture
def two_stores(serving: Path) -> Path:
    """A publication about two stores with stock."""
    turku = files.store("S002", name="Smart Shelf Turku", timezone="Europe/Helsinki", people=11)
    return files.write(
        serving,
        *files.all_of_one_store(),
        turku,
        files.stock("S002"),
        files.loop("S002"),
        files.forecasts("S002"),
    )


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open a page of the app, as with an address in the browser; `user` has logged in.

    Its tables keep the columns that readers do not see: tests tell tables and rows by them.
    """
    monkeypatch.setattr(
        tables, "visible", lambda frame, names: frame.with_columns(frame.select(names))
    )

    def run(
        path: str = DEFAULT_PAGE, *, user: dict[str, object] | None = None, **query: str
    ) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        # There is no browser to ask for the figures.
        app.session_state[figure.HAS_PLOTLY] = True
        if user is not None:
            app.secrets["auth"] = {"client_id": "report"}
            app.user = user
        for name, value in query.items():
            app.query_params[name] = value
        if path != DEFAULT_PAGE:
            app._page_hash = calc_hash(path)
        return app.run()

    return run


@pytest.fixture
def at_page() -> Callable[[AppTest, str], AppTest]:
    """Go to another page in the same session, as with the navigation."""

    def run(app: AppTest, path: str) -> AppTest:
        app._page_hash = calc_hash(path)
        return app.run()

    return run


@pytest.fixture
def fake_broker(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    """A broker that remembers what the app sends."""
    fake = FakeRedis()
    monkeypatch.setenv("SMARTSHELF_REDIS_URL", URL)
    monkeypatch.setattr(actions, "connect", lambda url, timeout_s: fake)
    return fake


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[pl.DataFrame]:
    """The rows of each menu that was drawn."""
    rows: list[pl.DataFrame] = []
    menu = downloads.menu

    def noted(frame: pl.DataFrame, name: str) -> None:
        rows.append(frame)
        menu(frame, name)

    monkeypatch.setattr(downloads, "menu", noted)
    return rows
