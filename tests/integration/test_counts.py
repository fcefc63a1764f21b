"""What people report: counts become movements, unusual hours acknowledged; nothing is overwritten."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import polars as pl
import pytest

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.operator import (
    AnomalyKey,
    StockCount,
    send_anomaly_acknowledgement,
    send_stock_count,
)
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import SHELF, encode, opening, pickup

HOUR = datetime(2026, 1, 1, 7, tzinfo=UTC)


def table(settings: Settings, name: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(name))))


def acknowledge_unusual_hours(client: Client, clock: Clock) -> None:
    """An hour of the store, told twice, one of all stores, and two that cannot be."""
    of_store = AnomalyKey("store", "S001", "EUR", "hour", HOUR, "high")
    of_all = AnomalyKey("all", "ALL", "EUR", "hour", HOUR, "high")
    send_anomaly_acknowledgement(client, clock, of_store, actor="Anna", note="fair in town")
    send_anomaly_acknowledgement(client, clock, of_all, actor="Bruno")
    # The stream of a store comes after what is of no store: the order of arrival does not count.
    client.set(SIM_NOW_KEY, "2026-01-01T08:00:01Z")
    send_anomaly_acknowledgement(client, clock, of_store, actor="Carla")
    to_come = replace(of_store, bucket_start=datetime(2026, 1, 1, 9, tzinfo=UTC))
    send_anomaly_acknowledgement(client, clock, to_come, actor="Carla")
    [(_, fields)] = client.xrange("operator_events")
    event = orjson.loads(fields[1])
    event |= {"id": "bad", "data": event["data"] | {"direction": "sideways"}}
    send_batches(client, "operator_events", [encode(event)], 1)


def assert_hours_are_acknowledged(settings: Settings) -> None:
    """Once each, by who was the first; what people did stands in the audit trail, and no more."""
    known = table(settings, "ops/anomaly_acknowledgements").sort("scope_type")
    assert known.select("store_id", "scope_id", "bucket_start", "actor", "note").rows() == [
        ("ALL", "ALL", HOUR, "Bruno", None), ("S001", "S001", HOUR, "Anna", "fair in town"),
    ]  # fmt: skip
    done = table(settings, "ops/operator_actions").sort("event_ts", "actor")
    told = done.filter(pl.col("action") == "anomaly_acknowledged")
    assert told.select("actor", "scope_id", "direction").rows() == [
        ("Anna", "S001", "high"), ("Bruno", "ALL", "high"), ("Carla", "S001", "high"),
    ]  # fmt: skip
    refused = table(settings, "raw/quarantine").sort("stream")
    assert refused["reason_code"].to_list() == ["contract_violation", "impossible_value"]
    assert "data.direction" in refused["reason"][0]
    assert "data.bucket_start is 2026-01-01T09:00:00+00:00" in refused["reason"][1]


@pytest.mark.timeout(120)
def test_count_corrects_stock_whatever_comes_late(
    session: LakeSession, client: Client, settings: Settings
) -> None:
    """10 on the shelf, 8 counted: 2 less. A pickup that comes later still takes one."""
    lots = [
        opening("o1", 10, batch_code="L1"),
        opening("o2", 20, "warehouse", batch_code="L2"),
    ]
    send_batches(client, "warehouse_events:S001", [encode(lot) for lot in lots], 1)
    session.turn()
    client.set(SIM_NOW_KEY, "2026-01-01T08:00:00Z")
    clock = Clock(client)
    on_shelf = StockCount("S001", "shelf", SHELF, 8, 10)
    of_lot = StockCount("S001", "warehouse", SHELF, 21, 20, "L2")
    send_stock_count(client, clock, on_shelf, actor="Anna", note="one under the shelf")
    send_stock_count(client, clock, of_lot, actor="Bruno")
    acknowledge_unusual_hours(client, clock)
    session.turn()
    send_batches(client, "shelf_events:S001", [encode(pickup("late"))], 1)
    client.set(SIM_NOW_KEY, "2026-01-01T09:00:00Z")
    session.turn()
    states = table(settings, "cleansed/shelf_state")
    shelf = states.filter((pl.col("shelf_id") == SHELF) & (pl.col("store_id") == "S001"))
    assert shelf["current_stock"].to_list() == [7]
    warehouse = table(settings, "cleansed/warehouse_batch_state")
    assert warehouse.select("batch_code", "batch_quantity_warehouse").rows() == [("L2", 21)]
    counts = table(settings, "ops/stock_corrections").sort("location")
    assert counts.select("location", "correction_qty", "actor").rows() == [
        ("shelf", -2, "Anna"), ("warehouse", 1, "Bruno"),
    ]  # fmt: skip
    posted = table(settings, "cleansed/stock_movements").filter(pl.col("movement_type") == "COUNT")
    assert sorted(posted["qty_signed"]) == [-2, 1]
    assert_hours_are_acknowledged(settings)
    report = audit(settings)
    assert report.clean, report.details
    assert rebuild(settings).differences == 0
