"""Making quantiles keep their promise: offsets from forecasts that have met their actuals.

Belongs here: conformal offsets by length of the window, horizon and demand class. Does not belong
here: models.
"""

from dataclasses import dataclass

import numpy as np

from smartshelf_dagster.forecasting.baselines import LEVELS, Forecast
from smartshelf_dagster.forecasting.features import CLASSES
from smartshelf_dagster.forecasting.panel import Floats, Ints

# Rows at which a group's own offset counts as much as that of all groups together.
POOLING_ROWS = 500
HORIZON_BUCKETS = (0, 1, 2, 4, 8)
# Least trading days of a window: up to a day, between deliveries, a week, a month. Sums of many
# days stray less, relative to what is usual, than those of few.
LENGTH_BUCKETS = (0.0, 1.5, 5.0, 14.0)


def length_bucket(days: Floats) -> Ints:
    """Return the index of the bucket of trading days."""
    return np.searchsorted(LENGTH_BUCKETS, days, side="right") - 1


def horizon_bucket(horizon: Ints) -> Ints:
    """Return the index of the bucket of days ahead."""
    return np.searchsorted(HORIZON_BUCKETS, horizon, side="right") - 1


@dataclass(frozen=True)
class Offsets:
    """What is added to quantiles, in units of usual demand.

    Attributes:
        by_group: Shape (length buckets, horizon buckets, demand classes, q).
    """

    by_group: Floats

    def apply(
        self, forecast: Forecast, scale: Floats, *, days: Floats, horizon: Ints, demand_class: Ints
    ) -> Forecast:
        """Return the forecast with its quantiles moved, in order and not below 0.

        Args:
            forecast: Of shape (n,).
            scale: Usual demand of each window, shape (n,).
            days: Trading days of each window, shape (n,).
            horizon: First whole day of each window, shape (n,).
            demand_class: Shape (n,).

        Returns:
            The calibrated forecast.
        """
        moves = self.by_group[length_bucket(days), horizon_bucket(horizon), demand_class]
        moved = np.maximum(forecast.quantiles + moves * scale[:, None], 0)
        return Forecast(forecast.mean, np.sort(moved, axis=1))


def conformal_offsets(
    actual: Floats,
    forecast: Forecast,
    scale: Floats,
    *,
    days: Floats,
    horizon: Ints,
    demand_class: Ints,
) -> Offsets:
    """Return the offsets under which past quantiles would have held their share of actuals.

    Each quantile has its own offset, as in conformalised quantile regression, but one per side
    and level. Small groups lean on all rows of windows as long together.

    Args:
        actual: Demand that came, shape (n,).
        forecast: What had been forecast without knowing it, of shape (n,).
        scale: Usual demand of each window, shape (n,).
        days: Trading days of each window, shape (n,).
        horizon: First whole day of each window, shape (n,).
        demand_class: Shape (n,).

    Returns:
        The offsets.

    Source: Romano, Patterson and Candès, Conformalized Quantile Regression, NeurIPS 2019.
    """
    misses = (actual[:, None] - forecast.quantiles) / scale[:, None]
    lengths, buckets = length_bucket(days), horizon_bucket(horizon)
    offsets = np.zeros((len(LENGTH_BUCKETS), len(HORIZON_BUCKETS), len(CLASSES), len(LEVELS)))
    for length in np.unique(lengths):
        as_long = lengths == length
        pooled = _levels_of(misses[as_long])
        offsets[length] = pooled
        for bucket, group in np.ndindex(len(HORIZON_BUCKETS), len(CLASSES)):
            chosen = as_long & (buckets == bucket) & (demand_class == group)
            rows = int(chosen.sum())
            if rows:
                weight = rows / (rows + POOLING_ROWS)
                own = _levels_of(misses[chosen])
                offsets[length, bucket, group] = weight * own + (1 - weight) * pooled
    return Offsets(offsets)


def _levels_of(misses: Floats) -> Floats:
    """Return of each column the quantile of its level, the finite-sample correction included.

    >>> float(conformal_quantile(np.arange(1.0, 10.0), 0.8))
    8.0
    """
    return np.array(
        [conformal_quantile(misses[:, column], level) for column, level in enumerate(LEVELS)]
    )


def conformal_quantile(values: Floats, level: float) -> float:
    """Return the smallest value that at least `level` of one more draw would not exceed.

    Args:
        values: Past draws, shape (n,).
        level: 0 to 1.

    Returns:
        The value of rank ceil((n + 1) level), at most the largest.
    """
    rank = min(max(int(np.ceil((len(values) + 1) * level)), 1), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])
