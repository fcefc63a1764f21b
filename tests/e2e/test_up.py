"""`smartshelf up` as a person meets it: in a browser."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from csv import DictReader
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TypeVar

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.services.embedded_redis import socket_url
from smartshelf_dagster.settings import PROJECT_ROOT, load_settings
from smartshelf_dagster.streaming.client import connect
from tests.helpers.chromium import browser as start_browser
from tests.helpers.ports import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Five simulated minutes a second: the first alerts come with the second publication.
SPEED = "300"
PATIENCE_S = 240
T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A system that is up."""

    process: subprocess.Popen[str]
    lake: Path
    port: int
    pictures: Path

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the published tables."""
        file = self.lake / "serving" / "smartshelf.duckdb"
        if not file.exists():
            return []
        with duckdb.connect() as connection:
            connection.execute(f"attach '{file}' as published (read_only)")
            connection.execute("use published")
            return connection.execute(sql).fetchall()


def wait_for(what: Callable[[], T]) -> T:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A fresh world that runs, until a signal ends it."""
    folder = tmp_path_factory.mktemp("up")
    port = free_ports(4)
    pictures = Path(os.environ.get("SMARTSHELF_SCREENSHOTS", folder))
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "smartshelf_dagster.cli", "up", "--speed", SPEED),
                *("--port-base", str(port), "--lake", str(folder / "lake")),
            ],
            cwd=PROJECT_ROOT,
            env=os.environ | {"SMARTSHELF_MICRO_BATCH_INTERVAL_S": "15", "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        wait_for(
            lambda: "Ctrl-C" in (folder / "output.txt").read_text() or process.poll() is not None
        )
        assert process.poll() is None, (folder / "output.txt").read_text()
        running = Running(process, folder / "lake", port, pictures)
        wait_for(lambda: running.query("select 1 from ops.alerts where status = 'open'"))
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    """A machine that simulates, computes and draws at once takes its time."""
    expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with start_browser() as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A new window without a single error on its console."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    errors: list[str] = []
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors


def test_up_store_map_shows_a_store_that_lives(up: Running, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{up.port + 1}/map")
    clock = page.locator(".ss-status strong")
    expect(clock).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="People in store")).to_be_visible()
    expect(page.get_by_text("Long-Life Dairy").first).to_be_visible()
    expect(page.get_by_text("Where help is needed")).to_be_visible()
    page.wait_for_timeout(1_500)
    page.screenshot(path=up.pictures / "store-map.png")
    shown = clock.inner_text()
    # Without a click: the page notices the next publication itself.
    expect(clock).not_to_have_text(shown, timeout=180_000)


