"""What is known of the UCI data set, to the cent; and what the sources got wrong about it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline.analytics import ALL_MODELS, analytics_models
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.transform.runner import Transformer

AS_OF = datetime(2011, 12, 10, tzinfo=UTC)
MONTHS = {
    "2010-12": "777931.77", "2011-01": "671933.19", "2011-02": "508886.20", "2011-03": "691257.61",
    "2011-04": "516218.12", "2011-05": "741192.41", "2011-06": "738751.87", "2011-07": "689364.41",
    "2011-08": "725513.50", "2011-09": "1030475.36", "2011-10": "1106669.82",
    "2011-11": "1457745.53", "2011-12": "615493.27",
}  # fmt: skip
WEEKDAYS = {1: 3_076, 2: 3_509, 3: 3_667, 4: 4_209, 5: 3_109, 7: 2_203}
ITEMS = 3_798
# One receipt was paid over the turn of an hour, and counts in both.
OVER_THE_HOUR = 1

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def serving(online_retail_lake: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(online_retail_lake.serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'; set schema = 'analytics'")
    yield connection
    connection.close()


def all_time(serving: duckdb.DuckDBPyConnection) -> dict:
    return serving.sql("select * from sales_by_store where period = 'all'").pl().row(0, named=True)


def test_totals(serving) -> None:
    total = all_time(serving)
    known = {
        "sale_lines": 527_758, "transactions": 19_773, "customers": 4_334, "units_sold": 5_577_100,
        "sales_revenue": Decimal("10271433.06"), "return_lines": 8_704,
        "return_transactions": 3_422, "units_returned": 272_030,
        "returns_value": Decimal("478724.18"), "net_sales": Decimal("9792708.88"),
        "anon_transactions": 1_371,
    }  # fmt: skip
    assert {name: total[name] for name in known} == known
    sold = serving.sql(
        "select count(*) from product_performance where period = 'all' and sale_lines > 0"
    ).fetchall()
    assert sold == [(ITEMS,)]
    anonymous = serving.sql(
        "select sum(net) from fact_sales where is_merchandise and sgn = 1 and customer_id is null"
    ).fetchall()
    assert anonymous == [(Decimal("1510366.41"),)]


def test_a03_a_transaction_is_a_receipt(serving) -> None:
    """The mean line, which the source took for it, is 19.46."""
    total = all_time(serving)
    assert total["atv"] == pytest.approx(519.4676, abs=5e-5)
    assert total["upt"] == pytest.approx(282.0563, abs=5e-5)
    assert float(total["sales_revenue"]) / total["sale_lines"] == pytest.approx(19.4624, abs=5e-5)


def test_days(serving) -> None:
    days = serving.sql(
        "select transactions, units_sold, sales_revenue from daily_store_sales "
        "where store_id = 'ALL' and date_key in ('2010-12-01', '2011-12-09') order by date_key"
    ).fetchall()
    assert days == [
        (127, 26_909, Decimal("57626.33")),
        (44, 93_968, Decimal("198114.26")),
    ]
    traded = serving.sql(
        "select count(*), count(*) filter (where isodow(date_key) = 6) from daily_store_sales "
        "where store_id = 'ALL'"
    ).fetchall()
    assert traded == [(305, 0)]


def test_months_and_their_growth(serving) -> None:
    rows = serving.sql(
        "select strftime(period_start, '%Y-%m'), sales_revenue, is_complete, mom_growth_pct, "
        "yoy_net_sales, yoy_growth_pct from period_growth "
        "where scope_type = 'all' and period_type = 'month' order by 1"
    ).fetchall()
    assert {row[0]: str(row[1]) for row in rows} == MONTHS
    assert [row[0] for row in rows if not row[2]] == ["2011-12"]
    # December 2011 stops on the 9th: it is compared with nothing, though a year before is known.
    assert [row[0] for row in rows if row[3] is None] == ["2010-12", "2011-12"]
    assert [row[0] for row in rows if row[4] is not None] == ["2011-12"]
    assert [row[5] for row in rows] == [None] * 13
    net = serving.sql(
        "select running_total from period_growth where scope_type = 'all' "
        "and period_type = 'month' order by period_start desc limit 1"
    ).fetchall()
    assert net == [(Decimal("9792708.88"),)]


def test_weekdays(serving) -> None:
    days = serving.sql(
        "select isodow(date_key), sum(transactions) from daily_store_sales "
        "where store_id = 'ALL' group by 1"
    ).fetchall()
    assert dict(days) == WEEKDAYS
    hours = serving.sql(
        "select day_of_week, sum(transactions) from peak_hours_by_day "
        "where store_id = 'ALL' and period = 'all' group by 1 having sum(transactions) > 0"
    ).fetchall()
    assert sum(count for _, count in hours) == sum(WEEKDAYS.values()) + OVER_THE_HOUR
    assert dict(hours).keys() == WEEKDAYS.keys()


def test_best_products(serving) -> None:
    best = serving.sql(
        "select item_id, sales_revenue from product_performance where period = 'all' "
        "and revenue_rank <= 3 order by revenue_rank"
    ).fetchall()
    assert best == [
        ("22423", Decimal("174484.74")),
        ("23843", Decimal("168469.60")),
        ("85123A", Decimal("106471.28")),
    ]
    sellers = serving.sql(
        "select period, scope_type, scope_value, member_type, metric, "
        "list(rank order by rank) as ranks, list(value order by rank) as values "
        "from top_sellers group by all"
    ).fetchall()
    assert len(sellers) > 20
    for *_, ranks, values in sellers:
        assert ranks == list(range(1, len(ranks) + 1))
        assert len(ranks) <= 50
        assert values == sorted(values, reverse=True)
    # By name of the item where values are equal, as the ranks of products leave open.
    ordered = "select item_id from product_performance where period = '30d' order by sales_revenue desc, item_id limit 50"
    top = "select member_id from top_sellers where period = '30d' and scope_type = 'all' and member_type = 'item' and metric = 'sales_revenue' order by rank"
    assert serving.sql(top).fetchall() == serving.sql(ordered).fetchall()


def test_abc_classes(serving) -> None:
    classes = serving.sql(
        "select abc_class, count(*) from product_performance "
        "where period = 'all' and abc_class is not null group by 1"
    ).fetchall()
    assert dict(classes) == {"A": 817, "B": 965, "C": 2_016}


def test_a09_a_score_stays_within_its_bounds(serving) -> None:
    """Beyond rank 100 the source's fell below zero; and it took every base for 1,000 customers."""
    low, high, ranks, bought = serving.sql(
        "select min(performance_score), max(performance_score), max(revenue_rank), "
        "max(customer_penetration_pct) from product_performance where period = 'all'"
    ).fetchall()[0]
    assert 0 <= low < high <= 100
    assert ranks > 3_000
    customers = serving.sql(
        "select customers from product_performance where period = 'all' order by customers desc limit 1"
    ).fetchall()[0][0]
    assert bought == pytest.approx(100 * customers / 4_334)
    gaps = serving.sql(
        "select period from product_performance group by period "
        "having count(distinct revenue_rank) <> max(revenue_rank)"
    ).fetchall()
    assert gaps == []


