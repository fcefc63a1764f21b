"""Stock counts: the difference becomes a movement; nothing is overwritten."""

import polars as pl
import pytest

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.operator import StockCount, send_stock_count
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import SHELF, encode, opening, pickup


def table(settings: Settings, name: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(name))))


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
    report = audit(settings)
    assert report.clean, report.details
    assert rebuild(settings).differences == 0
