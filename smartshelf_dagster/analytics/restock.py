"""Which items to restock first, and by how much demand is about to change.

Belongs here: ratios, classes and priorities. Does not belong here: quantities
(`inventory_policy.py`), and risks (`stock_risk.py`).
"""

import polars as pl

from smartshelf_dagster.analytics.demand_outlook import KEY, WEEK_DAYS, DemandOutlook
from smartshelf_dagster.analytics.stock_risk import AMBER, RED

# Bounds of forecast demand over that of an average week.
HIGH, MODERATE, LOW = 1.5, 1.2, 0.8
_WEEKS = 28 / WEEK_DAYS


def restock_recommendations(
    stock: pl.DataFrame, outlook: DemandOutlook, risk: pl.DataFrame, policy: pl.DataFrame
) -> pl.DataFrame:
    """Compare the forecast of the next 7 days with an average week of the last four.

    Both are sums of a week. Without a forecast there is no recommendation, and the stock alone
    sets the priority.

    Args:
        stock: Rows of `analytics/stock_outlook`.
        outlook: Their demand.
        risk: Rows of `stock_risk`.
        policy: Rows of `inventory_policy`.

    Returns:
        store_id, item_id, category, forecast_7d, trailing_avg_7d, demand_ratio, recommendation
        (HIGH_DEMAND, MODERATE_INCREASE, NORMAL, LOW_DEMAND), on_hand, days_of_cover,
        stock_out_risk_score, priority (High, Normal, Low), recommended_qty, reason.
    """
    lines = (
        stock.join(outlook.items.select(*KEY, "week_mean"), on=KEY)
        .join(risk.select(*KEY, "days_of_cover", "stock_out_risk_score"), on=KEY)
        .join(policy.select(*KEY, "recommended_qty", "reorder_flag"), on=KEY)
    )
    known_weeks = pl.min_horizontal(pl.col("history_days") / WEEK_DAYS, pl.lit(_WEEKS))
    average = pl.when(pl.col("history_days") > 0).then(pl.col("units_28d") / known_weeks)
    compared = lines.with_columns(forecast_7d="week_mean", trailing_avg_7d=average).with_columns(
        demand_ratio=pl.when(pl.col("trailing_avg_7d") > 0).then(
            pl.col("forecast_7d") / pl.col("trailing_avg_7d")
        )
    )
    ratio, score = pl.col("demand_ratio"), pl.col("stock_out_risk_score")
    rises, falls = (ratio > MODERATE).fill_null(value=False), (ratio < LOW).fill_null(value=False)
    reason = (
        pl.when("reorder_flag")
        .then(pl.lit("position at or below the reorder point"))
        .when(score > RED)
        .then(pl.lit("likely to run out before an order can help"))
        .when(rises)
        .then(pl.lit("demand is about to rise"))
        .when(falls & (score < AMBER))
        .then(pl.lit("demand is about to fall, and there is enough"))
        .otherwise(pl.lit("as usual"))
    )
    return compared.select(
        *KEY,
        "category",
        "forecast_7d",
        "trailing_avg_7d",
        "demand_ratio",
        pl.when(ratio > HIGH)
        .then(pl.lit("HIGH_DEMAND"))
        .when(ratio > MODERATE)
        .then(pl.lit("MODERATE_INCREASE"))
        .when(ratio < LOW)
        .then(pl.lit("LOW_DEMAND"))
        .when(ratio.is_not_null())
        .then(pl.lit("NORMAL"))
        .alias("recommendation"),
        "on_hand",
        "days_of_cover",
        "stock_out_risk_score",
        pl.when(rises | (score > RED) | pl.col("reorder_flag"))
        .then(pl.lit("High"))
        .when(falls & (score < AMBER))
        .then(pl.lit("Low"))
        .otherwise(pl.lit("Normal"))
        .alias("priority"),
        "recommended_qty",
        reason.alias("reason"),
    ).sort(KEY)
