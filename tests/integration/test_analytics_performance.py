"""What is told of products, stores, returns and hours: by hand, and in many steps as in one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline.analytics import (
    ALL_MODELS,
    VERSIONS,
    analytics_models,
    build_analytics,
    publish_analytics,
)
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.reference import load_master_data
from smartshelf_dagster.storage.warehouse import connect as connect_warehouse
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY, store_stream
from smartshelf_dagster.transform.changes import timely
from smartshelf_dagster.transform.runner import Transformer
from tests.helpers.events import cloud_event, encode
from tests.helpers.golden import EVENTS, line, master_data, receipt, shelf
from tests.helpers.warehouse import give_warehouse

Rows = list[tuple]


@pytest.fixture(scope="module")
def serving(golden: tuple[Settings, DrainReport]) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(golden[0].serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'; set schema = 'analytics'")
    yield connection
    connection.close()


def rounded(rows: Rows) -> Rows:
    return [
        tuple(round(float(v), 4) if isinstance(v, (float, Decimal)) else v for v in row)
        for row in rows
    ]


def test_products(serving) -> None:
    rows = serving.sql(
        "select item_id, net_sales, gross_profit, revenue_rank, stores_selling, "
        "customer_penetration_pct, revenue_share_pct, abc_class from product_performance "
        "where period = '7d' order by item_id"
    ).fetchall()
    # Of 84.80: P1 40.80, P2 29.00, P3 15.00. Each of the three customers bought P2.
    assert rounded(rows) == [
        ("P1", 30.8, 12.8, 1, 2, 100.0, 48.1132, "A"),
        ("P2", 29.0, 11.0, 2, 2, 66.6667, 34.1981, "A"),
        ("P3", 15.0, 9.0, 3, 2, 33.3333, 17.6887, "B"),
    ]


def test_every_roll_up_adds_up_to_the_same(serving) -> None:
    for table in (
        *("product_performance", "category_performance", "sales_by_category", "sales_by_store"),
        *("sales_by_country", "store_comparison"),
    ):
        sums = serving.sql(
            f"select period, sum(net_sales), sum(units_sold) from {table} group by period"
        ).fetchall()
        assert sorted(sums) == [(p, Decimal("74.80"), 16) for p in ("30d", "7d", "90d", "all")]
    patterns = serving.sql("select sum(net_sales), sum(units_sold) from seasonal_patterns")
    assert patterns.fetchall() == [(Decimal("74.80"), 16)]


def test_returns(serving) -> None:
    rows = serving.sql(
        "select scope_type, scope_id, return_rate_units_pct, return_rate_value_pct, "
        "matched_units_returned, cohort_return_rate_pct, median_days_to_return "
        "from return_rate_analysis where period = '7d' and units_returned > 0 order by 1, 2"
    ).fetchall()
    assert rounded(rows) == [
        ("all", "ALL", 6.25, 11.7925, 1, 6.25, 1.0),
        ("category", "A", 10.0, 14.3266, 1, 10.0, 1.0),
        ("item", "P1", 25.0, 24.5098, 1, 25.0, 1.0),
        ("store", "S1", 11.1111, 18.5185, 1, 11.1111, 1.0),
    ]
    matched = serving.sql(
        "select matched_by, sale_transaction_id, days_to_return, matched_units from return_matches"
    ).fetchall()
    assert matched == [("receipt", "T2", 1, 1)]


def test_stores_of_a_week(serving) -> None:
    rows = serving.sql(
        "select store_id, net_sales, atv, revenue_per_sqft, revenue_rank, efficiency_rank, "
        "overall_score, revenue_index_region from store_comparison where period = '7d' "
        "order by store_id"
    ).fetchall()
    assert rounded(rows) == [
        ("S1", 44.0, 18.0, 0.054, 1, 1, 100.0, 117.6471),
        ("S2", 30.8, 15.4, 0.0308, 2, 2, 0.0, 82.3529),
    ]


def test_a15_a_restock_is_no_sale_and_no_return_lowers_a_receipt(serving) -> None:
    """Staff filled a shelf with 5 pieces: the source counted them as moved, and as sales of 0."""
    restocked = serving.sql(
        "select store_id, quantity from sales_events_unified where transaction_type = 'RESTOCK'"
    ).fetchall()
    assert restocked == [("S1", 5)]
    days = serving.sql(
        "select date_key, units_sold, atv from store_performance_daily where store_id = 'S1' "
        "order by 1"
    ).fetchall()
    assert days == [
        (date(2025, 3, 3), 4, 17.0),
        (date(2025, 3, 4), 5, 20.0),
        (date(2025, 3, 5), 0, None),
        (date(2025, 3, 6), 0, None),
    ]


def test_hours_of_the_week(serving) -> None:
    shapes = serving.sql(
        "select period, store_id, count(*), sum(transactions), sum(net_sales) "
        "from peak_hours_by_day group by all order by all"
    ).fetchall()
    expected = {"ALL": (168, 5, Decimal("74.80")), "S1": (168, 3, Decimal("44.00"))}
    expected["S2"] = (168, 2, Decimal("30.80"))
    assert shapes == [
        (period, store, *expected[store])
        for period in ("30d", "7d", "90d", "all")
        for store in ("ALL", "S1", "S2")
    ]
    best = serving.sql(
        "select day_of_week, hour, transactions, occurrences, is_peak from peak_hours_by_day "
        "where store_id = 'ALL' and period = '7d' and peak_rank = 1"
    ).fetchall()
    assert best == [(1, 10, 2, 1, True)]


def test_growth_from_day_to_day(serving) -> None:
    rows = serving.sql(
        "select period_start, net_sales, mom_growth_pct, running_total, is_complete "
        "from period_growth where scope_type = 'all' and period_type = 'day' order by 1"
    ).fetchall()
    assert rounded(rows) == [
        (date(2025, 3, 3), 44.0, None, 44.0, True),
        (date(2025, 3, 4), 10.0, -77.2727, 54.0, True),
        (date(2025, 3, 5), 20.8, 108.0, 74.8, True),
        (date(2025, 3, 6), 0.0, None, 74.8, False),
    ]


def test_a41_there_is_no_growth_over_nothing(serving) -> None:
    """S2 sold nothing on Tuesday: the source told 100 % of growth on Wednesday."""
    rows = serving.sql(
        "select net_sales, prev_net_sales, mom_growth_pct from period_growth "
        "where scope_id = 'S2' and period_type = 'day' and period_start = '2025-03-05'"
    ).fetchall()
    assert rows == [(Decimal("20.80"), Decimal("0.00"), None)]


def test_top_sellers_are_the_first_products(serving) -> None:
    rows = serving.sql(
        "select rank, member_id, value from top_sellers where period = '7d' "
        "and scope_type = 'all' and member_type = 'item' and metric = 'sales_revenue' order by rank"
    ).fetchall()
    expected = serving.sql(
        "select revenue_rank, item_id, sales_revenue from product_performance "
        "where period = '7d' order by 1"
    ).fetchall()
    assert rows == expected
    stores = serving.sql(
        "select rank, member_id, share_pct from top_sellers where period = '7d' "
        "and member_type = 'store' and metric = 'sales_revenue' order by rank"
    ).fetchall()
    assert rounded(stores) == [(1, "S1", 63.6792), (2, "S2", 36.3208)]


def test_a13_monday_is_the_first_day_everywhere(serving) -> None:
    days = serving.sql("select date_key, day_of_week from dim_date").fetchall()
    assert all(day.isoweekday() == number for day, number in days)
    tables = (
        "select distinct date_key, isodow(date_key) as day_of_week from fact_sales",
        "select business_date, day_of_week from cleansed.sales_lines",
    )
    for table in tables:
        told = serving.sql(table).fetchall()
        assert all(day.isoweekday() == number for day, number in told)
    sold = "select distinct day_of_week from {} where transactions > 0 order by 1"
    for table in ("peak_hours_by_day", "seasonal_patterns"):
        assert serving.sql(sold.format(table)).fetchall() == [(1,), (2,), (3,)]
    indices = "select value from seasonal_indices where dimension = 'day_of_week' and scope_id = 'ALL' and metric = 'net_sales' order by 1"
    assert serving.sql(indices).fetchall() == [(1,), (2,), (3,)]


def test_a11_every_day_of_the_data_is_in_the_calendar(serving) -> None:
    """The source had the 366 days of 2024 and no holiday."""
    calendar = serving.sql(
        "select min(date_key), max(date_key), count(*), count(*) filter (where is_holiday) > 0 "
        "from dim_date"
    ).fetchall()
    assert calendar == [(date(2025, 1, 1), date(2026, 12, 31), 730, True)]


def test_indices_have_a_mean_of_one(serving) -> None:
    means = serving.sql(
        "select sum(index * n_periods) / sum(n_periods) from seasonal_indices "
        "group by scope_type, scope_id, metric, dimension"
    ).fetchall()
    assert means
    assert all(mean == pytest.approx(1) for (mean,) in means)


def test_events_are_historical_or_realtime_and_never_both(serving) -> None:
    """Wherever the cutover lies, both halves together are everything once."""
    assert serving.sql("select cutover_date from cutover").fetchall() == [(date(2025, 3, 6),)]
    total = serving.sql(
        "select count(*), count(distinct event_id), sum(net) from sales_events_unified"
    ).fetchall()[0]
    assert total[:2] == (10, 10)
    for days in range(-5, 6):
        halves = serving.sql(
            "select sum(events), sum(net) from (select count(*) as events, sum(net) as net "
            f"from sales_events_unified group by date_key < (select cutover_date + {days} from cutover))"
        ).fetchall()[0]
        assert halves == (total[0], total[2])
    by_day = serving.sql(
        "select date_key, sum(case transaction_type when 'SALE' then net else -net end) "
        "from sales_events_unified where transaction_type <> 'RESTOCK' group by 1 order by 1"
    ).fetchall()
    assert (
        by_day
        == serving.sql(
            "select date_key, net_sales from daily_store_sales where store_id = 'ALL' order by 1"
        ).fetchall()
    )


# In steps. Each is what arrives by a time: the second has a sale of two days before, an item that
# nobody knew and a return of an earlier sale; the third somebody's way in and out; the fifth nothing
# but a sale of days before; the last nothing at all, ten minutes later.
STEPS = [
    (datetime(2025, 3, 3, 12, tzinfo=UTC), EVENTS[:4]),
    (
        datetime(2025, 3, 5, 12, tzinfo=UTC),
        [
            *EVENTS[4:],
            receipt("L1", "S2", "2025-03-03T09:30:00Z", [line(1, "P2", 2, 5)], customer_id="C1"),
            receipt("L2", "S2", "2025-03-05T11:30:00Z", [line(1, "NEW", 3, 4)], customer_id="C9"),
            receipt("L3", "S2", "2025-03-05T11:40:00Z", [line(1, "P2", 1, 5)], "return", customer_id="C1"),
        ],
    ),
    (
        datetime(2025, 3, 5, 13, tzinfo=UTC),
        [
            (store_stream("foot_traffic", store), encode(event))
            for store, number, direction in [("S1", 1, "entry"), ("S2", 2, "entry"), ("S1", 3, "exit")]
            for event in [
                cloud_event(
                    f"traffic.{direction}", f"gate-{number}", "2025-03-04T23:59:00Z", store=store, gate_id="G1"
                )
            ]
        ],
    ),
    (
        datetime(2025, 3, 7, 9, tzinfo=UTC),
        [
            receipt("L4", "S1", "2025-03-07T08:15:00Z", [line(1, "P1", 5, 10, 0.5)]),
            receipt("L6", "S2", "2025-03-07T08:20:00Z", [line(1, "NEW", 1, 4)]),
            receipt("L5", "S1", "2025-03-03T23:30:00Z", [line(1, "P3", 1, 2.5)], customer_id="C2"),
            shelf("putback", "fill-2", "2025-03-07T08:30:00Z", 2, "staff"),
        ],
    ),
    (
        datetime(2025, 3, 7, 9, tzinfo=UTC),
        [receipt("L7", "S2", "2025-03-04T10:00:00Z", [line(1, "P2", 1, 5)], customer_id="C3")],
    ),
    (datetime(2025, 3, 7, 9, 10, tzinfo=UTC), []),
]  # fmt: skip


def tables(session: LakeSession) -> dict[str, pl.DataFrame]:
    """Every table of analytics, published or not."""
    hidden = {model.table: model.hidden for model in analytics_models(session.transformer)}
    tags = {"analytics", "customers"}
    found = {}
    with session.transformer.reading() as reader:
        for node in session.transformer.manifest()["nodes"].values():
            if node["resource_type"] == "model" and tags.intersection(node["tags"]):
                table = f"{node['schema']}/{node['name']}"
                rows = reader.rows(table, hidden.get(table, ()))
                found[table] = pl.DataFrame(pl.from_arrow(rows))
    return found


class Grown(NamedTuple):
    """A lake that grew in steps, what it says, and the models that each step built."""

    session: LakeSession
    tables: dict[str, pl.DataFrame]
    built: list[set[str]]


@pytest.fixture(scope="module")
def grown(
    broker: EmbeddedRedis, analysed_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Grown:
    """A lake that was drained, built, analysed and published in steps."""
    folder = tmp_path_factory.mktemp("grown")
    settings = give_warehouse(folder / "lake", analysed_template)
    load_master_data(settings, master_data(folder / "reference"))
    client = connect(broker.url, 10)
    client.flushall()
    session = LakeSession(settings, client)
    built = []
    for now, events in STEPS:
        client.set(SIM_NOW_KEY, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        for stream, payload in events:
            send_batches(client, stream, [payload], 1)
        session.drain()
        session.build(now)
        # As by a process of its own, every hour: it knows what stands in the warehouse.
        results = build_analytics(Transformer(settings), now)
        built.append({result.table for result in results if result.status != "no-op"})
        publish_analytics(settings, session.transformer, now)
    client.close()
    return Grown(session, tables(session), built)


@pytest.mark.timeout(240)
def test_what_was_published_in_steps_is_what_was_built(grown) -> None:
    session, built, _ = grown
    for model in analytics_models(session.transformer):
        table = pl.DataFrame(pl.from_arrow(delta.read(session.settings.table_uri(model.table))))
        assert_frame_equal(
            table, built[model.table], check_row_order=False, check_column_order=False
        )


@pytest.mark.timeout(240)
def test_a_late_sale_builds_what_is_told_of_its_day_and_nothing_else(grown) -> None:
    built = {table.split("/")[1] for table in grown.built[4]}
    assert built >= {
        "fact_sales",
        "daily_store_sales",
        "kpi_daily",
        "sales_by_period",
        "customer_rfm",
    }
    of_stock = {"fact_inventory", "stockout_spells", "inventory_ageing", "stock_movement_summary"}
    assert not built & (of_stock | {"hourly_visitors", "dim_store", "cutover"})


@pytest.mark.timeout(240)
def test_ten_minutes_later_only_what_looks_at_the_time_is_built(grown) -> None:
    """Of the days that are over nothing is told anew, nor of customers: it is the same day."""
    transformer = grown.session.transformer
    called = {
        part: {
            f"{of['schema']}/{of['name']}" if part == "nodes" else name: of["depends_on"]["macros"]
            for name, of in transformer.manifest()[part].items()
            if of["resource_type"] in {"model", "macro"}
        }
        for part in ("nodes", "macros")
    }
    looking = timely(called["nodes"], called["macros"])
    assert grown.built[5] & looking >= {"analytics/analysis_periods", "analytics/top_sellers"}
    follows = {table.split("/")[1] for table in grown.built[5] - looking}
    assert not follows & {
        "sales_by_period",
        "product_performance",
        "seasonal_patterns",
        "dim_product",
    }
    # What hangs on minutes of stock.
    assert follows <= {"current_inventory", "inventory_kpis", "low_stock_alerts", "item_movers"}


@pytest.mark.timeout(240)
def test_nothing_is_built_or_written_again_for_the_same_time(grown) -> None:
    settings = grown.session.settings
    before = delta.read(settings.table_uri(VERSIONS))
    # Another process, which asks dbt for nothing.
    transformer = Transformer(settings)
    results = build_analytics(transformer, STEPS[-1][0])
    assert {result.status for result in results} == {"no-op"}
    publish_analytics(settings, transformer, STEPS[-1][0])
    assert delta.read(settings.table_uri(VERSIONS)).equals(before)
    tables_ = {row["table"]: row["version"] for row in before.to_pylist()}
    assert tables_ == {t: delta.open_table(settings.table_uri(t)).version() for t in tables_}


@pytest.mark.timeout(240)
def test_a_table_that_somebody_has_touched_is_built_again(grown) -> None:
    settings = grown.session.settings
    with connect_warehouse(settings.warehouse_path, read_only=False) as connection:
        connection.execute("delete from analytics.kpi_daily")
    results = build_analytics(Transformer(settings), STEPS[-1][0])
    built = [result.table for result in results if result.status != "no-op"]
    assert built == ["analytics/kpi_daily"]
    assert_frame_equal(
        tables(grown.session)["analytics/kpi_daily"],
        grown.tables["analytics/kpi_daily"],
        check_row_order=False,
    )


@pytest.mark.timeout(240)
def test_a27_many_increments_say_what_one_build_says_for_the_same_time(grown) -> None:
    """No model reads a clock or remembers when it was asked."""
    session, built, _ = grown
    now = STEPS[-1][0]
    session.transformer.build(ALL_MODELS, now, full_refresh=True)
    anew = tables(session)
    assert len(anew) > 30
    assert anew.keys() == built.keys()
    for table, rows in anew.items():
        assert_frame_equal(built[table], rows, check_row_order=False, rel_tol=1e-12, abs_tol=1e-12)
    filled = {table for table, rows in anew.items() if rows.height}
    # Three days are too few to rank items by, and nothing runs low in them.
    assert anew.keys() - filled <= {"analytics/item_movers", "analytics/low_stock_alerts"}


def test_a10_a_mean_price_is_a_quotient_after_any_number_of_steps(grown) -> None:
    rows = grown[1]["analytics/product_performance"]
    assert rows.filter(pl.col("item_id") == "NEW")["units_sold"].to_list() == [3, 3, 3, 3]
    for name in ("product_performance", "daily_sales_summary", "hourly_store_sales"):
        sold = grown[1][f"analytics/{name}"].filter(pl.col("units_sold") > 0)
        revenue = sold["sales_revenue"].cast(float)
        assert (sold["asp"] - revenue / sold["units_sold"]).abs().max() < 1e-9


def test_a_late_event_reaches_its_day_and_the_day_of_as_of_is_not_over(grown) -> None:
    built = grown[1]
    events = built["analytics/sales_events_unified"]
    assert events.height == events["event_id"].n_unique() == 18
    days = built["analytics/store_performance_daily"].filter(pl.col("store_id") == "S1")
    late = days.filter(pl.col("date_key") == date(2025, 3, 3))
    assert late["net_sales"].to_list() == [Decimal("36.50")]
    visited = days.filter(pl.col("visitors") > 0)
    assert visited.select("date_key", "visitors", "conversion_rate").rows() == [
        (date(2025, 3, 4), 1, 1.0)
    ]
    today = STEPS[-1][0].date()
    assert days.filter(~pl.col("is_complete"))["date_key"].to_list() == [today]
    closed = built["analytics/product_performance"].filter(pl.col("period") == "all")
    assert closed["last_sale_ts"].max() < datetime.combine(today, datetime.min.time(), UTC)
    sellers = built["analytics/top_sellers"].filter(
        (pl.col("period") == "1h") & (pl.col("metric") == "units_sold")
    )
    best = sellers.filter((pl.col("scope_type") == "all") & (pl.col("member_type") == "item"))
    assert best.sort("rank")["member_id"].to_list() == ["P1", "NEW"]
    scored = built["analytics/sales_anomalies"]
    assert scored["bucket_start"].max() == STEPS[-2][0] - timedelta(hours=1)
