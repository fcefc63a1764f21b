"""Defects of the first generation that show only when events meet state, alerts and plans."""

from collections.abc import Callable

import duckdb
import polars as pl
import pytest

from smartshelf_dagster.contracts.tables import arrow_schema, reference_tables
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import OTHER_SHELF, SHELF, cloud_event, encode, opening, pickup, sale

TOPICS = {"shelf": "shelf_events", "pos": "pos_transactions", "warehouse": "warehouse_events"}

Turn = Callable[..., None]


def table(settings: Settings, name: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(name))))


def put_on_streams(client: Client, *events: dict[str, object]) -> None:
    for event in events:
        family = str(event["type"]).removeprefix("com.smartshelf.").split(".")[0]
        send_batches(client, f"{TOPICS[family]}:S001", [encode(event)], 1)


@pytest.fixture
def turn(session: LakeSession, client: Client) -> Turn:
    """Lets events come in at a time, and the system take its turn."""

    def take(time: str, *events: dict[str, object]) -> None:
        client.set(SIM_NOW_KEY, time)
        put_on_streams(client, *events)
        session.turn()

    return take


def commands(settings: Settings, kind: str) -> pl.DataFrame:
    return table(settings, "raw/commands").filter(pl.col("event_type") == kind)


def alerts(settings: Settings, alert_type: str) -> pl.DataFrame:
    return table(settings, "ops/alerts").filter(pl.col("alert_type") == alert_type)


def counted_alerts(settings: Settings) -> tuple[int, int]:
    """Active alerts of the shelves and of the warehouse, as the report app counts them."""
    status = table(settings, "live/store_status").filter(pl.col("store_id") == "S001")
    return status.select("shelf_alerts", "warehouse_alerts").row(0)


def shelf_of(settings: Settings, shelf: str = SHELF) -> dict[str, object]:
    here = (pl.col("store_id") == "S001") & (pl.col("shelf_id") == shelf)
    return table(settings, "cleansed/shelf_state").row(by_predicate=here, named=True)


def test_d07_a_plan_is_sent_however_young_or_old_it_is(
    turn: Turn, session: LakeSession, client: Client, settings: Settings
) -> None:
    """The first generation dropped plans younger than a minute and never came back to them."""
    young = opening("w1", 90, "warehouse", batch_code="B2"), opening("s1", 1)
    turn("2026-01-01T07:30:00Z", *young)
    session.drain()
    assert commands(settings, "restock")["shelf_id"].to_list() == [SHELF]
    # A process plans and ends before it sends; the next turn comes three hours later.
    client.set(SIM_NOW_KEY, "2026-01-01T07:40:00Z")
    other = {"shelf_id": OTHER_SHELF, "batch_code": "B3"}
    put_on_streams(client, opening("w2", 90, "warehouse", **other), opening("s2", 1, **other))
    ending = LakeSession(settings, client)
    ending.drain()
    ending.build(ending.as_of())
    turn("2026-01-01T10:40:00Z")
    turn("2026-01-01T10:41:00Z")
    assert sorted(commands(settings, "restock")["shelf_id"]) == [SHELF, OTHER_SHELF]
    # Nobody began it: planned anew, and sent again.
    turn("2026-01-01T14:41:00Z")
    turn("2026-01-01T14:42:00Z")
    sent = commands(settings, "restock").filter(pl.col("shelf_id") == OTHER_SHELF)
    assert sent["event_id"].n_unique() == sent.height == 2


def test_d13_near_expiry_sees_lots_that_are_there_also_where_nothing_moves(
    turn: Turn, settings: Settings
) -> None:
    """An empty lot of an earlier date hid the next one, and quiet shelves were not looked at."""
    empty = {"batch_code": "EMPTY", "expiry_date": "2026-01-02"}
    near = {"expiry_date": "2026-01-07"}
    line = {"line_no": 1, "item_id": SHELF, "quantity": 2, "unit_price": 2.5, "discount": 0}
    turn(
        "2026-01-01T07:30:00Z",
        opening("o1", 2, **empty),
        opening("o2", 30, batch_code="NEAR", **near),
        opening("o3", 30, batch_code="QUIET", shelf_id=OTHER_SHELF, **near),
        pickup("p1", quantity=2),
        sale("t1", items=[line | empty]),
    )
    assert alerts(settings, "near_expiry").filter("is_active").is_empty()
    turn("2026-01-03T06:00:00Z")
    active = alerts(settings, "near_expiry").filter("is_active")
    assert sorted(active["shelf_id"]) == [SHELF, OTHER_SHELF]
    # Five days before the date, at midnight in Rome.
    assert {str(ts) for ts in active["opened_ts"]} == {"2026-01-01 23:00:00+00:00"}


def test_d23_an_alert_stands_once_with_its_life_for_all_readers(
    turn: Turn, settings: Settings, client: Client
) -> None:
    """Engine and sink wrote every alert, and only one of the two knew what became of it."""
    turn("2026-01-01T07:30:00Z", opening("o1", 1))
    turn("2026-01-01T07:31:00Z", pickup("p1"))
    alert = alerts(settings, "refill_request").row(0, named=True)
    action = cloud_event(
        *("operator.alert_acknowledged", "a1", "2026-01-01T07:31:30Z"),
        **{name: alert[name] for name in ("alert_id", "alert_type", "location", "shelf_id")},
        actor="Anna",
    )
    send_batches(client, "operator_events:S001", [encode(action)], 1)
    turn("2026-01-01T07:32:00Z")
    turn("2026-01-01T07:33:00Z")
    with duckdb.connect(settings.serving_path, read_only=True) as serving:
        served = serving.sql("from ops.alerts").pl()
    for rows in (table(settings, "ops/alerts"), served):
        assert rows.select("alert_id", "status", "last_actor").rows() == [
            (alert["alert_id"], "ack", "Anna")
        ]


