"""Forecasts as they would stand in a lake."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from smartshelf_dagster.forecasting.baselines import LEVELS
from smartshelf_dagster.forecasting.calendar import ALWAYS_OPEN, protection_intervals
from smartshelf_dagster.forecasting.tables import DAYS, ORDERS, PREDICTIONS, QUANTILE_COLUMNS
from smartshelf_dagster.forecasting.windows import Cutoff, targets


def cutoff_at(moment: datetime) -> Cutoff:
    rounds = protection_intervals(moment.date(), moment.date() + timedelta(days=1))
    row = rounds.row(0, named=True)
    assert row["cutoff_ts"] == moment
    return Cutoff(row["cutoff_ts"], row["delivery_ts"], row["covers_until_ts"])


def predictions(
    cutoff: Cutoff, daily: dict[tuple[str, str], float], version: str | None = "orders-1"
) -> pl.DataFrame:
    """Rows of `tables.PREDICTIONS` for a steady demand per day, by store and item.

    The upper quantiles lie above the mean by its root.
    """
    rows = []
    for (store, item), mean in daily.items():
        for target in (*targets(ORDERS, cutoff, ALWAYS_OPEN), *targets(DAYS, cutoff)):
            expected = mean * target.window.trading_days
            spread = np.sqrt(expected) * (LEVELS - 0.5) * 4
            rows.append(
                {
                    "origin_ts": cutoff.cutoff_ts,
                    "store_id": store,
                    "item_id": item,
                    "window": target.name,
                    "horizon": target.horizon,
                    "from_ts": target.from_ts,
                    "until_ts": target.until_ts,
                    "model_version": version,
                    "method": "xgboost" if version else "ets",
                    "demand_class": "smooth",
                    "mean": expected,
                    **dict(zip(QUANTILE_COLUMNS, np.maximum(expected + spread, 0), strict=True)),
                }
            )
    schema = pl.DataFrame(pl.from_arrow(PREDICTIONS.empty_table())).schema
    return pl.DataFrame(rows, schema=schema)
