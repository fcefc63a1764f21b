"""How much of each item will be asked for until some times: by forecasts, else by what was sold.

Belongs here: from forecasts and histories to demand by scenario. Does not belong here: forecasts,
and what follows for the stock (`stock_risk.py`, `inventory_policy.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import scipy

from smartshelf_dagster.domain.inventory import (
    SCENARIO_PROBABILITY,
    FloatArray,
    demand_scenarios,
    demand_until,
    trading_hours,
)

KEY = ("store_id", "item_id")
FORECAST, HISTORY = "forecast", "history"
WEEK_DAYS = 7
DAY_HOURS = 24.0
# Where the variance exceeds the mean by no more than this, chance alone explains it.
POISSON_DISPERSION = 1.05
_MIDDLES: FloatArray = np.cumsum(SCENARIO_PROBABILITY) - SCENARIO_PROBABILITY / 2


@dataclass(frozen=True)
class DemandOutlook:
    """Demand of items from now on, by scenario of `SCENARIO_PROBABILITY`.

    Attributes:
        items: store_id, item_id, source (`FORECAST` or `HISTORY`), mean and variance of the
            demand until the end of the protection, week_mean (that of the next 7 days); null mean
            of a week where there is no forecast.
        protection: Pieces asked for until the end of the protection, (items, scenarios).
    """

    items: pl.DataFrame
    protection: FloatArray


def shortage_probability(
    position: FloatArray, mean: FloatArray, variance: FloatArray
) -> FloatArray:
    """Return the probability that more is asked for than there is.

    Demand is Poisson, or negative binomial with the same mean and variance where it varies more.

    Args:
        position: Pieces there are; below 0 counts as none.
        mean: Mean demand.
        variance: Its variance.
    """
    there = np.maximum(position, 0)
    size, chance = _negative_binomial(mean, variance)
    spread = np.asarray(scipy.stats.nbinom.sf(there, size, chance))
    even = np.asarray(scipy.stats.poisson.sf(there, mean))
    return np.where(_is_poisson(mean, variance), even, spread)


def demand_quantile(level: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the pieces that demand does not exceed with a probability; see above.

    Args:
        level: Probability, 0 to 1.
        mean: Mean demand.
        variance: Its variance.
    """
    size, chance = _negative_binomial(mean, variance)
    spread = np.asarray(scipy.stats.nbinom.ppf(level, size, chance))
    even = np.asarray(scipy.stats.poisson.ppf(level, mean))
    return np.where(_is_poisson(mean, variance), even, spread)


def _is_poisson(mean: FloatArray, variance: FloatArray) -> FloatArray:
    return np.asarray((variance <= POISSON_DISPERSION * mean) | (mean <= 0))


def _negative_binomial(mean: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return size and probability with these moments; some valid ones where Poisson speaks."""
    poisson = _is_poisson(mean, variance)
    excess = np.where(poisson, 1.0, variance - mean)
    return (
        np.where(poisson, 1.0, mean**2 / excess),
        np.where(poisson, 0.5, mean / np.where(poisson, 1.0, variance)),
    )


def demand_outlook(stock: pl.DataFrame, remaining: pl.DataFrame, as_of: datetime) -> DemandOutlook:
    """Return the demand of items until the goods of the order after the next come.

    Args:
        stock: Rows of `analytics/stock_outlook`.
        remaining: Demand still to come by forecasts: store_id, shelf_id, until_ts, quantile,
            demand, as from `domain/remaining_demand.py`; of stores without any, empty. An item
            needs the same times and quantiles as its store.
        as_of: Now; UTC.
    """
    parts = [_from_history(stock, as_of)] if stock.height else []
    for (store,), lines in stock.group_by("store_id"):
        spoken = _from_forecast(lines, remaining.filter(pl.col("store_id") == store), as_of)
        if spoken is not None:
            parts.append(spoken)
    if not parts:
        return DemandOutlook(pl.DataFrame(schema=_ITEMS), np.zeros((0, len(_MIDDLES))))
    items = pl.concat([part.items for part in parts]).with_row_index("row")
    # Who has a forecast stands in two of the parts; the later counts.
    chosen = items.unique(KEY, keep="last").sort(KEY)
    units = np.concatenate([part.protection for part in parts])
    return DemandOutlook(chosen.drop("row"), units[chosen["row"].to_numpy()])


_ITEMS = {
    "store_id": pl.String,
    "item_id": pl.String,
    "source": pl.String,
    "mean": pl.Float64,
    "variance": pl.Float64,
    "week_mean": pl.Float64,
}


def protection_days(stock: pl.DataFrame, as_of: datetime) -> FloatArray:
    """Return the days until the goods of the order after the next come, (items)."""
    spans = (stock["covers_until_ts"] - as_of).dt.total_seconds()
    return np.maximum(spans.to_numpy().astype(np.float64) / 86_400, 0)


def _from_history(stock: pl.DataFrame, as_of: datetime) -> DemandOutlook:
    """Return what goes on as it went: independent days, as many as the protection has."""
    days = protection_days(stock, as_of)
    mean = stock["mean_daily"].to_numpy() * days
    variance = stock["var_daily"].to_numpy() * days
    items = stock.select(
        *KEY,
        source=pl.lit(HISTORY),
        mean=pl.Series(mean, dtype=pl.Float64),
        variance=pl.Series(variance, dtype=pl.Float64),
        week_mean=pl.lit(None, pl.Float64),
    )
    return DemandOutlook(items, demand_quantile(_MIDDLES, mean[:, None], variance[:, None]))


def _from_forecast(
    lines: pl.DataFrame, remaining: pl.DataFrame, as_of: datetime
) -> DemandOutlook | None:
    """Return what forecasts of a store say of its items that have one, `None` without any."""
    said = remaining.filter(pl.col("demand").is_finite())
    levels = said["quantile"].unique().sort()
    times = said["until_ts"].unique().sort()
    full = said.group_by("shelf_id").len().filter(pl.col("len") == len(levels) * len(times))
    spoken = lines.join(full, left_on="item_id", right_on="shelf_id", how="semi").sort("item_id")
    if spoken.is_empty():
        return None
    quantiles = (
        said.join(spoken, left_on="shelf_id", right_on="item_id", how="semi")
        .sort("shelf_id", "until_ts", "quantile")["demand"]
        .to_numpy()
        .reshape(spoken.height, len(times), len(levels))
    )

    def hours(moment: datetime) -> float:
        return trading_hours(as_of, moment, 0.0, DAY_HOURS)

    until = [
        hours(spoken["covers_until_ts"][0]),
        hours(as_of + timedelta(days=WEEK_DAYS)),
    ]
    units = demand_until(
        np.array([hours(moment) for moment in times]),
        demand_scenarios(levels.to_numpy(), quantiles),
        SCENARIO_PROBABILITY,
        np.tile(np.array(until), (spoken.height, 1)),
    )
    protection = units[:, 0]
    mean = protection @ SCENARIO_PROBABILITY
    variance = (protection - mean[:, None]) ** 2 @ SCENARIO_PROBABILITY
    items = spoken.select(
        *KEY,
        source=pl.lit(FORECAST),
        mean=pl.Series(mean, dtype=pl.Float64),
        variance=pl.Series(variance, dtype=pl.Float64),
        week_mean=pl.Series(units[:, 1] @ SCENARIO_PROBABILITY, dtype=pl.Float64),
    )
    return DemandOutlook(items, protection)
