"""What is known of the customers and baskets of the UCI data set, through the lake."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from smartshelf_dagster.analytics.baskets import Mined, MiningSettings, mine
from smartshelf_dagster.pipeline.analytics import published_for
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.warehouse import open_warehouse
from smartshelf_dagster.transform.runner import Transformer

AS_OF = datetime(2011, 12, 10, tzinfo=UTC)
# The figures are of the whole of the data, which are 374 days.
WHOLE = {"rfm_days": 400, "basket_days": 400}
SEGMENTS = {
    "Champions": 601, "Loyal": 681, "Potential Loyalists": 474, "New Customers": 67,
    "Promising": 165, "Need Attention": 116, "About To Sleep": 475, "At Risk": 336,
    "Cannot Lose Them": 65, "Hibernating": 1_354,
}  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def whole(
    online_retail_lake: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the warehouse, with the models of customers built of all days."""
    copy = tmp_path_factory.mktemp("whole") / online_retail_lake.warehouse_path.name
    shutil.copy(online_retail_lake.warehouse_path, copy)
    chosen = "customer_rfm rfm_segment_summary basket_lines"
    Transformer(online_retail_lake, copy).build(chosen, AS_OF, variables=WHOLE)
    connection = duckdb.connect(str(copy), read_only=True)
    connection.execute("set schema = 'analytics'")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def baskets(whole: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return whole.sql("from basket_lines").pl()


@pytest.fixture(scope="module")
def mined(baskets: pl.DataFrame) -> Mined:
    """Every rule there is at a support of 0.01, whatever it is worth."""
    return mine(baskets, MiningSettings(min_lift=0, max_q_value=2))


@pytest.fixture(scope="module")
def serving(online_retail_lake: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(online_retail_lake.serving_path), read_only=True)
    connection.execute("set schema = 'analytics'")
    yield connection
    connection.close()


def test_segments(whole) -> None:
    rows = whole.sql("select segment, customers from rfm_segment_summary").fetchall()
    assert dict(rows) == SEGMENTS
    total = whole.sql("select count(*), sum(monetary) from customer_rfm").fetchall()
    assert total == [(4_334, Decimal("8290586.30"))]


def test_scores_part_the_customers_evenly_and_equals_alike(whole) -> None:
    scores = whole.sql("select r_score, count(*) from customer_rfm group by 1").fetchall()
    assert dict(scores) == {1: 871, 2: 884, 3: 867, 4: 847, 5: 865}
    parted = whole.sql(
        "select frequency from customer_rfm group by 1 having count(distinct f_score) > 1"
    ).fetchall()
    assert parted == []


def test_who_brought_everything_back_is_worth_nothing(whole) -> None:
    row = whole.sql(
        "select frequency, monetary, m_score from customer_rfm where customer_id = '12346'"
    ).fetchall()
    assert row == [(1, Decimal("0.00"), 1)]


def test_itemsets(mined: Mined) -> None:
    assert mined.baskets == 19_773
    assert dict(mined.itemsets["k"].value_counts().iter_rows()) == {1: 829, 2: 910, 3: 261}
    often = mined.itemsets.filter(pl.col("count") >= 396)
    assert dict(often["k"].value_counts().iter_rows()) == {1: 302, 2: 90, 3: 3}
    first = mined.itemsets.filter(k=2).row(0, named=True)
    assert (first["items"], first["count"]) == (["22386", "85099B"], 825)


def test_rules(mined: Mined) -> None:
    pairs = mined.rules.filter(k=2)
    above = [pairs.filter(pl.col("confidence") >= least).height for least in (0.3, 0.5, 0.7)]
    assert above == [767, 252, 59]
    often = pairs.filter(pl.col("support_count") >= 396)
    above = [often.filter(pl.col("confidence") >= least).height for least in (0.3, 0.5, 0.7)]
    assert above == [153, 49, 6]
    rule = pairs.row(by_predicate=pl.col("rule_id") == "22916=>22917", named=True)
    assert rule["support_count"] == 221
    assert rule["support"] == pytest.approx(0.011177, abs=5e-7)
    assert rule["confidence"] == pytest.approx(0.932489, abs=5e-7)
    assert rule["lift"] == pytest.approx(76.8255, abs=5e-5)
    assert rule["leverage"] == pytest.approx(0.011031, abs=5e-7)
    bags = pairs.row(by_predicate=pl.col("rule_id") == "22386=>85099B", named=True)
    assert bags["lift"] == pytest.approx(6.4112, abs=5e-5)


def test_published_rules_are_those_of_whole_periods(online_retail_lake, serving) -> None:
    assert published_for(online_retail_lake, "analytics/basket_rules") == AS_OF
    rows = serving.sql(
        "select period, scope, any_value(n_baskets) from basket_rules group by all order by all"
    ).fetchall()
    with open_warehouse(online_retail_lake.warehouse_path) as reader:
        days = pl.DataFrame(pl.from_arrow(reader.rows("analytics/basket_lines")))
    counts = {
        f"{span}d": days.filter(pl.col("days_ago") <= span)["transaction_id"].n_unique()
        for span in (90, 365)
    }
    assert rows == [
        (period, scope, counts[period])
        for period in ("365d", "90d")
        for scope in ("ALL", "UCI-ONLINE")
    ]


def test_recommendations_are_goods_on_sale_other_than_the_one_shown(serving) -> None:
    wrong = serving.sql(
        "select count(*) from product_recommendations where item_id = recommended_item_id "
        "or recommended_item_id in (select item_id from fact_sales where not is_merchandise) "
        "or rank not between 1 and 10 or in_stock is not null"
    ).fetchall()
    assert wrong == [(0,)]
    beside = serving.sql(
        "select reason, count(distinct item_id) > 0 from product_recommendations group by 1 order by 1"
    ).fetchall()
    # No item of the data set has a category.
    assert beside == [("cosine", True), ("rule", True)]


def test_values_of_customers_who_seem_never_to_leave(serving) -> None:
    rows = serving.sql(
        "select model_status, count(*), count(p_alive), count(clv_12m), min(clv_12m) >= 0, "
        "max(clv_decile) from customer_clv group by 1"
    ).fetchall()
    assert rows == [("dropout_unidentified", 4_334, 0, 4_334, True, 10)]
    earned = serving.sql(
        "select (select sum(clv_historical) from customer_clv), sum(profit) from fact_sales "
        "where is_merchandise and customer_id in (select customer_id from customer_clv)"
    ).fetchall()
    assert earned[0][0] == earned[0][1]


def test_customers_and_nobody_in_particular_add_up_to_all(serving) -> None:
    rows = serving.sql(
        "select sum(total_spent) + (select sum(revenue) from fact_sales "
        "where is_merchandise and customer_id is null) "
        "from customer_behavior where period = 'all'"
    ).fetchall()
    assert rows == [(Decimal("9792708.88"),)]
