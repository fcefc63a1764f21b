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
from smartshelf_dagster.pipeline.forecast import newest_predictions
from smartshelf_dagster.pipeline.order import demand_to_come
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.warehouse import WarehouseReader

STOCK_OUTLOOK = "analytics/stock_outlook"


def plan_stock(settings: Settings, reader: WarehouseReader, as_of: datetime) -> dict[str, pa.Table]:
    """Return the tables of stock planning, by name.

    Demand is that of the newest forecasts, while they are of any use, else that of the last weeks.

    Args:
        settings: Which lake.
        reader: Its warehouse, with the models of analytics built for `as_of`.
        as_of: The time; UTC.
    """
    rows = reader.rows(STOCK_OUTLOOK)
    stock = pl.DataFrame(pl.from_arrow(rows)).sort("store_id", "item_id")
    said = newest_predictions(settings, as_of)
    outlook = demand_outlook(stock, demand_to_come(said, as_of), as_of)
    risk = stock_risk(stock, outlook, as_of)
    policy = inventory_policy(stock, outlook, risk, as_of)
    tables = {
        "stock_risk": risk,
        "inventory_policy": policy,
        "restock_recommendations": restock_recommendations(stock, outlook, risk, policy),
        "stock_optimization": stock_optimization(stock, outlook, policy, as_of),
    }
    return {f"analytics/{name}": frame.to_arrow() for name, frame in tables.items()}