def test_countries(serving) -> None:
    rows = serving.sql(
        "select country, sales_revenue, revenue_share_pct from sales_by_country "
        "where period = 'all' and sale_lines > 0 order by sales_revenue desc"
    ).fetchall()
    assert len(rows) == 38
    assert [row[:2] for row in rows[:3]] == [
        ("United Kingdom", Decimal("8747561.66")),
        ("Netherlands", Decimal("283889.34")),
        ("EIRE", Decimal("271164.30")),
    ]


@pytest.mark.parametrize(
    "table",
    [
        *("product_performance", "category_performance", "sales_by_category", "sales_by_store"),
        "sales_by_country",
    ],
)
def test_shares_and_sums_of_every_roll_up(serving, table: str) -> None:
    rows = serving.sql(
        f"select period, sum(revenue_share_pct), sum(net_sales), sum(sales_revenue), "
        f"sum(units_sold), sum(gross_profit) from {table} group by period order by period"
    ).fetchall()
    days = serving.sql(
        "select period, sum(net_sales), sum(sales_revenue), sum(units_sold), sum(gross_profit) "
        "from daily_store_sales inner join analysis_periods "
        "on date_key between first_date and last_date "
        "where daily_store_sales.store_id = 'ALL' group by period order by period"
    ).fetchall()
    assert [(row[0], *row[2:]) for row in rows] == days
    assert all(row[1] == pytest.approx(100, abs=1e-6) for row in rows)


