"""What stock every item needs, from its stock and its demand, and what to order by it now.

Belongs here: demand per day, its quantiles and the method of every item. Does not belong here:
what follows from them (`replenishment.py`), and demand itself (`demand_outlook.py`).
"""

from datetime import datetime

import numpy as np
import polars as pl

from smartshelf_dagster.analytics.demand_outlook import (
    FORECAST,
    KEY,
    DemandOutlook,
    demand_quantile,
    protection_days,
)
from smartshelf_dagster.analytics.replenishment import (
    SERVICE_LEVELS,
    PolicyTerms,
    policy_under,
)
from smartshelf_dagster.domain.inventory import SCENARIO_PROBABILITY, base_stock

_INTERMITTENT = ("intermittent", "lumpy")


def inventory_policy(
    stock: pl.DataFrame,
    outlook: DemandOutlook,
    risk: pl.DataFrame,
    as_of: datetime,
    terms: PolicyTerms | None = None,
) -> pl.DataFrame:
    """Return what stock every item needs until the goods of the order after the next come.

    Args:
        stock: Rows of `analytics/stock_outlook`.
        outlook: Their demand.
        risk: Rows of `stock_risk`.
        as_of: Now; UTC.
        terms: Service levels and costs.

    Returns:
        One row per store_id, item_id with the columns of `analytics/inventory_policy`.
    """
    given = terms or PolicyTerms()
    lines = stock.with_columns(
        protection_d=pl.Series(protection_days(stock, as_of), dtype=pl.Float64)
    ).join(outlook.items, on=KEY)
    lines = lines.join(risk.select(*KEY, "stock_out_risk_score", "days_of_cover"), on=KEY).sort(KEY)
    return policy_under(_demand(lines, outlook, given), given).select(*KEY, *_COLUMNS)


def _demand(lines: pl.DataFrame, outlook: DemandOutlook, given: PolicyTerms) -> pl.DataFrame:
    """Add demand per day and by service level, agreed times and the method."""
    review = (pl.col("covers_until_ts") - pl.col("delivery_ts")).dt.total_seconds() / 86_400
    judged = lines.with_columns(
        demand_mean_d=pl.col("mean") / pl.col("protection_d"),
        demand_sd_d=(pl.col("variance") / pl.col("protection_d")).sqrt(),
        review_period_d=review,
        agreed_lead_time_d=pl.col("protection_d") - review,
        method=pl.when(pl.col("source") == FORECAST)
        .then(pl.lit("forecast_quantile"))
        .when(pl.col("history_days") < given.min_history_d)
        .then(pl.lit("fallback"))
        .when(pl.col("demand_class").is_in(_INTERMITTENT))
        .then(pl.lit("negative_binomial"))
        .otherwise(pl.lit("normal")),
    )
    return judged.with_columns(demand_quantiles=_quantiles(judged, outlook))


def _quantiles(lines: pl.DataFrame, outlook: DemandOutlook) -> pl.Series:
    """Return the demand that is not exceeded with the probability of each service level."""
    mean, variance = (lines[name].to_numpy() for name in ("mean", "variance"))
    by_forecast = (lines["source"] == FORECAST).to_numpy()
    told = [
        np.where(
            by_forecast,
            base_stock(outlook.protection, SCENARIO_PROBABILITY, np.full(len(lines), level)),
            demand_quantile(np.full(len(lines), level), mean, variance),
        )
        for level in SERVICE_LEVELS
    ]
    return pl.Series(np.stack(told, axis=-1).tolist(), dtype=pl.List(pl.Float64))


_COLUMNS = (
    "category",
    "currency",
    "demand_mean_d",
    "demand_sd_d",
    "demand_class",
    "demand_quantiles",
    "abc_class",
    "agreed_lead_time_d",
    "lead_time_mean_d",
    "lead_time_sd_d",
    "review_period_d",
    "sigma_protection",
    "service_level",
    "z",
    "safety_stock_raw",
    "safety_stock",
    "reorder_point",
    "eoq_raw",
    "eoq",
    "order_up_to",
    "max_stock",
    "unit_cost",
    "pack_size",
    "life_days",
    "capacity_qty",
    "inventory_position",
    "recommended_qty",
    "reorder_flag",
    "expected_fill_rate",
    "stock_out_risk_score",
    "days_of_cover",
    "holding_cost_pa",
    "ordering_cost_pa",
    "total_cost_pa",
    "binding_constraint",
    "method",
)
