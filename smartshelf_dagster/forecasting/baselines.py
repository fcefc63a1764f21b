"""Simple forecasts that a model has to beat, each with a distribution.

Belongs here: the methods, for all items of an origin at once. Each knows only the days before the
origin. Does not belong here: which one is best.

The libraries that have these (statsforecast 2.1) need pandas 2, which nothing else here can run
with; and one fit per item and origin would take longer than the model. The tests compare with
figures of theirs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy

from smartshelf_dagster.forecasting.calendar import Window
from smartshelf_dagster.forecasting.features import same_windows
from smartshelf_dagster.forecasting.panel import Floats, Ints, Panel
from smartshelf_dagster.forecasting.smoothing import Smoothed, smooth

# Levels of the quantiles that every method gives: both ends of 80 and 95 % bands, two-sided and
# one-sided, and what newsvendor ratios are read off between.
LEVELS = np.array([0.025, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.98, 0.99])

MOVING_AVERAGE_DAYS = 28
# Days over which the variance of an item's demand is measured, relative to its mean.
DISPERSION_DAYS = 91
_TINY = 1e-9


@dataclass(frozen=True)
class Forecast:
    """Demand of windows as distributions.

    Attributes:
        mean: Expected demand, shape (n,).
        quantiles: At `LEVELS`, shape (n, q), never decreasing, never below 0.
    """

    mean: Floats
    quantiles: Floats

    def at(self, level: float | Floats) -> Floats:
        """Return the quantile of a level, between those known on a straight line.

        Args:
            level: 0 to 1, one for all or of shape (n,), such as each item's critical ratio;
                outside of `LEVELS` the outermost quantile is returned.

        Returns:
            Shape (n,).
        """
        place = np.broadcast_to(np.interp(level, LEVELS, np.arange(len(LEVELS))), self.mean.shape)
        below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
        part, rows = place - below, np.arange(len(self.mean))
        found: Floats = (
            self.quantiles[rows, below] * (1 - part) + self.quantiles[rows, above] * part
        )
        return found

    def band(self, share: float) -> tuple[Floats, Floats]:
        """Return an interval that holds a share of what may come.

        Where nothing at all is likely enough to fill the lower tail, the interval starts at 0 and
        leaves the whole remainder above it: [0, q(0.8)] is narrower than [0, q(0.9)], and holds
        80 %.

        Args:
            share: 0.8 or 0.95.

        Returns:
            Lower and upper bounds, each of shape (n,).
        """
        tail = (1 - share) / 2
        low = self.at(tail)
        return low, np.where(low > 0, self.at(1 - tail), self.at(share))


class Baselines:
    """The simple methods on a panel, for some origins.

    Args:
        panel: Demand.
        columns: Origins that forecasts will be asked for.
        smoothed: What `smooth` returns for them, where it is at hand.
    """

    def __init__(
        self,
        panel: Panel,
        columns: Iterable[int],
        smoothed: Mapping[int, Smoothed] | None = None,
    ) -> None:
        self._panel = panel
        # Pieces are counted; what is weighed, or recovered from stock-outs, is not whole.
        self._is_counted = bool((panel.sold == np.round(panel.sold)).all())
        self._states = smoothed or smooth(panel, columns)

    def forecast(self, method: str, column: int, window: Window, rows: Ints) -> Forecast:
        """Forecast a window.

        Args:
            method: One of `METHODS`.
            column: Origin, one of those announced.
            window: As seen from the origin.
            rows: Items, shape (n,).

        Returns:
            Forecasts of shape (n,).
        """
        return METHODS[method](self, column, window, rows)

    def _mean_of_last(self, days: int, column: int, rows: Ints) -> Floats:
        sums, starts = self._panel.demand_sums, self._panel.starts
        total = sums[:, column] - sums[:, max(column - days, 0)]
        means: Floats = total / np.maximum(np.minimum(days, column - starts), 1)
        return means[rows]

    def _variance(self, days: int, column: int, rows: Ints) -> Floats:
        squares, starts = self._panel.square_sums, self._panel.starts
        total = squares[:, column] - squares[:, max(column - days, 0)]
        counts = np.maximum(np.minimum(days, column - starts), 1)
        mean = self._mean_of_last(days, column, rows)
        # The sample's own mean takes a degree of freedom; a single day has no spread.
        counts = counts[rows]
        variance: Floats = np.maximum(total[rows] - counts * mean**2, 0) / np.maximum(counts - 1, 1)
        return variance

    def _around(self, daily: Floats, column: int, window: Window, rows: Ints) -> Forecast:
        """Spread a daily mean with the dispersion the item has shown."""
        usual = self._mean_of_last(DISPERSION_DAYS, column, rows)
        spread = self._variance(DISPERSION_DAYS, column, rows)
        dispersion = np.where(usual > 0, spread / np.maximum(usual, _TINY), 1.0)
        mean = np.maximum(daily, 0) * self._panel.trading_days(column, window)
        return Forecast(mean, self._counts(mean, dispersion * mean))

    def _counts(self, mean: Floats, variance: Floats) -> Floats:
        return (count_quantiles if self._is_counted else gamma_quantiles)(mean, variance)

    def _past(self, column: int, window: Window, rows: Ints) -> Floats:
        """Return the same windows of past weeks; a young item has its mean instead."""
        past = same_windows(self._panel, column, window)[rows]
        mean = self._mean_of_last(MOVING_AVERAGE_DAYS, column, rows)
        is_new = np.isnan(past).all(axis=1)
        past[is_new] = (mean * self._panel.trading_days(column, window))[is_new, None]
        return past

    def last_same_window(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Seasonal naive: what it was a week ago; spread as in the last eight weeks."""
        past = self._past(column, window, rows)
        newest = past[np.arange(len(past)), np.argmax(np.isfinite(past), axis=1)]
        return Forecast(newest, _empirical(past))

    def mean_same_window(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Mean of the same window (the same weekdays) in the last eight weeks, spread likewise."""
        past = self._past(column, window, rows)
        return Forecast(np.nanmean(past, axis=1), _empirical(past))

    def moving_average_normal(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Mean of 28 days and a normal spread that grows with the root of time: the textbook's."""
        days = self._panel.trading_days(column, window)
        mean = self._mean_of_last(MOVING_AVERAGE_DAYS, column, rows) * days
        variance = self._variance(MOVING_AVERAGE_DAYS, column, rows) * days
        return Forecast(mean, _normal(mean, variance))

    def moving_average(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Mean of 28 days, negative binomial."""
        return self._around(
            self._mean_of_last(MOVING_AVERAGE_DAYS, column, rows), column, window, rows
        )

    def croston(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Size of a sale over the time between sales, each smoothed, corrected for its bias."""
        return self._around(self._states[column].croston[rows], column, window, rows)

    def tsb(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Size of a sale times the probability of one, each smoothed."""
        return self._around(self._states[column].tsb[rows], column, window, rows)

    def ets(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Exponential smoothing of level and weekdays, normal."""
        state = self._states[column]
        days = self._panel.trading_days(column, window)
        mean = state.ets(column, window, days)[rows]
        return Forecast(mean, _normal(mean, state.ets_variance[rows] * days))

    def first_generation(self, column: int, window: Window, rows: Ints) -> Forecast:
        """Exponential mean of sales, Poisson: behind the reorder points of the first generation."""
        days = self._panel.trading_days(column, window)
        mean = self._states[column].exponential[rows] * days
        return Forecast(mean, self._counts(mean, mean))


METHODS: dict[str, Callable[[Baselines, int, Window, Ints], Forecast]] = {
    method.__name__: method
    for method in (
        Baselines.last_same_window,
        Baselines.mean_same_window,
        Baselines.moving_average_normal,
        Baselines.moving_average,
        Baselines.croston,
        Baselines.tsb,
        Baselines.ets,
        Baselines.first_generation,
    )
}


def _empirical(past: Floats) -> Floats:
    """Return the quantiles of a few samples, shape (n, q); NaN samples do not count."""
    ordered = np.sort(past, axis=1)
    counts = np.isfinite(ordered).sum(axis=1)
    place = LEVELS[None, :] * (counts[:, None] - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, counts[:, None] - 1)
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, above, axis=1)
    between: Floats = low + (high - low) * (place - below)
    return between


def _normal(mean: Floats, variance: Floats) -> Floats:
    spread = np.sqrt(variance)[:, None] * scipy.stats.norm.ppf(LEVELS)
    found: Floats = np.maximum(mean[:, None] + spread, 0)
    return found


def count_quantiles(mean: Floats, variance: Floats) -> Floats:
    """Return quantiles of counts with these moments: negative binomial, else Poisson.

    Args:
        mean: Shape (n,).
        variance: Shape (n,); not above the mean means Poisson.

    Returns:
        At `LEVELS`, shape (n, q).
    """

    def quantiles(mean: Floats, dispersion: Floats) -> Floats:
        # Below this the negative binomial is a Poisson, but for rounding errors.
        excess = np.maximum(dispersion - 1, 1e-3)
        shape = mean / excess
        found: Floats = scipy.stats.nbinom.ppf(LEVELS, shape[:, None], (1 / (1 + excess))[:, None])
        return found

    return _by_moments(mean, variance, quantiles)


def gamma_quantiles(mean: Floats, variance: Floats) -> Floats:
    """Return quantiles of amounts that are not counted, with these moments: gamma.

    Args:
        mean: Shape (n,).
        variance: Shape (n,).

    Returns:
        At `LEVELS`, shape (n, q).
    """

    def quantiles(mean: Floats, dispersion: Floats) -> Floats:
        scale = np.maximum(dispersion, 1e-3)[:, None]
        found: Floats = scipy.stats.gamma.ppf(LEVELS, mean[:, None] / scale, scale=scale)
        return found

    return _by_moments(mean, variance, quantiles)


def _by_moments(
    mean: Floats, variance: Floats, quantiles: Callable[[Floats, Floats], Floats]
) -> Floats:
    found = np.zeros((len(mean), len(LEVELS)))
    some = mean > _TINY
    found[some] = quantiles(mean[some], np.maximum(variance[some] / mean[some], _TINY))
    return found
