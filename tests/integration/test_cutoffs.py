"""Supplier cutoffs: each closed once, whatever dies; none skipped; people's word counts."""

import random
import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from smartshelf_dagster.pipeline import micro_batch
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.registry import append_rows
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.operator import (
    PlannedOrderKey,
    send_order_change,
    send_order_decision,
)
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import encode, opening, sale
from tests.helpers.predictions import cutoff_at, predictions
from tests.integration.test_kill import kill, start

CUTOFFS = [
    datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 4, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27)
]


def set_clock(client: Client, moment: datetime) -> None:
    client.set(SIM_NOW_KEY, moment.isoformat().replace("+00:00", "Z"))


def table(settings: Settings, name: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(name))))


def stock(settings: Settings, client: Client, pieces: int = 1) -> list[str]:
    """Give both stores a few pieces of some items, in warehouses whose reorder points are above."""
    items = read_reference(settings, "items")["item_id"].to_list()[:20]
    for store in ("S001", "S002"):
        lots = [
            opening(
                f"{store}-{item}",
                *(pieces, "warehouse"),
                store=store,
                shelf_id=item,
                batch_code=f"B{number}",
            )
            for number, item in enumerate(items)
        ]
        send_batches(client, f"warehouse_events:{store}", [encode(lot) for lot in lots], 20)
    return items


def ordered(settings: Settings) -> pl.DataFrame:
    commands = table(settings, "raw/commands")
    return commands.filter(pl.col("event_type") == "supplier_order")


@pytest.fixture
def rule(settings: Settings) -> Settings:
    """The same lake under the policy that needs no history."""
    return load_settings(lake=settings.lake, order_policy="rule")


def assert_each_cutoff_once(settings: Settings, cutoffs: list[datetime]) -> None:
    commands = table(settings, "raw/commands")
    closed = commands.filter(pl.col("event_type") == "supplier_cutoff")
    assert sorted(closed.select("store_id", "cutoff_ts").iter_rows()) == sorted(
        (store, cutoff) for store in ("S001", "S002") for cutoff in cutoffs
    )
    lines = ordered(settings).select("store_id", "shelf_id", "cutoff_ts")
    assert lines.n_unique() == lines.height
    sums = (
        ordered(settings)
        .group_by("store_id", "cutoff_ts")
        .agg(
            pl.len().cast(pl.Int32).alias("order_lines"),
            pl.col("quantity").sum().alias("order_pieces"),
        )
    )
    told = closed.filter(pl.col("order_lines") > 0)
    assert sums.sort("store_id", "cutoff_ts").rows() == (
        told.select("store_id", "cutoff_ts", "order_lines", "order_pieces")
        .sort("store_id", "cutoff_ts")
        .rows()
    )


