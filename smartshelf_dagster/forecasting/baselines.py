"""Simple forecasts that a model has to beat, each with a distribution.

Belongs here: the methods, for all items of an origin at once. Each knows only the days before the
origin. Does not belong here: which one is best.

The libraries that have these (statsforecast 2.1) need pandas 2, which nothing else here can run
with; and one fit per item and origin would take longer than the model. The tests compare with
figures of theirs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats

from smartshelf_dagster.forecasting.calendar import Window
from smartshelf_dagster.forecasting.features import same_windows
from smartshelf_dagster.forecasting.panel import Floats, Ints, Panel

# Levels of the quantiles that every method gives: both ends of 80 and 95 % bands, two-sided and
# one-sided, and what newsvendor ratios are read off between.
LEVELS = np.array([0.025, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.98, 0.99])

MOVING_AVERAGE_DAYS = 28
# Days over which the variance of an item's demand is measured, relative to its mean.
DISPERSION_DAYS = 91
# Source: Teunter, Syntetos and Babai, Eur. J. Oper. Res. 214 (2011), for slow-moving items.
TSB_DEMAND, TSB_PROBABILITY = 0.1, 0.1
CROSTON_SMOOTHING = 0.1
# The first generation of Smart Shelf: an exponential mean of sales, with Poisson demand around it.
FIRST_GENERATION_SMOOTHING = 0.1
# ETS(A,N,A) and, with a seasonal weight of 0, ETS(A,N,N): one pair per item by its past errors.
ETS_GRID = tuple(product((0.02, 0.05, 0.1, 0.2, 0.4), (0.0, 0.05, 0.15)))
_WEEK = 7
# Pairs of mean and dispersion this near (in logarithm) share their quantiles.
_ROUNDING = 0.01
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

    def at(self, level: float) -> Floats:
        """Return the quantile of one level, between those known on a straight line.

        Args:
            level: 0 to 1; outside of `LEVELS` the outermost is returned.

        Returns:
            Shape (n,).
        """
        place = float(np.interp(level, LEVELS, np.arange(len(LEVELS))))
        below, above = int(np.floor(place)), int(np.ceil(place))
        part = place - below
        return self.quantiles[:, below] * (1 - part) + self.quantiles[:, above] * part

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


@dataclass(frozen=True)
class _State:
    """What smoothing has come to before a column, each of shape (items,)."""

    tsb: Floats
    croston: Floats
    exponential: Floats
    ets_level: Floats
    ets_season: Floats
    ets_variance: Floats


class Baselines:
    """The simple methods on a panel, for some origins.

    Args:
        panel: Demand.
        columns: Origins that forecasts will be asked for.
    """

    def __init__(self, panel: Panel, columns: Iterable[int]) -> None:
        self._panel = panel
        # Pieces are counted; what is weighed, or recovered from stock-outs, is not whole.
        self._is_counted = bool((panel.sold == np.round(panel.sold)).all())
        self._states = _smooth(panel, set(columns))

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
        return (total / np.maximum(np.minimum(days, column - starts), 1))[rows]

    def _variance(self, days: int, column: int, rows: Ints) -> Floats:
        squares, starts = self._panel.square_sums, self._panel.starts
        total = squares[:, column] - squares[:, max(column - days, 0)]
        counts = np.maximum(np.minimum(days, column - starts), 1)
        mean = self._mean_of_last(days, column, rows)
        return np.maximum((total / counts)[rows] - mean**2, 0) * (counts / (counts - 0.999))[rows]

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
        whole = window.last - window.first + 1
        rest = days - whole - window.tail
        weights = np.zeros(_WEEK)
        for ahead in range(window.first, window.last + 1):
            weights[(column + ahead) % _WEEK] += 1
        weights[column % _WEEK] += rest
        weights[(column + window.end) % _WEEK] += window.tail
        mean = np.maximum(state.ets_level[rows] * days + state.ets_season[rows] @ weights, 0)
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


def _smooth(panel: Panel, columns: set[int]) -> dict[int, _State]:
    """Walk through the days once, and keep the state at each origin."""
    items = len(panel.starts)
    alphas, gammas = np.array(ETS_GRID).T
    size = np.zeros(items)
    probability, interval, since = np.zeros(items), np.ones(items), np.zeros(items)
    croston_size, exponential = np.zeros(items), np.zeros(items)
    level = np.zeros((items, len(ETS_GRID)))
    season = np.zeros((items, len(ETS_GRID), _WEEK))
    errors, steps = np.zeros((items, len(ETS_GRID))), np.zeros(items)
    states = {}
    for column in range(max(columns) + 1):
        if column in columns:
            best = errors.argmin(axis=1)
            at = np.arange(items), best
            states[column] = _State(
                tsb=probability * size,
                # Source: Syntetos and Boylan, Int. J. Forecasting 21 (2005).
                croston=(1 - CROSTON_SMOOTHING / 2) * croston_size / interval,
                exponential=exponential.copy(),
                ets_level=level[at],
                ets_season=season[at],
                ets_variance=errors[at] / np.maximum(steps, 1),
            )
        if column >= panel.observed:
            continue
        demand = panel.demand[:, column].astype(np.float64)
        is_first = panel.starts == column
        is_on = panel.starts <= column
        is_sale = is_on & (demand > 0)
        is_first_sale = is_sale & (size == 0)
        since = np.where(is_on, since + 1, 0)
        grown = size + TSB_DEMAND * (demand - size)
        size = np.where(is_first_sale, demand, np.where(is_sale, grown, size))
        hit = is_sale.astype(np.float64)
        smoothed = probability + TSB_PROBABILITY * (hit - probability)
        probability = np.where(is_first, hit, np.where(is_on, smoothed, 0))
        croston_size = np.where(
            is_first_sale,
            demand,
            np.where(
                is_sale, croston_size + CROSTON_SMOOTHING * (demand - croston_size), croston_size
            ),
        )
        longer = interval + CROSTON_SMOOTHING * (since - interval)
        interval = np.where(is_first_sale, since, np.where(is_sale, longer, interval))
        since = np.where(is_sale, 0, since)
        moved = exponential + FIRST_GENERATION_SMOOTHING * (demand - exponential)
        exponential = np.where(is_first, demand, np.where(is_on, moved, 0))
        weekday = column % _WEEK
        expected = np.where(is_first[:, None], demand[:, None], level + season[:, :, weekday])
        error = np.where(is_on[:, None], demand[:, None] - expected, 0)
        errors += error**2
        steps += is_on & ~is_first
        level = np.where(is_first[:, None], demand[:, None], level + alphas * error)
        season[:, :, weekday] += gammas * error
    return states


def _empirical(past: Floats) -> Floats:
    """Return the quantiles of a few samples, shape (n, q); NaN samples do not count."""
    ordered = np.sort(past, axis=1)
    counts = np.isfinite(ordered).sum(axis=1)
    place = LEVELS[None, :] * (counts[:, None] - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, counts[:, None] - 1)
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, above, axis=1)
    return low + (high - low) * (place - below)


def _normal(mean: Floats, variance: Floats) -> Floats:
    return np.maximum(mean[:, None] + np.sqrt(variance)[:, None] * stats.norm.ppf(LEVELS), 0)


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
        return stats.nbinom.ppf(LEVELS, shape[:, None], (1 / (1 + excess))[:, None])

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
        return stats.gamma.ppf(LEVELS, mean[:, None] / scale, scale=scale)

    return _by_moments(mean, variance, quantiles)


def _by_moments(
    mean: Floats, variance: Floats, quantiles: Callable[[Floats, Floats], Floats]
) -> Floats:
    """Compute each pair of nearly equal moments once: the inverse functions are slow."""
    found = np.zeros((len(mean), len(LEVELS)))
    some = mean > _TINY
    dispersion = np.maximum(variance[some] / mean[some], _TINY)
    pairs = np.round(np.log(np.stack([mean[some], dispersion], axis=1)) / _ROUNDING)
    unique, back = np.unique(pairs, axis=0, return_inverse=True)
    rounded = np.exp(unique * _ROUNDING)
    found[some] = quantiles(rounded[:, 0], rounded[:, 1])[back.ravel()]
    return found
