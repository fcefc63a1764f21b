"""What SQL does not reckon of customers and baskets: rules, recommendations, customer values.

Belongs here: which periods and stores the functions of `smartshelf_dagster/analytics` see, and the
columns of their tables. Does not belong here: any formula; which days count, which the models of
`dbt_project/models/customers` say.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa

from smartshelf_dagster.analytics.baskets import (
    EDGES,
    ITEMSETS,
    LARGE_BASKETS,
    NODES,
    RULES,
    MiningSettings,
    mine,
)
from smartshelf_dagster.analytics.customer_value import (
    CUSTOMER_VALUE,
    ValueSettings,
    customer_value,
)
from smartshelf_dagster.analytics.recommendations import (
    RECOMMENDATIONS,
    RecommendationSettings,
    recommend,
)
from smartshelf_dagster.storage.warehouse import WarehouseReader

# What the functions see, built by dbt.
LINES, PRODUCTS, DAYS = (
    f"analytics/{name}" for name in ("basket_lines", "offered_products", "customer_days")
)
# Periods of baskets, in days.
PERIODS = {"90d": 90, "365d": 365}
EVERYTHING, EVERYWHERE = "all", "ALL"

_Columns = Mapping[str, Any]
_SCOPED: _Columns = {"period": pl.String, "scope": pl.String}
_MONEY = pl.Decimal(18, 2)
_VALUES = ("clv_historical", "clv_simple", "clv_12m")
# Columns of the tables that are made here.
TABLES: dict[str, _Columns] = {
    "analytics/basket_itemsets": {**_SCOPED, **ITEMSETS},
    "analytics/basket_rules": {**_SCOPED, **RULES},
    "analytics/basket_graph_nodes": {**_SCOPED, **NODES},
    "analytics/basket_graph_edges": {**_SCOPED, **EDGES},
    "analytics/large_baskets": {**_SCOPED, **LARGE_BASKETS},
    "analytics/product_recommendations": {**_SCOPED, **RECOMMENDATIONS, "in_stock": pl.Boolean},
    "analytics/customer_clv": {
        **_SCOPED,
        "currency": pl.String,
        **CUSTOMER_VALUE,
        **dict.fromkeys(_VALUES, _MONEY),
    },
}


@dataclass(frozen=True)
class InsightSettings:
    """What is reckoned, and on what evidence.

    Attributes:
        mining: What counts as frequent, and as a rule.
        recommendations: How many are recommended.
        value: What values are worked out with.
        min_store_baskets: A store with fewer baskets in a period is no scope of its own.
    """

    mining: MiningSettings = field(default_factory=MiningSettings)
    recommendations: RecommendationSettings = field(default_factory=RecommendationSettings)
    value: ValueSettings = field(default_factory=ValueSettings)
    min_store_baskets: int = 500


def customer_insights(
    reader: WarehouseReader, as_of: datetime, settings: InsightSettings | None = None
) -> dict[str, pa.Table]:
    """Return the tables of baskets, recommendations and customer values, by name.

    Args:
        reader: The warehouse, with the models of customers built for `as_of`.
        as_of: The time; UTC.
        settings: The defaults without.

    Returns:
        Tables with the columns of `TABLES`. Baskets are those of a period and a scope: `ALL` or a
        store. Values are of all time and everywhere, in each currency.
    """
    settings = settings or InsightSettings()
    lines, products, days = (
        pl.DataFrame(pl.from_arrow(reader.rows(table))) for table in (LINES, PRODUCTS, DAYS)
    )
    parts: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for period, scope, sold, offered in _scopes(lines, products, settings.min_store_baskets):
        for name, rows in _baskets(sold, offered, settings).items():
            parts[f"analytics/{name}"].append(_scoped(rows, period, scope))
    for (currency,), own in days.sort("currency").group_by("currency", maintain_order=True):
        # Ages matter, not dates: those are of different time zones.
        dated = own.with_columns(
            business_date=pl.lit(as_of.date()) - pl.duration(days=pl.col("days_ago"))
        )
        values = customer_value(dated, as_of.date(), settings.value)
        values = values.with_columns(currency=pl.lit(currency))
        parts["analytics/customer_clv"].append(_scoped(values, EVERYTHING, EVERYWHERE))
    return {table: _table(parts[table], columns) for table, columns in TABLES.items()}


def _scopes(
    lines: pl.DataFrame, products: pl.DataFrame, min_store_baskets: int
) -> Iterator[tuple[str, str, pl.DataFrame, pl.DataFrame]]:
    """Yield period, scope, what was sold in them and what is on sale there."""
    # In stock anywhere; unknown where all stores do not know.
    anywhere = products.group_by("item_id").agg(pl.min("category"), pl.max("in_stock"))
    for period, days in PERIODS.items():
        sold = lines.filter(pl.col("days_ago") <= days)
        yield period, EVERYWHERE, sold, anywhere
        baskets = sold.group_by("store_id").agg(pl.col("transaction_id").n_unique())
        enough = baskets.filter(pl.col("transaction_id") >= min_store_baskets)
        for store in enough["store_id"].sort():
            own = pl.col("store_id") == store
            yield period, store, sold.filter(own), products.filter(own)


def _baskets(
    sold: pl.DataFrame, offered: pl.DataFrame, settings: InsightSettings
) -> dict[str, pl.DataFrame]:
    mined = mine(sold, settings.mining)
    beside = recommend(sold, mined.rules, offered, settings.recommendations)
    stock = offered.select(recommended_item_id="item_id", in_stock="in_stock")
    return {
        "basket_itemsets": mined.itemsets,
        "basket_rules": mined.rules,
        "basket_graph_nodes": mined.nodes,
        "basket_graph_edges": mined.edges,
        "large_baskets": mined.large_baskets,
        "product_recommendations": beside.join(
            stock, on="recommended_item_id", how="left", maintain_order="left"
        ),
    }


def _scoped(rows: pl.DataFrame, period: str, scope: str) -> pl.DataFrame:
    return rows.with_columns(period=pl.lit(period), scope=pl.lit(scope))


def _table(parts: list[pl.DataFrame], columns: _Columns) -> pa.Table:
    """Put parts together; money is rounded to the cent."""
    wanted = [
        (pl.col(name).round(2) if dtype == _MONEY else pl.col(name)).cast(dtype)
        for name, dtype in columns.items()
    ]
    rows = [pl.DataFrame(schema=dict(columns)), *(part.select(wanted) for part in parts)]
    return pl.concat(rows).to_arrow()