@pytest.mark.timeout(600)
def test_d25_cutoff_killed_anywhere_orders_each_item_once(
    rule: Settings, client: Client, broker: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTSHELF_ORDER_POLICY", "rule")
    chance = random.Random(3)
    set_clock(client, CUTOFFS[0] - timedelta(hours=1))
    stock(rule, client)
    process = start("tests.helpers.turn_forever", rule.lake, broker.url)
    for cutoff in CUTOFFS[:8]:
        set_clock(client, cutoff + timedelta(minutes=1))
        time.sleep(chance.uniform(0.2, 4))
        kill(process)
        process = start("tests.helpers.turn_forever", rule.lake, broker.url)
    kill(process)
    session = LakeSession(rule, client)
    session.turn()
    session.turn()
    assert_each_cutoff_once(rule, CUTOFFS[:8])
    assert ordered(rule).height >= 2 * 20
    report = audit(rule)
    assert report.clean, report.details


@pytest.mark.timeout(300)
def test_d25_clock_that_jumps_over_cutoffs_skips_none(rule: Settings, client: Client) -> None:
    """A later cutoff sees what the earlier ones have ordered, and orders nothing twice."""
    set_clock(client, CUTOFFS[0] - timedelta(hours=1))
    stock(rule, client)
    session = LakeSession(rule, client)
    session.turn()
    set_clock(client, CUTOFFS[4] + timedelta(hours=2))
    assert [(c.store_id, c.cutoff_ts) for c in session.turn().closed_cutoffs] == [
        (store, cutoff) for cutoff in CUTOFFS[:5] for store in ("S001", "S002")
    ]
    session.turn()
    assert_each_cutoff_once(rule, CUTOFFS[:5])
    lines = ordered(rule)
    assert set(lines["cutoff_ts"]) == {CUTOFFS[0]}
    assert session.turn().closed_cutoffs == []


@pytest.mark.timeout(300)
def test_orders_people_hold_and_change_what_is_planned(rule: Settings, client: Client) -> None:
    cutoff = CUTOFFS[0]
    set_clock(client, cutoff - timedelta(hours=2))
    items = stock(rule, client)
    session, clock = LakeSession(rule, client), Clock(client)
    session.turn()
    held, changed = (PlannedOrderKey("S001", item, cutoff) for item in items[:2])
    send_order_decision(client, clock, held, "held", actor="Anna", note="supplier is closed")
    send_order_change(client, clock, changed, 7, actor="Bruno", note="feast")
    set_clock(client, cutoff - timedelta(hours=1))
    session.turn()
    plan = table(rule, "ops/supplier_plan").filter(pl.col("store_id") == "S001")
    rows = {row["shelf_id"]: row for row in plan.iter_rows(named=True)}
    assert (rows[items[0]]["decision"], rows[items[0]]["order_qty"]) == ("held", 0)
    assert (rows[items[1]]["decision"], rows[items[1]]["order_qty"]) == ("changed", 7)
    assert rows[items[2]]["order_qty"] == rows[items[2]]["planned_qty"] > 0
    set_clock(client, cutoff)
    session.turn()
    quantities = dict(
        ordered(rule)
        .filter(pl.col("store_id") == "S001")
        .select("shelf_id", "quantity")
        .iter_rows()
    )
    assert items[0] not in quantities
    assert quantities[items[1]] == 7
    actions = table(rule, "ops/operator_actions")
    assert set(actions["actor"]) == {"Anna", "Bruno"}
    published = table(rule, "ops/supplier_plan").filter(pl.col("store_id") == "S001")
    issued = published.filter(pl.col("status") == "issued")
    assert issued.filter(pl.col("shelf_id") == items[1])["actor"].to_list()[:1] == ["Bruno"]


@pytest.fixture
def forecast(settings: Settings) -> Settings:
    """The same lake under the policy that orders by forecasts."""
    return load_settings(lake=settings.lake, order_policy="forecast")


@pytest.mark.timeout(300)
def test_orders_follow_the_forecast_and_say_why(forecast: Settings, client: Client) -> None:
    """Nine pieces a day are expected of an item: three days have to be covered, with a reserve."""
    cutoff = cutoff_at(CUTOFFS[0])
    set_clock(client, cutoff.cutoff_ts - timedelta(hours=2))
    items = stock(forecast, client)
    wanted = {(store, items[0]): 9.0 for store in ("S001", "S002")}
    append_rows(forecast, "ml/predictions", predictions(cutoff, wanted))
    append_rows(
        forecast,
        "ml/predictions",
        predictions(cutoff, {("S001", items[1]): 9.0}, version=None),
    )
    session = LakeSession(forecast, client)
    session.turn()
    set_clock(client, cutoff.cutoff_ts)
    session.turn()
    sent = {
        row["shelf_id"]: row
        for row in ordered(forecast).filter(pl.col("store_id") == "S001").iter_rows(named=True)
    }
    first = sent[items[0]]
    assert (first["planned_by"], first["model_version"], first["forecast_method"]) == (
        *("forecast", "orders-1"), "xgboost",
    )  # fmt: skip
    # From Thursday noon until Monday at eight.
    days = 92 / 24
    assert float(first["demand_mean"]) == pytest.approx(9 * days, rel=0.03)
    assert 9 * days - 1 < first["quantity"] < 2 * 9 * days + first["batch_size"]
    assert float(first["critical_ratio"]) > 0.9
    assert sent[items[1]]["planned_by"] == "ets"
    assert sent[items[1]]["model_version"] is None
    assert {row["planned_by"] for name, row in sent.items() if name not in items[:2]} <= {
        "order-up-to"
    }
    # Closed lines keep what was told of them; the plan of the next cutoff has its own.
    plan = table(forecast, "ops/supplier_plan").filter(
        (pl.col("store_id") == "S001") & (pl.col("shelf_id") == items[0])
    )
    issued = plan.filter(pl.col("status") == "issued").row(0, named=True)
    assert (issued["source"], issued["model_version"]) == ("forecast", "orders-1")
    assert issued["demand_mean"] == pytest.approx(float(first["demand_mean"]), abs=1e-3)


@pytest.mark.timeout(300)
def test_next_plan_follows_from_what_is_left_of_the_last_forecast(
    forecast: Settings, client: Client
) -> None:
    cutoff = cutoff_at(CUTOFFS[1])
    set_clock(client, CUTOFFS[0] - timedelta(hours=2))
    items = stock(forecast, client)
    session = LakeSession(forecast, client)
    session.turn()
    set_clock(client, cutoff.cutoff_ts)
    session.turn()
    append_rows(forecast, "ml/predictions", predictions(cutoff, {("S001", items[0]): 9.0}))
    set_clock(client, cutoff.cutoff_ts + timedelta(days=1))
    session.turn()
    plan = table(forecast, "ops/supplier_plan").filter(
        (pl.col("store_id") == "S001") & (pl.col("status") == "pending")
    )
    line = plan.filter(pl.col("shelf_id") == items[0]).row(0, named=True)
    assert line["cutoff_ts"] == CUTOFFS[2]
    assert line["source"] == "forecast"
    # From Monday noon until Friday at eight.
    assert line["demand_mean"] == pytest.approx(9 * 92 / 24, rel=0.05)
    others = plan.filter(pl.col("shelf_id") != items[0])
    assert set(others["source"]) <= {"order-up-to"}


@pytest.mark.timeout(300)
def test_without_any_forecast_is_ordered_up_to(forecast: Settings, client: Client) -> None:
    set_clock(client, CUTOFFS[0] - timedelta(hours=2))
    stock(forecast, client)
    session = LakeSession(forecast, client)
    session.turn()
    set_clock(client, CUTOFFS[0])
    closed = session.turn().closed_cutoffs
    assert [done.store_id for done in closed] == ["S001", "S002"]
    lines = ordered(forecast)
    assert set(lines["planned_by"]) <= {"order-up-to"}
    assert lines["demand_mean"].null_count() == lines.height
    assert_each_cutoff_once(forecast, CUTOFFS[:1])


def sell(client: Client, items: list[str], first: datetime, days: int) -> None:
    """Sell one to three pieces of each item every day."""
    for store in ("S001", "S002"):
        receipts = [
            sale(
                f"{store}-{day}-{item}",
                (first + timedelta(days=day)).isoformat().replace("+00:00", "Z"),
                store=store,
                items=[
                    {"line_no": 1, "item_id": item, "quantity": 1 + (day + place) % 3,
                     "unit_price": 2.5, "discount": 0}
                ],
            )
            for day in range(days)
            for place, item in enumerate(items)
        ]  # fmt: skip
        send_batches(client, f"pos_transactions:{store}", [encode(each) for each in receipts], 50)


def test_orders_do_not_wait_for_a_forecast_that_fails(
    forecast: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the model is broken")

    monkeypatch.setattr(micro_batch, "forecast_cutoffs", fail)
    set_clock(client, CUTOFFS[1])
    sell(client, stock(forecast, client), CUTOFFS[0], 3)
    session = LakeSession(forecast, client)
    session.turn()
    lines = ordered(forecast)
    assert lines.height > 0
    assert set(lines["planned_by"]) == {"order-up-to"}
    assert_each_cutoff_once(forecast, CUTOFFS[:2])
    assert "the model is broken" in caplog.text


@pytest.mark.timeout(900)
def test_d25_forecasts_killed_anywhere_are_made_once_and_order_each_item_once(
    forecast: Settings, client: Client, broker: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A week at once: draining, building, forecasting and ordering are all hit."""
    monkeypatch.setenv("SMARTSHELF_ORDER_POLICY", "forecast")
    chance = random.Random(5)
    # A month without a sale orders nothing.
    set_clock(client, datetime(2026, 1, 29, 11, tzinfo=UTC))
    LakeSession(forecast, client).turn()
    set_clock(client, datetime(2026, 2, 5, 12, 1, tzinfo=UTC))
    items = stock(forecast, client)
    sell(client, items, CUTOFFS[0] + timedelta(hours=2), days=34)
    process = start("tests.helpers.turn_forever", forecast.lake, broker.url)
    for _ in range(3):
        time.sleep(chance.uniform(4, 14))
        kill(process)
        process = start("tests.helpers.turn_forever", forecast.lake, broker.url)
    kill(process)
    session = LakeSession(forecast, client)
    session.turn()
    session.turn()
    lines = ordered(forecast)
    key = ["store_id", "shelf_id", "cutoff_ts"]
    assert lines.select(key).n_unique() == lines.height
    said = table(forecast, "ml/predictions")
    grain = ["origin_ts", "store_id", "item_id", "window", "horizon"]
    assert said.select(grain).n_unique() == said.height
    # Four weeks have to be known.
    forecast_cutoffs = [
        datetime(2026, *day, 12, tzinfo=UTC) for day in ((1, 29), (2, 1), (2, 3), (2, 5))
    ]
    assert set(said["origin_ts"]) == set(forecast_cutoffs)
    features = table(forecast, "curated/features_store")
    assert features.select(grain[:3]).n_unique() == features.height
    planned_by = lines.filter(pl.col("cutoff_ts").is_in(forecast_cutoffs))["planned_by"]
    assert "ets" in set(planned_by)
    report = audit(forecast)
    assert report.clean, report.details
