"""Stock as analysed: three days reckoned by hand, and days whose events come late."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline.analytics import build_analytics, publish_analytics
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY, store_stream
from smartshelf_dagster.transform.runner import Transformer
from tests.helpers.events import OTHER_SHELF, SHELF, cloud_event, encode, opening, pickup, sale
from tests.helpers.golden import END

Row = dict[str, object]


@pytest.fixture(scope="module")
def serving(golden: tuple[Settings, DrainReport]) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(golden[0].serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    yield connection
    connection.close()


def rows(serving: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    return serving.sql(sql).pl().to_dicts()


def cell(serving: duckdb.DuckDBPyConnection, table: str) -> Row:
    """The last 30 days of P1 in S1."""
    where = "period = '30d' and store_id = 'S1' and category = 'A' and item_id = 'P1'"
    return rows(serving, f"from analytics.{table} where {where}")[0]


def test_books_of_the_three_days(serving) -> None:
    found = serving.sql(
        "select date_key, opening_qty, received_qty, shelf_in_qty, sold_qty, returned_qty, "
        "closing_qty, min_qty, max_qty, unreconciled_qty, stock_status "
        "from analytics.fact_inventory where store_id = 'S1' order by date_key"
    ).fetchall()
    assert found == [
        (date(2025, 3, 3), 0, 3, 0, 3, 0, 0, 0, 3, 0, "OUT"),
        (date(2025, 3, 4), 0, 0, 0, 0, 1, 1, 0, 1, -1, "CRITICAL"),
        (date(2025, 3, 5), 1, 0, 5, 0, 0, 6, 1, 6, -1, "NORMAL"),
    ]
    assert serving.sql("select distinct store_id from analytics.fact_inventory").fetchall() == [
        ("S1",)
    ], "who keeps no stock has no books"


def test_average_stock_and_time_without_stock(serving) -> None:
    days = rows(serving, "from analytics.fact_inventory")
    tracked = sum(day["tracked_minutes"] for day in days)
    weighed = sum(day["tw_avg_qty"] * day["tracked_minutes"] for day in days)
    assert weighed / tracked == pytest.approx(1.98380, abs=5e-6)
    assert (sum(day["oos_all_minutes"] for day in days), tracked) == (1460, 4320)
    opened = sum(day["open_minutes"] for day in days)
    assert (sum(day["oos_minutes"] for day in days), opened) == (740, 2160)


def test_turnover_of_the_three_days(serving) -> None:
    found = cell(serving, "inventory_turnover")
    assert found["cogs"] == Decimal("12.00")
    assert found["avg_inventory_cost"] == pytest.approx(11.9028, abs=5e-5)
    assert found["turns_period"] == pytest.approx(1.0082, abs=5e-5)
    assert found["turns_annualised"] == pytest.approx(122.66, abs=5e-3)
    assert found["gmroi"] == pytest.approx(0.6721, abs=5e-5)
    assert found["days_inventory_outstanding"] * found["turns_annualised"] == pytest.approx(365)
    assert found["sell_through_pct"] == pytest.approx(37.5)


def test_rates_of_stock_outs(serving) -> None:
    found = cell(serving, "stockout_analysis")
    assert found["oos_all_rate_pct"] == pytest.approx(33.796, abs=5e-4)
    assert found["oos_time_rate_pct"] == pytest.approx(34.259, abs=5e-4)
    assert found["oos_time_rate_pct"] + found["availability_pct"] == pytest.approx(100)
    assert found["snapshot_oos_rate_pct"] == pytest.approx(100 / 3)
    assert (found["oos_events"], found["longest_oos_minutes"]) == (1, 1460)
    assert found["mean_time_to_restock_min"] == 1460


def test_totals_are_those_of_their_parts(serving) -> None:
    for table, measure in (("inventory_turnover", "cogs"), ("stockout_analysis", "oos_minutes")):
        total, parts = rows(
            serving,
            f"select sum({measure}) as value from analytics.{table} "
            "group by (store_id = 'ALL' and category = 'ALL' and item_id = 'ALL'), "
            "(store_id <> 'ALL' and item_id <> 'ALL') "
            "having bool_and(store_id = 'ALL' and category = 'ALL' and item_id = 'ALL') "
            "or bool_and(store_id <> 'ALL' and item_id <> 'ALL')",
        )
        assert total == parts


def test_current_stock_stands_in_one_class_each(serving) -> None:
    stock = rows(serving, "from analytics.current_inventory")
    assert [(row["item_id"], row["quantity_on_hand"], row["stock_value"]) for row in stock] == [
        ("P1", 6, Decimal("36.00"))
    ]
    assert stock[0]["days_of_cover"] == pytest.approx(4)
    kpis = rows(serving, "from analytics.inventory_kpis")
    assert len(kpis) == 4
    assert {row["total_stock"] for row in kpis} == {6}
    aged = serving.sql("select sum(units), sum(value) from analytics.inventory_ageing").fetchall()
    assert aged == [(6, Decimal("36.00"))]


def test_movements_add_up_to_the_books(serving) -> None:
    net = serving.sql(
        "select sum(units) from analytics.stock_movement_summary where location = 'shelf'"
    ).fetchall()
    assert net == [(6,)]


@pytest.fixture
def golden_copy(golden: tuple[Settings, DrainReport], tmp_path: Path) -> Settings:
    shutil.copytree(golden[0].lake, tmp_path / "copy")
    return load_settings(lake=str(tmp_path / "copy"))


def read(settings: Settings, sql: str) -> pl.DataFrame:
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        return connection.sql(sql).pl()


def test_a19_duplicated_snapshots_change_nothing(golden_copy: Settings) -> None:
    """The source joined snapshots with sales and multiplied units by their number."""
    tables = ("inventory_turnover", "stockout_analysis")
    before = {table: read(golden_copy, f"from analytics.{table} order by all") for table in tables}
    with duckdb.connect(str(golden_copy.warehouse_path)) as connection:
        connection.execute("insert into analytics.fact_inventory from analytics.fact_inventory")
    transformer = Transformer(golden_copy)
    transformer.prepare(END)
    transformer.build(" ".join(tables), END)
    for table in tables:
        assert_frame_equal(before[table], read(golden_copy, f"from analytics.{table} order by all"))


def test_a20_a_stock_out_rate_is_a_share_of_time(serving) -> None:
    """The source divided events of stock-outs by lines of sales: one by two, whatever they last."""
    found = cell(serving, "stockout_analysis")
    wrong = 100 * found["oos_events"] / 2
    assert found["oos_time_rate_pct"] == pytest.approx(100 * 740 / 2160)
    assert found["oos_time_rate_pct"] != pytest.approx(wrong)


def test_a21_what_never_sold_is_dead_and_a_single_day_has_a_rate(golden_copy: Settings) -> None:
    """The source divided by last sale less first sale, and left out what was never sold."""
    with duckdb.connect(str(golden_copy.warehouse_path)) as connection:
        connection.execute(
            "insert into analytics.current_inventory by name select * replace ('P9' as item_id) "
            "from analytics.current_inventory"
        )
    transformer = Transformer(golden_copy)
    transformer.prepare(END)
    transformer.build("item_classification", END)
    found = read(
        golden_copy,
        "select item_id, movement_class, avg_daily_units from analytics.item_classification "
        "where store_id = 'S1' order by item_id",
    )
    assert found.rows() == [
        ("P1", "normal", 1.5), ("P2", "normal", 2.0), ("P3", "normal", 1.0), ("P9", "dead", None),
    ]  # fmt: skip


FIRST = datetime(2026, 1, 1, 7, tzinfo=UTC)
DAYS = 6
Event = tuple[datetime, str, bytes]


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def life(chance: random.Random) -> Iterator[Event]:
    """Six days of two shelves and their warehouse; many events of the first days are days late."""

    def told(moment: datetime, stream: str, event: dict) -> Event:
        is_late = moment < FIRST + timedelta(days=3) and chance.random() < 0.2
        delay = timedelta(days=2 * chance.random()) if is_late else timedelta()
        return moment + timedelta(seconds=1) + delay, store_stream(stream, "S001"), encode(event)

    def moment() -> datetime:
        return FIRST + timedelta(minutes=chance.randrange(DAYS * 1440))

    items = (SHELF, OTHER_SHELF)
    for number, item in enumerate(items):
        for place, pieces in (("shelf", 9), ("warehouse", 90)):
            lot = {"batch_code": f"L{number}{place[0].upper()}", "expiry_date": "2026-01-04"}
            event = opening(f"o{number}{place}", pieces, place, shelf_id=item, **lot)
            yield told(FIRST, "warehouse_events", event)
    for number in range(160):
        item, at = chance.choice(items), moment()
        yield told(at, "shelf_events", pickup(f"p{number}", iso(at), shelf_id=item))
        paid = at + timedelta(minutes=5)
        line = {"line_no": 1, "item_id": item, "quantity": 1, "unit_price": 2.5, "discount": 0}
        line |= {"batch_code": f"L{items.index(item)}S", "expiry_date": "2026-01-04"}
        yield told(paid, "pos_transactions", sale(f"s{number}", iso(paid), items=[line]))
    for number in range(24):
        item, at = chance.choice(items), moment()
        fields = {"shelf_id": item, "quantity": 5, "batch_code": f"L{items.index(item)}W"}
        taken = {"reason": "restock", "command_id": f"r{number}"}
        event = cloud_event("warehouse.pick", f"w{number}", iso(at), **fields, **taken)
        yield told(at, "warehouse_events", event)
        filled = {"shelf_id": item, "quantity": 5, "actor_role": "staff", "unit_weight_g": 500}
        at += timedelta(minutes=7)
        event = cloud_event("shelf.putback", f"f{number}", iso(at), **filled)
        yield told(at, "shelf_events", event)
    for number in range(6):
        at = FIRST + timedelta(hours=5 + 20 * number)
        order = f"00000000-0000-4000-8000-00000000000{number}"
        fields = {
            "shelf_id": SHELF, "quantity": 12, "batch_size": 6, "cutoff_ts": iso(at),
            "delivery_ts": iso(at + timedelta(hours=20)),
        }  # fmt: skip
        event = cloud_event("command.supplier_order", order, iso(at), **fields)
        yield at, store_stream("commands", "S001"), encode(event)
        for part, hours in enumerate((20, 26)):
            came = at + timedelta(hours=hours)
            fields = {
                "shelf_id": SHELF, "batch_code": f"D{number}{part}", "quantity": 5,
                "received_date": "2026-01-02", "expiry_date": "2026-01-09",
                "reason": "supplier_delivery", "command_id": order,
            }  # fmt: skip
            event = cloud_event("warehouse.receipt", f"in{number}{part}", iso(came), **fields)
            yield told(came, "warehouse_events", event)
        fields = {
            "shelf_id": SHELF, "command_id": order, "accepted_quantity": 10,
            "damaged_quantity": 2, "is_final": True,
        }  # fmt: skip
        event = cloud_event("warehouse.delivery_checked", f"c{number}", iso(came), **fields)
        yield told(came, "warehouse_events", event)
    counted = {
        "location": "shelf", "shelf_id": SHELF, "counted_quantity": 4, "book_quantity": 6,
        "actor": "Anna",
    }  # fmt: skip
    at = FIRST + timedelta(days=2)
    event = cloud_event("operator.stock_counted", "count", iso(at), **counted)
    yield told(at, "operator_events", event)
    fields = {
        "location": "warehouse", "shelf_id": OTHER_SHELF, "batch_code": "L1W",
        "removed_quantity": 3, "reason": "expired",
    }  # fmt: skip
    at = FIRST + timedelta(days=4)
    event = cloud_event("warehouse.removal", "gone", iso(at), **fields)
    yield told(at, "warehouse_events", event)


@dataclass(frozen=True)
class Told:
    """A lake that was analysed every noon."""

    session: LakeSession
    now: datetime


@pytest.fixture(scope="module")
def told(
    analysed_template: Path, broker: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Told:
    lake = tmp_path_factory.mktemp("stock") / "lake"
    shutil.copytree(analysed_template, lake)
    settings = load_settings(lake=str(lake))
    client = connect(broker.url, 10)
    client.flushall()
    events = sorted(life(random.Random(5)), key=lambda event: event[0])
    session = LakeSession(settings, client)
    for number in range(DAYS + 1):
        now = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)
        client.set(SIM_NOW_KEY, iso(now))
        for arrived, stream, payload in events:
            if now - timedelta(days=1) < arrived <= now:
                send_batches(client, stream, [payload], 1)
        assert session.drain().rejected == 0
        session.build(now)
        build_analytics(session.transformer, now)
        publish_analytics(settings, session.transformer, now)
    client.close()
    return Told(session, now)


GROWING = ("fact_inventory", "stock_movement_summary")
BOOKKEEPING = ("stock_seq", "orders_seq", "checks_seq", "load_seq", "is_closed")


def tables(told: Told) -> dict[str, pl.DataFrame]:
    with told.session.transformer.reading() as reader:
        return {
            name: pl.DataFrame(pl.from_arrow(reader.rows(f"analytics/{name}"))) for name in GROWING
        }


@pytest.mark.timeout(240)
def test_many_increments_say_what_one_build_does(told: Told) -> None:
    grown = tables(told)
    books = grown["fact_inventory"]
    assert books["load_seq"].n_unique() > 1, "old days should stay as they are"
    told.session.transformer.build(" ".join(GROWING), told.now, full_refresh=True)
    anew = tables(told)
    for name in GROWING:
        left, right = (each[name].drop(BOOKKEEPING, strict=False) for each in (grown, anew))
        assert_frame_equal(left, right, check_row_order=False)
        published = delta.read(told.session.settings.table_uri(f"analytics/{name}"))
        found = pl.DataFrame(pl.from_arrow(published)).drop(BOOKKEEPING, strict=False)
        assert_frame_equal(left, found, check_row_order=False)
    assert books.height == 2 * (DAYS + 1)
    for column in ("on_order_qty", "qty_expiring_7d", "qty_expired", "wh_wasted_qty"):
        assert books[column].max() > 0, column
    assert books["adjusted_qty"].min() < 0


def test_every_day_opens_as_the_day_before_closed(told: Told) -> None:
    books = tables(told)["fact_inventory"].sort("store_id", "item_id", "date_key")
    item = ["store_id", "item_id"]
    for opened, closed in (("opening_qty", "closing_qty"), ("wh_opening_qty", "wh_on_hand_qty")):
        before = books[closed].shift(1, fill_value=0)
        first = books.select(pl.struct(item).is_first_distinct()).to_series()
        assert books.filter(~first & (pl.col(opened) != before)).is_empty()
        assert set(books.filter(first)[opened]) == {0}
    net = (
        pl.col("opening_qty") + pl.col("received_qty") + pl.col("shelf_in_qty")
        + pl.col("returned_qty") - pl.col("sold_qty") + pl.col("adjusted_qty")
        - pl.col("wasted_qty")
    )  # fmt: skip
    assert books.filter(net != pl.col("closing_qty")).is_empty()
    assert books.filter(~pl.col("oos_minutes").is_between(0, pl.col("open_minutes"))).is_empty()


def test_the_books_end_as_the_state_of_the_shelves_says(told: Told) -> None:
    books = tables(told)["fact_inventory"]
    last = books.filter(pl.col("date_key") == pl.col("date_key").max())
    state = read(
        told.session.settings,
        "select shelf_id, current_stock, in_carts from cleansed.shelf_state "
        f"where shelf_id in ('{SHELF}', '{OTHER_SHELF}') and store_id = 'S001'",
    )
    both = last.join(state, left_on="item_id", right_on="shelf_id")
    assert both.height == 2
    assert both["closing_qty"].to_list() == both["current_stock"].to_list()
    assert both["unreconciled_qty"].to_list() == both["in_carts"].to_list()
    orders = read(told.session.settings, "select sum(open_qty) from ops.supplier_orders").item()
    assert both["on_order_qty"].sum() == orders


def test_the_tests_of_the_models_hold(told: Told) -> None:
    data_tests = "tag:analytics,test_type:data"
    results = told.session.transformer.build(data_tests, told.now, command="test")
    assert results
    assert [f"{r.unique_id}: {r.message}" for r in results if not r.ok] == []
