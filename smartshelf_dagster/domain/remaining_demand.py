"""What is left of a forecast some time after it was made.

Belongs here: taking off what should have been asked for since. Does not belong here: forecasts, and
what is ordered by them (`domain/forecast_policy.py`).
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from smartshelf_dagster.domain.inventory import trading_hours
from smartshelf_dagster.domain.ordering import Economics

_ITEM = ("store_id", "shelf_id", "origin_ts")


def remaining_demand(
    forecasts: pl.DataFrame, as_of: datetime, economics: Economics | None = None
) -> pl.DataFrame:
    """Return the demand that is still to come of windows that began earlier.

    What should have been asked for since is the mean demand, evenly by trading hours between the
    ends of the windows. Quantiles lose that much, and are not below 0: what was asked for instead
    is known from the stock. A forecast made now is returned as it is.

    Args:
        forecasts: store_id, shelf_id, origin_ts, until_ts (UTC), quantile (0 to 1), mean and
            demand (pieces asked for from `origin_ts` until then: mean, and at the quantile).
        as_of: From when on demand is wanted; UTC, not before any `origin_ts`.
        economics: Opening hours.

    Returns:
        store_id, shelf_id, until_ts, quantile, demand (pieces asked for from `as_of` until then);
        windows that have ended are left out.
    """
    given = economics or Economics()

    def traded(begin: datetime, end: datetime) -> float:
        return trading_hours(begin, end, given.opens_h, given.closes_h)

    times = forecasts.select("origin_ts", "until_ts").unique().sort("origin_ts", "until_ts")
    weights = [
        (origin, until, weight)
        for (origin,), group in times.group_by("origin_ts", maintain_order=True)
        for until, weight in zip(
            group["until_ts"],
            _weights(
                [traded(origin, until) for until in group["until_ts"]],
                traded(origin, as_of),
            ),
            strict=True,
        )
    ]
    schema = {"origin_ts": times.schema["origin_ts"], "until_ts": times.schema["until_ts"]}
    weighed = pl.DataFrame(weights, schema=schema | {"weight": pl.Float64}, orient="row")
    elapsed = (
        forecasts.unique([*_ITEM, "until_ts"])
        .join(weighed, on=("origin_ts", "until_ts"))
        .group_by(_ITEM)
        .agg(elapsed=(pl.col("mean") * pl.col("weight")).sum())
    )
    return (
        forecasts.filter(pl.col("until_ts") > as_of)
        .join(elapsed, on=_ITEM)
        .select(
            "store_id",
            "shelf_id",
            "until_ts",
            "quantile",
            demand=(pl.col("demand") - pl.col("elapsed")).clip(lower_bound=0),
        )
    )


def _weights(known_h: Sequence[float], at_h: float) -> list[float]:
    """Return the weights with which known values make the one in between; at 0 hours it is 0.

    >>> _weights([10.0, 20.0], 5.0), _weights([10.0, 20.0], 15.0), _weights([10.0, 20.0], 25.0)
    ([0.5, 0.0], [0.5, 0.5], [0.0, 1.0])
    """
    weights = [0.0] * len(known_h)
    before_h, before = 0.0, -1
    for place, hours in enumerate(known_h):
        if at_h <= hours:
            part = (at_h - before_h) / (hours - before_h) if hours > before_h else 0.0
            weights[place] = part
            if before >= 0:
                weights[before] = 1 - part
            return weights
        before_h, before = hours, place
    weights[-1] = 1.0
    return weights