def test_up_states_are_those_that_are_published(up: Running, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{up.port + 1}/states")
    shelves = up.query("select count(*) from cleansed.shelf_state")[0][0]
    assert shelves == 1_142
    expect(page.get_by_text(re.compile(r"1,142")).first).to_be_visible()
    page.wait_for_timeout(1_500)
    page.screenshot(path=up.pictures / "states.png")


def test_up_alert_acknowledged_in_the_app_comes_back_through_the_pipeline(
    up: Running, page: Page
) -> None:
    # A warehouse alert: nobody restocks a warehouse within minutes, so it stays open.
    alert = wait_for(
        lambda: up.query(
            "select alert_id from ops.alerts where status = 'open' and location = 'warehouse' "
            "order by opened_ts limit 1"
        )
    )[0][0]
    page.goto(f"http://127.0.0.1:{up.port + 1}/alerts?alert={alert}")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Note (optional)").fill("supplier called")
    page.screenshot(path=up.pictures / "alerts.png")
    page.get_by_role("button", name="Acknowledge 1").click()
    expect(page.get_by_text("Sent: 1 alert acknowledged")).to_be_visible()
    wait_for(
        lambda: up.query(f"select 1 from ops.alerts where alert_id = '{alert}' and status = 'ack'")
    )
    row = up.query(
        "select actor, note from ops.alert_transitions "
        f"where alert_id = '{alert}' and to_status = 'ack'"
    )
    assert row == [("Ada", "supplier called")]
    page.goto(f"http://127.0.0.1:{up.port + 1}/alerts?alert={alert}")
    expect(page.get_by_text("supplier called")).to_be_visible()
    page.screenshot(path=up.pictures / "alert-acknowledged.png")


def test_up_supply_lots_and_waste_follow_the_store(up: Running, page: Page) -> None:
    wait_for(lambda: up.query("select 1 from ops.supplier_orders"))
    base = f"http://127.0.0.1:{up.port + 1}"
    page.goto(f"{base}/supply")
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    page.wait_for_timeout(1_500)
    page.screenshot(path=up.pictures / "supply.png")
    page.goto(f"{base}/lots")
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    page.wait_for_timeout(1_500)
    page.screenshot(path=up.pictures / "lots.png")
    for name, title in (("waste", "Waste"), ("audit", "Audit trail")):
        page.goto(f"{base}/{name}")
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        expect(page.get_by_text("Published by another version")).to_have_count(0)


def test_up_order_approved_in_the_app_comes_back_through_the_pipeline(
    up: Running, page: Page
) -> None:
    store, shelf, cutoff = wait_for(
        lambda: up.query(
            "select plan.store_id, plan.shelf_id, plan.cutoff_ts from ops.supplier_plan as plan "
            "inner join ops.supplier_cutoffs as cutoffs using (store_id, cutoff_ts) "
            "where cutoffs.status = 'next' and plan.order_qty > 0 and plan.decision is null "
            "order by plan.order_qty desc limit 1"
        )
    )[0]
    line = f"{store}/{shelf}/{cutoff.astimezone(UTC):%Y%m%dT%H%MZ}"
    page.goto(f"http://127.0.0.1:{up.port + 1}/supply?line={line}")
    page.get_by_label("Your name").fill("Grace")
    page.get_by_label("Note; the reason").fill("fair in town")
    page.get_by_role("button", name="Approve 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes, approve 1").click()
    expect(page.get_by_text("Sent: 1 line approved")).to_be_visible()
    found = wait_for(
        lambda: up.query(
            "select shelf_id, action, note from ops.operator_actions where actor = 'Grace'"
        )
    )
    assert found == [(shelf, "supplier_order_approved", "fair in town")]
    page.goto(f"http://127.0.0.1:{up.port + 1}/audit?audit_actor=Grace")
    expect(
        page.get_by_text(re.compile(r"^1 of \d+ actions?, done in the last 30 days\."))
    ).to_be_visible()


def test_up_a_table_taken_along_is_what_the_api_tells(up: Running, page: Page) -> None:
    wait_for(lambda: up.query("select 1 from ops.supplier_orders"))
    page.goto(f"http://127.0.0.1:{up.port + 1}/supply?supply=Orders")
    menu = page.get_by_test_id("stPopover").get_by_role("button")
    button = page.get_by_test_id("stPopoverBody").get_by_role("button", name="Download as CSV")
    columns = ("order_id", "store_id", "shelf_id", "ordered_qty", "status")
    address = (
        f"http://127.0.0.1:{up.port + 3}/v1/tables/ops/supplier_orders"
        f"?format=csv&columns={','.join(columns)}"
    )

    def both() -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]] | None:
        """Read both; nothing if a publication came between them."""
        before = up.query("select published_at from meta.publication")
        if not button.is_visible():
            menu.click()
        with page.expect_download() as taken:
            button.click()
        with urllib.request.urlopen(address, timeout=30) as answer:
            told = answer.read().decode()
        if up.query("select published_at from meta.publication") != before:
            return None
        return rows(Path(taken.value.path()).read_text()), rows(told)

    def rows(text: str) -> list[tuple[str, ...]]:
        return sorted(tuple(row[name] for name in columns) for row in DictReader(StringIO(text)))

    in_app, over_http = wait_for(both)
    assert in_app
    assert in_app == over_http


def test_up_deep_link_opens_the_item_in_a_new_browser(up: Running, page: Page) -> None:
    item, subcategory = up.query(
        "select shelf_id, subcategory from cleansed.shelf_state where store_id = 'S001' "
        "order by shelf_id limit 1 offset 700"
    )[0]
    page.goto(f"http://127.0.0.1:{up.port + 1}/states?item=S001/{item}")
    expect(page.get_by_role("heading", name=f"{item}, {subcategory}")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_up_dagster_shows_runs_and_lineage(up: Running, page: Page) -> None:
    base = f"http://127.0.0.1:{up.port}"
    page.goto(f"{base}/runs")
    expect(page.get_by_text("micro_batch").first).to_be_visible()
    expect(page.get_by_text("Success").first).to_be_visible()
    page.goto(f"{base}/asset-groups")
    for group in ("streams", "ingest", "cleansed", "ops", "serving"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    page.wait_for_timeout(3_000)
    page.screenshot(path=up.pictures / "dagster-lineage.png")


def test_up_docs_name_every_model(up: Running, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{up.port + 2}/#!/model/model.smartshelf.alerts")
    expect(page.get_by_text("alert_id").first).to_be_visible(timeout=60_000)


def test_up_api_serves_what_is_published(up: Running) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port + 3}/v1/health", timeout=30) as answer:
        health = json.load(answer)
    assert datetime.fromisoformat(health["published_at"]) <= datetime.now(UTC)


def test_up_survives_the_loss_of_its_broker_and_stays_exact(up: Running) -> None:
    """Runs last: the embedded server is killed; the supervisor brings it back; nothing is lost."""
    before = up.query("select max(published_at) from meta.publication")[0][0]
    server = connect(socket_url(up.lake / "_state" / "redis"), 10)
    os.kill(server.info("server")["process_id"], signal.SIGKILL)
    wait_for(lambda: up.query("select max(published_at) from meta.publication")[0][0] > before)
    time.sleep(1)
    after = up.query("select max(published_at) from meta.publication")[0][0]
    wait_for(lambda: up.query("select max(published_at) from meta.publication")[0][0] > after)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    report = audit(load_settings(lake=str(up.lake)))
    assert report.clean, report.details
