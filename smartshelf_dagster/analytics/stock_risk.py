"""How likely an item runs out before an order can help, and how long its stock lasts.

Belongs here: scores and bands from stock and demand. Does not belong here: demand
(`demand_outlook.py`), and what to order (`inventory_policy.py`).
"""

from datetime import datetime

import polars as pl

from smartshelf_dagster.analytics.demand_outlook import (
    KEY,
    DemandOutlook,
    protection_days,
    shortage_probability,
)

# Above the one an item is red, above the other amber.
RED, AMBER = 0.80, 0.20
# No stock lasts longer than anybody plans.
_LONGEST_DAYS = 3650.0


def stock_risk(stock: pl.DataFrame, outlook: DemandOutlook, as_of: datetime) -> pl.DataFrame:
    """Score every item by the probability that demand until the protection ends exceeds supply.

    Args:
        stock: Rows of `analytics/stock_outlook`.
        outlook: Their demand.
        as_of: Now; UTC.

    Returns:
        store_id, item_id, category, on_hand (shelf and warehouse), inventory_position (with what
        is on order), velocity_1h, velocity_24h, velocity_7d (pieces per hour of trade),
        protection_days (until the goods of the order after the next come),
        demand_over_protection_mean and _sd, demand_source (forecast or history),
        stock_out_risk_score (0 to 1), days_of_cover (null without demand), projected_stockout_ts,
        risk_band (green, amber, red), recommendation (ORDER, WATCH, NONE).
    """
    lines = stock.with_columns(
        protection_days=pl.Series(protection_days(stock, as_of), dtype=pl.Float64)
    ).join(outlook.items, on=KEY, maintain_order="left")
    score = shortage_probability(
        lines["inventory_position"].to_numpy(),
        lines["mean"].to_numpy(),
        lines["variance"].to_numpy(),
    )
    daily = pl.col("mean") / pl.col("protection_days")
    cover = pl.max_horizontal("on_hand", pl.lit(0)) / daily
    scored = lines.with_columns(
        stock_out_risk_score=pl.Series(score, dtype=pl.Float64),
        days_of_cover=pl.when(daily > 0).then(cover),
    )
    red, amber = (pl.col("stock_out_risk_score") > bound for bound in (RED, AMBER))
    seconds = pl.min_horizontal("days_of_cover", pl.lit(_LONGEST_DAYS)) * 86_400
    return scored.select(
        *KEY,
        "category",
        "on_hand",
        "inventory_position",
        "velocity_1h",
        "velocity_24h",
        "velocity_7d",
        "protection_days",
        pl.col("mean").alias("demand_over_protection_mean"),
        pl.col("variance").sqrt().alias("demand_over_protection_sd"),
        pl.col("source").alias("demand_source"),
        "stock_out_risk_score",
        "days_of_cover",
        pl.when(pl.col("days_of_cover").is_not_null())
        .then(pl.lit(as_of) + pl.duration(seconds=seconds))
        .alias("projected_stockout_ts"),
        pl.when(red)
        .then(pl.lit("red"))
        .when(amber)
        .then(pl.lit("amber"))
        .otherwise(pl.lit("green"))
        .alias("risk_band"),
        pl.when(red)
        .then(pl.lit("ORDER"))
        .when(amber)
        .then(pl.lit("WATCH"))
        .otherwise(pl.lit("NONE"))
        .alias("recommendation"),
    ).sort(KEY)
