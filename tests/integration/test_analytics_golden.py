"""Every figure of three small days, as reckoned by hand."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from smartshelf_dagster.pipeline import maintain
from smartshelf_dagster.pipeline.analytics import VERSIONS, move_along, served_analytics
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta


@pytest.fixture(scope="module")
def serving(golden: tuple[Settings, DrainReport]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(golden[0].serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    yield connection
    connection.close()


def one(serving: duckdb.DuckDBPyConnection, sql: str) -> tuple:
    return serving.sql(sql).fetchall()[0]


def test_events_are_accepted_repeated_or_refused(golden, serving) -> None:
    drained = golden[1]
    assert one(serving, "select count(*) from analytics.fact_sales") == (9,)
    assert (drained.events, drained.rejected) == (13, 1)


def test_totals(serving) -> None:
    total = serving.sql(
        "select sum(gross_sales), sum(discount_value), sum(sales_revenue), sum(returns_value), "
        "sum(net_sales), sum(units_sold), sum(units_returned), sum(transactions), sum(cogs), "
        "sum(gross_profit), sum(anon_transactions) from analytics.daily_store_sales "
        "where store_id = 'ALL'"
    ).fetchall()[0]
    money = [Decimal(text) for text in ("87.00", "2.20", "84.80", "10.00", "74.80")]
    assert list(total) == [*money, 16, 1, 5, Decimal("42.00"), Decimal("32.80"), 1]


def test_kpis_of_the_three_days(serving) -> None:
    kpis = serving.sql(
        "select * from analytics.kpi_daily where store_id = 'ALL' and date_key = '2025-03-05'"
    ).pl().row(0, named=True)  # fmt: skip
    assert kpis["net_sales_7d"] == Decimal("74.80")
    assert kpis["transactions_7d"] == 5
    assert kpis["atv_7d"] == pytest.approx(16.96)
    assert kpis["upt_7d"] == pytest.approx(3.2)
    assert kpis["margin_pct_7d"] == pytest.approx(43.8503, abs=5e-5)
    assert kpis["net_sales_growth_7d_pct"] is None


def test_net_sales_by_day_store_and_item(serving) -> None:
    def net(by: str, table: str, where: str = "true") -> dict:
        rows = serving.sql(
            f"select {by}, sum(net_sales) from analytics.{table} where {where} group by {by}"
        ).fetchall()
        return {key: float(value) for key, value in rows}

    days = {date(2025, 3, 3): 44.0, date(2025, 3, 4): 10.0, date(2025, 3, 5): 20.8}
    assert net("date_key", "daily_store_sales", "store_id = 'ALL'") == days
    assert net("date_key", "daily_sales_summary") == days
    assert net("date_key", "daily_product_sales") == days
    assert net("store_id", "daily_store_sales", "store_id <> 'ALL'") == {"S1": 44.0, "S2": 30.8}
    assert net("item_id", "daily_product_sales") == {"P1": 30.8, "P2": 29.0, "P3": 15.0}


def test_profit_by_item(serving) -> None:
    rows = serving.sql(
        "select item_id, sum(gross_profit) from analytics.daily_product_sales group by item_id"
    ).fetchall()
    assert {item: float(profit) for item, profit in rows} == {"P1": 12.8, "P2": 11.0, "P3": 9.0}


def test_products_are_told_on_every_day_on_which_their_store_trades(serving) -> None:
    rows = serving.sql(
        "select store_id, date_key, item_id, units_sold from analytics.daily_product_sales "
        "order by all"
    ).fetchall()
    first, second, third = date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 5)
    assert rows == [
        ("S1", first, "P1", 3), ("S1", first, "P2", 1), ("S1", first, "P3", 0),
        ("S1", second, "P1", 0), ("S1", second, "P2", 3), ("S1", second, "P3", 2),
        ("S2", first, "P3", 4),
        ("S2", third, "P1", 1), ("S2", third, "P2", 2), ("S2", third, "P3", 0),
    ]  # fmt: skip


def test_a03_a_transaction_is_a_receipt_and_not_a_line(serving) -> None:
    """The mean line, which the source called the average transaction value, is 10.60."""
    lines, total = one(
        serving, "select count(*), sum(net) from analytics.fact_sales where event_type = 'SALE'"
    )
    assert float(total) / lines == pytest.approx(10.60)
    atv = one(
        serving,
        "select sum(sales_revenue) / sum(transactions) from analytics.daily_store_sales where store_id = 'ALL'",
    )
    assert atv[0] == pytest.approx(16.96)


def test_a08_counts_of_distinct_things_do_not_add_up(serving) -> None:
    by_category = one(serving, "select sum(transactions) from analytics.daily_sales_summary")
    total = one(
        serving, "select sum(transactions) from analytics.daily_store_sales where store_id = 'ALL'"
    )
    assert (by_category, total) == ((6,), (5,))
    by_day = one(
        serving, "select sum(customers) from analytics.daily_store_sales where store_id = 'ALL'"
    )
    known = one(
        serving, "select count(*) from analytics.dim_customer where first_purchase_ts is not null"
    )
    assert (by_day, known) == ((4,), (3,))


def test_a05_cost_and_profit_are_those_of_the_goods(serving) -> None:
    sources = serving.sql(
        "select distinct products.cost_source from analytics.fact_sales "
        "inner join analytics.dim_product as products using (product_key)"
    ).fetchall()
    assert sources == [("actual",)]
    wrong = one(serving, "select count(*) from analytics.fact_sales where profit = revenue")
    assert wrong == (0,)


def test_hour_of_the_first_sales(serving) -> None:
    row = one(
        serving,
        "select transactions, net_sales, is_open from analytics.hourly_sales_trend "
        "where store_id = 'ALL' and hour_start = '2025-03-03 10:00:00+00'",
    )
    assert row == (2, Decimal("34.00"), True)


def test_trend_has_every_hour_and_says_which_are_closed(serving) -> None:
    rows = serving.sql(
        "select store_id, count(*), count(*) filter (where is_open), sum(net_sales) "
        "from analytics.hourly_sales_trend where hour_start < '2025-03-06' group by 1 order by 1"
    ).fetchall()
    assert rows == [
        ("ALL", 72, 72, Decimal("74.80")),
        ("S1", 72, 36, Decimal("44.00")),
        ("S2", 72, 36, Decimal("30.80")),
    ]


def test_a_new_price_leaves_what_was_sold_before_as_it_was(serving) -> None:
    versions = serving.sql(
        "select valid_from, valid_to, unit_cost, is_current from analytics.dim_product "
        "where item_id = 'P1' order by valid_from"
    ).pl()
    assert versions["is_current"].to_list() == [False, True]
    assert versions["valid_to"][0] == versions["valid_from"][1]
    # Before its cost was known, it is estimated from the list price of the master data.
    assert versions["unit_cost"].to_list() == [Decimal("7.0000"), Decimal("6.0000")]


def test_maintenance_leaves_readers_the_rows_they_had(
    golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written and is not published with the others yet stays unpublished."""
    monkeypatch.setattr(maintain, "_COMPACT_ABOVE_FILES", 1)
    shutil.copytree(golden[0].lake, tmp_path / "lake")
    settings = load_settings(lake=str(tmp_path / "lake"))

    def told() -> dict[str, int]:
        rows = delta.read(settings.table_uri(VERSIONS)).to_pylist()
        return {row["table"]: row["version"] for row in rows}

    def newest(table: str) -> int:
        return delta.open_table(settings.table_uri(table)).version()

    split = "analytics/fact_sales"
    lines = delta.read(settings.table_uri(split))
    delta.replace(settings.table_uri(split), lines.slice(0, 4), name=split)
    delta.append(delta.open_table(settings.table_uri(split)), lines.slice(4), {})
    move_along(settings, [split])
    early = "analytics/dim_date"
    rows = delta.read(settings.table_uri(early))
    delta.replace(settings.table_uri(early), rows.slice(0, 1), name=early)
    before = told()
    maintain.maintain_lake(settings)
    after = told()
    assert after[early] == before[early] < newest(early)
    others = after.keys() - {early}
    assert {table: after[table] for table in others} == {table: newest(table) for table in others}
    assert after[split] > before[split]
    assert delta.read(settings.table_uri(split), version=after[split]).num_rows == 9
    views, copies = served_analytics(settings)
    assert {view.table for view in views} | copies.keys() == {*after, VERSIONS}
    assert delta.read(settings.table_uri(early), version=after[early]).num_rows == rows.num_rows