def test_a14_a_return_rate_says_what_it_divides(serving) -> None:
    """Four readings of one data set; the source told the third for the first."""
    rates = serving.sql(
        "select return_rate_units_pct, return_rate_value_pct, return_rate_lines_pct, "
        "return_rate_transactions_pct from return_rate_analysis "
        "where period = 'all' and scope_type = 'all'"
    ).fetchall()[0]
    assert [round(rate, 4) for rate in rates] == [4.8776, 4.6607, 1.6492, 17.3064]
    item = serving.sql(
        "select units_returned, units_sold, return_rate_units_pct, wilson_low_pct, wilson_high_pct "
        "from return_rate_analysis where period = 'all' and scope_id = '84347'"
    ).fetchall()[0]
    assert item[:2] == (9_376, 9_476)
    assert item[2] == pytest.approx(98.9447, abs=5e-5)
    assert item[3] < item[2] < item[4]


def test_returns_lie_within_their_bounds(serving) -> None:
    wrong = serving.sql(
        "select * from return_rate_analysis where (units_sold = 0) <> (return_rate_units_pct is null) "
        "or not (wilson_low_pct <= return_rate_units_pct + 1e-9 "
        "and return_rate_units_pct <= wilson_high_pct + 1e-9) "
        "or cohort_return_rate_pct > 100"
    ).fetchall()
    assert wrong == []
    matched = serving.sql(
        "select matched_by, count(*), sum(units) >= sum(matched_units) from return_matches group by 1"
    ).fetchall()
    assert {by for by, *_ in matched} == {"customer", None}
    assert sum(count for _, count, _ in matched) == 8_704
    assert all(held for *_, held in matched)


def test_a12_peaks_are_ranked_by_the_mean_of_such_an_hour(serving) -> None:
    """The 30 days hold five Thursdays and four Tuesdays."""
    rows = serving.sql(
        "select day_of_week, hour, transactions, occurrences, avg_transactions_per_occurrence, "
        "peak_rank from peak_hours_by_day where period = '30d' and store_id = 'ALL'"
    ).fetchall()
    assert len(rows) == 168
    raw = max(rows, key=lambda row: row[2])
    assert raw[:5] == (4, 12, 90, 5, 18.0)
    best = [row for row in rows if row[5] == 1]
    assert best == [(2, 12, 79, 4, 19.75, 1)]


def test_busiest_hour_of_all_time(serving) -> None:
    rows = serving.sql(
        "select day_of_week, hour, transactions, avg_transactions_per_occurrence "
        "from peak_hours_by_day where period = 'all' and store_id = 'ALL' and peak_rank = 1"
    ).fetchall()
    assert [row[:3] for row in rows] == [(3, 12, 626)]
    assert rows[0][3] == pytest.approx(11.593, abs=5e-4)


def test_last_thirty_days_against_the_thirty_before(serving) -> None:
    rows = serving.sql(
        "select sales_revenue_30d, sales_revenue_growth_30d_pct from kpi_daily "
        "where store_id = 'ALL' and date_key = '2011-12-09'"
    ).fetchall()
    assert rows[0][0] == Decimal("1627602.62")
    assert rows[0][1] == pytest.approx(37.64, abs=5e-3)
    before = serving.sql(
        "select sales_revenue_30d from kpi_daily where store_id = 'ALL' and date_key = '2011-11-09'"
    ).fetchall()
    assert before == [(Decimal("1182520.49"),)]
    stores = serving.sql(
        "select sales_revenue from store_comparison where period = '30d'"
    ).fetchall()
    assert stores == [(Decimal("1627602.62"),)]


def test_an_online_shop_has_no_figure_by_area(serving) -> None:
    rows = serving.sql(
        "select revenue_per_sqft, efficiency_rank, overall_score from store_comparison"
    ).fetchall()
    assert rows == [(None, None, 100.0)] * 4


def test_indices_have_a_mean_of_one(serving) -> None:
    means = serving.sql(
        "select sum(index * n_periods) / sum(n_periods) from seasonal_indices "
        "group by scope_type, scope_id, metric, dimension"
    ).fetchall()
    assert means
    assert all(mean == pytest.approx(1) for (mean,) in means)
    november = serving.sql(
        "select value from seasonal_indices where scope_type = 'all' and dimension = 'month' "
        "and metric = 'sales_revenue' order by index desc limit 1"
    ).fetchall()
    assert november == [(11,)]


def anomalies(serving: duckdb.DuckDBPyConnection, where: str) -> list[tuple]:
    return serving.sql(
        "select bucket_start, date_key, value, score, severity from sales_anomalies "
        f"where scope_type = 'all' and metric = 'sales_revenue' and is_anomaly and {where} order by 1"
    ).fetchall()