def test_d27_alerts_of_every_kind_end_with_their_condition(turn: Turn, settings: Settings) -> None:
    """Those of the first generation stayed open and were raised again every hour."""
    old = {"batch_code": "OLD", "expiry_date": "2026-01-05"}
    turn("2026-01-01T07:30:00Z", opening("o1", 1), opening("o2", 1, "warehouse", **old))
    turn("2026-01-01T09:30:00Z")
    kinds = ["near_expiry", "refill_request", "supplier_request"]
    found = table(settings, "ops/alerts")
    assert sorted(found["alert_type"]) == kinds
    assert found["is_active"].all()
    assert counted_alerts(settings) == (1, 2)
    new = {"shelf_id": SHELF, "batch_code": "NEW"}
    dates = {"received_date": "2026-01-01", "expiry_date": "2027-01-01"}
    turn(
        "2026-01-01T10:30:00Z",
        cloud_event(
            *("warehouse.removal", "r1", "2026-01-01T10:00:00Z"),
            location="warehouse",
            shelf_id=SHELF,
            batch_code="OLD",
            removed_quantity=1,
            reason="expired",
        ),
        cloud_event(
            *("warehouse.receipt", "r2", "2026-01-01T10:01:00Z"),
            **new,
            **dates,
            quantity=200,
            reason="supplier_delivery",
        ),
        cloud_event(
            *("warehouse.pick", "r3", "2026-01-01T10:02:00Z"),
            **new,
            expiry_date="2027-01-01",
            quantity=40,
            reason="restock",
        ),
        cloud_event(
            *("shelf.putback", "r4", "2026-01-01T10:05:00Z"),
            **new,
            quantity=40,
            unit_weight_g=500,
            actor_role="staff",
        ),
    )
    found = table(settings, "ops/alerts")
    assert sorted(found["alert_type"]) == kinds
    assert set(found["status"]) == {"resolved"}
    assert counted_alerts(settings) == (0, 0)


def test_d30_a_pickup_that_comes_after_its_receipt_still_counts(
    turn: Turn, settings: Settings
) -> None:
    """The first generation filled carts from shelf events, and forgot those that came late."""
    line = {"line_no": 1, "item_id": SHELF, "quantity": 3, "unit_price": 2.5, "discount": 0}
    turn("2026-01-01T07:30:00Z", opening("o1", 30), sale("t1", items=[line]))
    assert table(settings, "cleansed/sales_lines")["qty"].to_list() == [3]
    assert (shelf_of(settings)["current_stock"], shelf_of(settings)["in_carts"]) == (30, -3)
    turn("2026-01-01T07:40:00Z", pickup("late", "2026-01-01T07:10:00Z", quantity=3))
    assert table(settings, "cleansed/sales_lines")["qty"].to_list() == [3]
    assert (shelf_of(settings)["current_stock"], shelf_of(settings)["in_carts"]) == (27, 0)
    report = audit(settings)
    assert report.clean, report.details


def change_policies(settings: Settings, rows: pl.DataFrame) -> None:
    contract = reference_tables()["stock_policies"]
    schema = arrow_schema(contract)
    content = rows.select(schema.names).to_arrow().cast(schema)
    delta.replace(settings.table_uri(contract.table), content, name=contract.table)


def test_d31_policies_of_a_category_and_later_ones_count_where_and_when_they_say(
    settings: Settings, client: Client
) -> None:
    """Policies were read once; one of a category was taken for all; without one for all, nothing
    raised an alert."""
    items = read_reference(settings, "items")
    other = items.filter(pl.col("category") != "BEVERAGES")["item_id"][0]
    rows = read_reference(settings, "stock_policies").with_columns(category=pl.lit("BEVERAGES"))
    change_policies(settings, rows)
    lots = opening("o1", 20), opening("o2", 1, shelf_id=other, batch_code="B2")
    put_on_streams(client, *lots)
    LakeSession(settings, client).turn()
    assert (shelf_of(settings)["current_stock"], shelf_of(settings)["is_low"]) == (20, False)
    # Nobody says when this one is low; it is there all the same.
    assert (shelf_of(settings, other)["current_stock"], shelf_of(settings, other)["is_low"]) == (
        1,
        False,
    )
    assert table(settings, "ops/alerts").is_empty()
    report = audit(settings)
    assert report.clean, report.details

    later = rows.with_columns(
        low_frac=pl.lit("0.9").cast(rows.schema["low_frac"]),
        valid_from_ts=pl.col("valid_from_ts") + pl.duration(hours=2),
    )
    change_policies(settings, pl.concat([rows, later]))
    put_on_streams(client, pickup("p1", "2026-01-01T07:31:00Z"))
    client.set(SIM_NOW_KEY, "2026-01-01T08:00:00Z")
    LakeSession(settings, client).turn()
    assert table(settings, "ops/alerts").is_empty()
    put_on_streams(client, pickup("p2", "2026-01-01T09:01:00Z"))
    client.set(SIM_NOW_KEY, "2026-01-01T09:30:00Z")
    LakeSession(settings, client).turn()
    assert alerts(settings, "refill_request")["shelf_id"].to_list() == [SHELF]
