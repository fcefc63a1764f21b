"""What SQL does not reckon of stock: risks, policies, recommendations and optimal levels.

Belongs here: which forecasts and rows the functions of `smartshelf_dagster/analytics` get, and the
names of their tables. Does not belong here: any formula.
"""

from datetime import datetime

import polars as pl
import pyarrow as pa

from smartshelf_dagster.analytics.demand_outlook import demand_outlook
from smartshelf_dagster.analytics.inventory_policy import inventory_policy
from smartshelf_dagster.analytics.restock import restock_recommendations
from smartshelf_dagster.analytics.stock_optimization import stock_optimization
from smartshelf_dagster.analytics.stock_risk import stock_risk
from smartshelf_dagster.pipeline.order import demand_to_come
from smartshelf_dagster.storage.warehouse import WarehouseReader

STOCK_OUTLOOK = "analytics/stock_outlook"
TABLES = tuple(
    f"analytics/{name}"
    for name in (
        "stock_risk", "inventory_policy", "restock_recommendations", "stock_optimization",
    )
)  # fmt: skip


def plan_stock(reader: WarehouseReader, as_of: datetime, said: pl.DataFrame) -> dict[str, pa.Table]:
    """Return the tables of stock planning, by name.

    Demand is that of the newest forecasts, while they are of any use, else that of the last weeks.

    Args:
        reader: The warehouse, with the models of analytics built for `as_of`.
        as_of: The time; UTC.
        said: The newest forecasts, as `newest_predictions` returns them.
    """
    rows = reader.rows(STOCK_OUTLOOK)
    stock = pl.DataFrame(pl.from_arrow(rows)).sort("store_id", "item_id")
    outlook = demand_outlook(stock, demand_to_come(said, as_of), as_of)
    risk = stock_risk(stock, outlook, as_of)
    policy = inventory_policy(stock, outlook, risk, as_of)
    restock = restock_recommendations(stock, outlook, risk, policy)
    optimal = stock_optimization(stock, outlook, policy, as_of)
    frames = (risk, policy, restock, optimal)
    return {table: frame.to_arrow() for table, frame in zip(TABLES, frames, strict=True)}