def test_a24_an_hour_is_no_part_of_what_it_is_compared_with(serving) -> None:
    """With itself among 25 rows no score could exceed 4.899, and no drop in sales was ever seen."""
    found = anomalies(serving, "method = 'seasonal_mad' and direction = 'high'")
    told = {row[0]: row for row in found}
    january = told[datetime(2011, 1, 18, 10, tzinfo=UTC)]
    december = told[datetime(2011, 12, 9, 9, tzinfo=UTC)]
    assert (january[2], december[2]) == (Decimal("78298.66"), Decimal("171679.08"))
    assert january[3] == pytest.approx(241, abs=0.5)
    assert december[3] == pytest.approx(82, abs=0.5)
    assert january[4] == december[4] == "HIGH"
    low = {row[1] for row in anomalies(serving, "method = 'seasonal_mad' and direction = 'low'")}
    assert {date(2011, 4, 25), date(2011, 5, 2), date(2011, 5, 30)} <= low
    trailing = anomalies(serving, "method = 'trailing_z'")
    assert max(row[3] for row in trailing) > 4.899


def test_the_hours_of_the_largest_orders_have_the_oddest_residuals(serving) -> None:
    hours = serving.sql(
        "select bucket_start from nightly_anomalies where scope_type = 'all' "
        "and metric = 'sales_revenue' and method = 'stl_esd' and is_anomaly "
        "order by score desc limit 2"
    ).fetchall()
    assert hours == [
        (datetime(2011, 12, 9, 9, tzinfo=UTC),), (datetime(2011, 1, 18, 10, tzinfo=UTC),),
    ]  # fmt: skip


def test_the_largest_receipts_are_unlike_the_others(serving) -> None:
    rank = serving.sql(
        "select rank from ml.isolation_scores where transaction_id = '581483'"
    ).fetchall()
    assert rank[0][0] <= 10
    ranks = serving.sql(
        "select count(*), max(rank), min(score), max(score) from ml.isolation_scores"
    )
    count, last, lowest, highest = ranks.fetchall()[0]
    assert count == last
    assert 0 < lowest < highest < 1


def test_bank_holidays_are_marked(serving) -> None:
    marked = serving.sql(
        "select distinct date_key from sales_anomalies where is_holiday and direction = 'low' "
        "and metric = 'sales_revenue' and scope_type = 'all' order by 1"
    ).fetchall()
    assert {(date(2011, 4, 25),), (date(2011, 5, 2),), (date(2011, 5, 30),)} <= set(marked)


def test_a25_every_anomaly_is_counted(serving) -> None:
    """The source counted what a page of 50 rows held."""
    told = serving.sql(
        "select sum(anomaly_count), sum(high_count), sum(low_count) from anomaly_summary "
        "where period = '30d'"
    ).fetchall()
    counted = serving.sql(
        "select count(*), count(*) filter (where direction = 'high'), "
        "count(*) filter (where direction = 'low') from "
        "(from sales_anomalies union all by name from nightly_anomalies) "
        "where is_anomaly and date_key between '2011-11-10' and '2011-12-09'"
    ).fetchall()
    assert told == counted
    assert told[0][0] > 50


def test_a01_the_unified_view_has_every_event_once(serving) -> None:
    rows = serving.sql(
        "select count(*), count(distinct event_id) from sales_events_unified"
    ).fetchall()
    assert rows == [(539_391, 539_391)]


def test_a02_no_day_is_missing_before_the_cutover(serving) -> None:
    told = "select date_key, count(*) from {} group by 1 order by 1"
    closed = "sales_events_unified where date_key < (select cutover_date from cutover)"
    rows = serving.sql(told.format(closed)).fetchall()
    assert rows == serving.sql(told.format("fact_sales")).fetchall()
    assert len(rows) == 305


def test_a27_the_same_time_gives_the_same_rows(online_retail_lake: Settings) -> None:
    """Fourteen years later, and built anew; nor are the periods of a past time empty."""
    transformer = Transformer(online_retail_lake)
    models = [model for model in analytics_models(transformer) if model.mode == "replace"]

    def read() -> dict[str, pl.DataFrame]:
        with transformer.reading() as reader:
            return {
                model.table: pl.DataFrame(pl.from_arrow(reader.rows(model.table, model.hidden)))
                for model in models
            }

    before = read()
    transformer.build(ALL_MODELS, AS_OF)
    after = read()
    for table, rows in before.items():
        assert_frame_equal(rows, after[table], check_row_order=False, rel_tol=1e-12, abs_tol=1e-12)
    week = before["analytics/product_performance"].filter(pl.col("period") == "7d")
    assert week.height > 1_000
