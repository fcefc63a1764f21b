"""Customers and baskets of three small days, as reckoned by hand, and how they are published."""

import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from smartshelf_dagster.analytics.baskets import MiningSettings
from smartshelf_dagster.pipeline import anomaly_detection
from smartshelf_dagster.pipeline.analytics import (
    ANOMALIES,
    DAILY,
    INSIGHTS,
    VERSIONS,
    analytics_models,
    build_analytics,
    publish_analytics,
    published_for,
)
from smartshelf_dagster.pipeline.customer_insights import (
    TABLES,
    InsightSettings,
    customer_insights,
)
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import open_warehouse
from smartshelf_dagster.transform.runner import ANALYTICS, CUSTOMERS, Transformer
from tests.helpers.golden import END

# Every pair that any basket holds is a rule, whatever it is worth.
ANYTHING = MiningSettings(
    min_support=1e-9, min_baskets=1, min_confidence=0, min_lift=0, max_q_value=2, large_basket=1
)


@pytest.fixture(scope="module")
def serving(golden: tuple[Settings, DrainReport]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(golden[0].serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'; set schema = 'analytics'")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def insights(golden: tuple[Settings, DrainReport]) -> dict[str, pl.DataFrame]:
    settings = InsightSettings(mining=ANYTHING, min_store_baskets=3)
    with open_warehouse(golden[0].warehouse_path) as reader:
        found = customer_insights(reader, END, settings)
    return {table.split("/")[1]: pl.DataFrame(pl.from_arrow(rows)) for table, rows in found.items()}


def test_recency_frequency_and_value(serving) -> None:
    rows = serving.sql(
        "select customer_id, recency_days, frequency, monetary, r_score, f_score, m_score "
        "from customer_rfm order by customer_id"
    ).fetchall()
    # Of three customers, ranks 1, 2 and 3 give scores of 1, 3 and 5.
    assert rows == [
        ("C1", 2, 2, Decimal("44.00"), 3, 5, 5),
        ("C2", 3, 1, Decimal("0.00"), 1, 1, 1),
        ("C3", 1, 1, Decimal("20.80"), 5, 1, 3),
    ]


def test_segments_are_a_partition_of_the_customers(serving) -> None:
    rows = serving.sql(
        "select segment, customers, revenue from rfm_segment_summary order by segment"
    ).fetchall()
    assert rows == [
        ("Hibernating", 1, Decimal("0.00")),
        ("Loyal", 1, Decimal("44.00")),
        ("New Customers", 1, Decimal("20.80")),
    ]


def test_every_pair_of_scores_has_one_segment(golden) -> None:
    with open_warehouse(golden[0].warehouse_path) as reader:
        rows = pl.DataFrame(pl.from_arrow(reader.rows("seeds/rfm_segments")))
    assert sorted(rows.select("r_score", "f_score").rows()) == [
        (r, f) for r in range(1, 6) for f in range(1, 6)
    ]
    assert rows["segment"].n_unique() == 10


def test_customers_and_nobody_in_particular_add_up_to_all(serving) -> None:
    known = serving.sql(
        "select sum(total_spent), sum(transactions), sum(total_items_purchased) "
        "from customer_behavior where period = 'all'"
    ).fetchall()
    total = serving.sql(
        "select sum(net_sales), sum(transactions), sum(units_sold) from daily_store_sales "
        "where store_id = 'ALL'"
    ).fetchall()
    assert known == [(Decimal("64.80"), 4, 12)]
    # One receipt of four pieces has no customer.
    assert total == [(Decimal("74.80"), 5, 16)]


def test_behavior_of_who_bought_on_two_days(serving) -> None:
    row = serving.sql(
        "select * from customer_behavior where period = '90d' and customer_id = 'C1'"
    ).pl().row(0, named=True)  # fmt: skip
    assert (row["shopping_days"], row["transactions"], row["unique_products"]) == (2, 2, 3)
    assert row["avg_transaction_value"] == pytest.approx(22)
    assert row["median_transaction_value"] == pytest.approx(22)
    assert (row["mean_gap_days"], row["gap_cv"], row["churn_risk"]) == (1.0, None, "active")
    assert (row["favourite_category"], row["favourite_weekday"]) == ("A", 2)
    assert row["discount_share_pct"] == pytest.approx(25)


def test_a_cohort_is_whole_in_its_first_month(serving) -> None:
    rows = serving.sql("select * exclude (currency) from cohort_retention").fetchall()
    assert rows == [("2025-03", 0, 3, 3, 100.0, Decimal("64.80"), False)]


def test_two_goods_that_meet_in_two_of_five_baskets(insights) -> None:
    rules = insights["basket_rules"].filter(period="365d", scope="ALL")
    rule = rules.row(by_predicate=pl.col("rule_id") == "P1=>P2", named=True)
    assert (rule["n_baskets"], rule["support_count"]) == (5, 2)
    expected = {
        "support": 0.4, "confidence": 2 / 3, "lift": 10 / 9, "leverage": 0.04, "conviction": 1.2,
        "zhang": 0.25,
    }  # fmt: skip
    assert {name: rule[name] for name in expected} == pytest.approx(expected)
    other = rules.row(by_predicate=pl.col("rule_id") == "P2=>P3", named=True)
    assert (other["confidence"], other["lift"]) == pytest.approx((1 / 3, 5 / 6))


def test_a_store_with_enough_baskets_is_a_scope_of_its_own(insights) -> None:
    scopes = insights["basket_itemsets"].select("period", "scope").unique().sort("period", "scope")
    assert scopes.rows() == [("365d", "ALL"), ("365d", "S1"), ("90d", "ALL"), ("90d", "S1")]
    assert insights["basket_rules"].filter(scope="S1")["n_baskets"].unique().to_list() == [3]
    large = insights["large_baskets"].filter(period="90d", scope="ALL")
    assert large["transaction_id"].to_list() == ["T1", "T4", "T6"]


def test_few_baskets_give_no_rules_but_every_table(golden, serving) -> None:
    columns = serving.sql(
        "select \"table\", column_name from meta.columns where \"table\" like 'analytics/%' "
        "order by position"
    ).pl()  # fmt: skip
    for table, wanted in TABLES.items():
        assert columns.filter(table=table)["column_name"].to_list() == list(wanted)
    assert serving.sql("select count(*) from basket_rules").fetchall() == [(0,)]


def test_every_table_and_column_is_described(golden, serving) -> None:
    ours = serving.sql('select "table" from analytics.versions').pl()["table"]
    assert {*TABLES, "analytics/fact_inventory", "analytics/stock_risk"} <= set(ours)
    for name in ("catalog", "columns"):
        told = serving.sql(f"from meta.{name}").pl().filter(pl.col("table").is_in(ours))
        assert set(told["table"]) == set(ours)
        assert told.filter(pl.col("description") == "")["table"].to_list() == []


def test_what_sells_in_the_category_is_recommended_when_nothing_else_is_known(serving) -> None:
    rows = serving.sql(
        "select item_id, rank, recommended_item_id, reason, in_stock from product_recommendations "
        "where period = '90d' and scope = 'ALL' order by item_id"
    ).fetchall()
    # Of six pieces, P1 has some on the shelf; nobody has filled P2.
    assert rows == [
        ("P1", 1, "P2", "popular_in_category", False),
        ("P2", 1, "P1", "popular_in_category", True),
    ]


def test_customers_are_worth_what_was_earned_with_them(serving) -> None:
    rows = serving.sql(
        "select customer_id, frequency_x, clv_historical, model_status from customer_clv "
        "order by customer_id"
    ).fetchall()
    assert rows == [
        ("C1", 1, Decimal("18.00"), "too_few_customers"),
        ("C2", 0, Decimal("0.00"), "too_few_customers"),
        ("C3", 0, Decimal("8.80"), "too_few_customers"),
    ]


def test_a_part_is_published_on_its_own_and_the_rest_stays_as_it_was(
    golden: tuple[Settings, DrainReport], tmp_path: Path
) -> None:
    shutil.copytree(golden[0].lake, tmp_path / "lake")
    settings = load_settings(lake=str(tmp_path / "lake"))
    transformer = Transformer(settings)
    of_the_day = {m.table for m in analytics_models(transformer) if m.part == CUSTOMERS}

    def told() -> dict[str, tuple]:
        rows = delta.read(settings.table_uri(VERSIONS)).to_pylist()
        return {row["table"]: (row["version"], row["as_of_ts"]) for row in rows}

    before = told()
    later = END + timedelta(days=1)
    build_analytics(transformer, later, DAILY)
    publish_analytics(settings, transformer, later, [CUSTOMERS])
    after = told()
    assert after.keys() == before.keys()
    changed = {table for table in before if after[table] != before[table]}
    assert changed == of_the_day
    assert {after[table][1] for table in of_the_day} == {later}
    assert published_for(settings, "analytics/customer_rfm") == later
    recency = delta.read(settings.table_uri("analytics/customer_rfm"), ["recency_days"])
    assert sorted(recency["recency_days"].to_pylist()) == [2, 3, 4]

    assert publish_analytics(settings, transformer, later, [INSIGHTS]).keys() == TABLES.keys()
    unusual = publish_analytics(settings, transformer, later, [ANOMALIES])
    assert unusual.keys() == anomaly_detection.TABLES.keys()
    build_analytics(transformer, later, ANALYTICS)
    of_the_hour = publish_analytics(settings, transformer, later, [ANALYTICS])
    assert of_the_hour.keys() == before.keys() - of_the_day - TABLES.keys() - unusual.keys()
    assert {as_of for _, as_of in told().values()} == {later}
