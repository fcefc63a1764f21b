"""Three days of the whole loop: orders, faulty deliveries, expiry, markdowns, waste; by the lot."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.lockstep import run_lockstep
from smartshelf_dagster.services.simulator import LockstepSimulator, bootstrap_world
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import connect
from tests.helpers.warehouse import give_warehouse

FAULTS = "short=0.2,late=0.1,damaged=0.2"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def lived(
    lake_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, pl.DataFrame]:
    """A lake after three days, and what is really there."""
    folder = tmp_path_factory.mktemp("loop")
    settings = give_warehouse(folder / "lake", lake_template)
    bootstrap_world(settings, stores=1, seed=2)
    with EmbeddedRedis(folder / "redis") as server:
        session = LakeSession(settings, connect(server.url, 60))
        with LockstepSimulator(settings, server.url, "--supplier-faults", FAULTS) as simulator:
            run_lockstep(session, simulator, days=3, tick=timedelta(hours=3))
            truth = folder / "truth.parquet"
            simulator.ask("stock", path=str(truth))
    return settings, pl.read_parquet(truth)


def table(settings: Settings, name: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(name))))


def test_loop_lots_in_the_books_are_the_lots_that_are_there(
    lived: tuple[Settings, pl.DataFrame],
) -> None:
    settings, truth = lived
    really = truth.group_by("store_id", "item_id", "batch_code", "location").agg(
        pl.col("quantity").sum().cast(pl.Int64)
    )
    warehouse = table(settings, "cleansed/warehouse_batch_state").select(
        "store_id",
        pl.col("shelf_id").alias("item_id"),
        "batch_code",
        pl.col("batch_quantity_warehouse").alias("quantity"),
    )
    assert_frame_equal(
        warehouse,
        really.filter((pl.col("location") == "warehouse") & (pl.col("quantity") != 0)).drop(
            "location"
        ),
        check_row_order=False,
    )
    # On the shelf the lot is known once the till has seen what customers have in hand.
    floor = really.filter(pl.col("location").is_in(["shelf", "cart"]))
    booked = table(settings, "cleansed/lot_balances").filter(
        (pl.col("place") == "shelf") & (pl.col("qty") != 0)
    )
    assert_frame_equal(
        booked.select("store_id", "item_id", "batch_code", pl.col("qty").alias("quantity")),
        floor.group_by("store_id", "item_id", "batch_code")
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") != 0),
        check_row_order=False,
    )


def test_loop_differences_of_deliveries_are_shown(lived: tuple[Settings, pl.DataFrame]) -> None:
    orders = table(lived[0], "ops/supplier_orders")
    delivered = orders.filter(pl.col("status") == "delivered")
    assert delivered.height > 50
    assert delivered["missing_qty"].sum() > 0
    assert delivered["damaged_qty"].sum() > 0
    assert (
        delivered["ordered_qty"]
        == delivered["received_qty"] + delivered["damaged_qty"] + delivered["missing_qty"]
    ).all()
    receipts = table(lived[0], "ops/supplier_receipts")
    assert receipts["delay_minutes"].max() > 60


def test_d14_deliveries_have_the_life_of_their_category(
    lived: tuple[Settings, pl.DataFrame],
) -> None:
    lots = table(lived[0], "cleansed/lots").filter(pl.col("batch_code").str.starts_with("SUP-"))
    life = lots.with_columns(
        days=(pl.col("expiry_date") - pl.col("received_date")).dt.total_days()
    ).join(
        table(lived[0], "ref/items").select("item_id", "category", "is_perishable"), on="item_id"
    )
    assert life.filter(pl.col("category") == "MEAT")["days"].max() <= 9
    assert life.filter(~pl.col("is_perishable"))["days"].min() >= 365


def test_d26_expired_lots_leave_shelf_and_warehouse(lived: tuple[Settings, pl.DataFrame]) -> None:
    settings, truth = lived
    removals = table(settings, "ops/removals")
    done = removals.filter(pl.col("status") == "completed")
    assert set(done["location"]) == {"shelf", "warehouse"}
    assert done["removed_qty"].sum() > 0
    assert table(settings, "live/waste_daily")["wasted_units"].sum() == done["removed_qty"].sum()
    removed = done.select("store_id", pl.col("shelf_id").alias("item_id"), "batch_code", "location")
    there = truth.filter(pl.col("quantity") > 0)
    assert there.join(removed, on=removed.columns, how="semi").is_empty()


def test_d11_markdowns_reach_the_till(lived: tuple[Settings, pl.DataFrame]) -> None:
    settings = lived[0]
    sold = table(settings, "ops/markdowns").filter(pl.col("sold_qty") > 0)
    assert sold.height > 0
    lines = table(settings, "cleansed/sales_lines").join(
        sold.select("batch_code", "valid_from_ts", "valid_to_ts", off="discount"), on="batch_code"
    )
    during = lines.filter(pl.col("event_ts").is_between("valid_from_ts", "valid_to_ts"))
    assert during["qty"].sum() >= sold["sold_qty"].sum()
    # Whoever has a piece in hand when the price changes pays the new one at the till.
    assert (during["discount"] >= during["off"]).all()


def test_loop_audit_is_clean_and_rebuild_finds_no_difference(
    lived: tuple[Settings, pl.DataFrame],
) -> None:
    report = audit(lived[0])
    assert report.clean, report.details
    assert rebuild(lived[0]).by_table == {}
