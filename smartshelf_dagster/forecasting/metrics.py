"""How good forecasts are: errors of points, of quantiles and of bands.

Belongs here: the measures, each with its formula. No MAPE: most days of most items are zero.
Does not belong here: which forecasts are compared, and when.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
# What loses nothing cannot be beaten; the gain over it is a very large loss.
_TINY = 1e-9


def wape(actual: Floats, forecast: Floats) -> float:
    """Return the sum of absolute errors over the sum of actuals.

    >>> round(wape(np.array([10, 0, 5, 20, 15.0]), np.array([12, 1, 5, 15, 18.0])), 4)
    0.22
    """
    return float(np.abs(actual - forecast).sum() / actual.sum())


def bias(actual: Floats, forecast: Floats) -> float:
    """Return the sum of errors over the sum of actuals; above 0 is too much.

    >>> round(bias(np.array([10, 0, 5, 20, 15.0]), np.array([12, 1, 5, 15, 18.0])), 4)
    0.02
    """
    return float((forecast - actual).sum() / actual.sum())


def score(actual: Floats, forecast: Floats) -> float:
    """Return the absolute error plus the absolute bias, both over the sum of actuals.

    Source: the score of the VN1 forecasting competition (2024).
    """
    return wape(actual, forecast) + abs(bias(actual, forecast))


def pinball(actual: Floats, forecast: Floats, levels: Floats) -> Floats:
    """Return the loss of quantile forecasts, the mean of which the true quantile minimises.

    Args:
        actual: Demand, shape (n,).
        forecast: Quantiles, shape (n, q), in the unit of demand.
        levels: Of the quantiles, 0 to 1, shape (q,).

    Returns:
        Losses of shape (n, q), in the unit of demand.

    Source: Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978).
    """
    error = actual[:, None] - forecast
    return np.maximum(levels * error, (levels - 1) * error)


def naive_scales(history: Floats, starts: npt.NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Return the in-sample errors of the naive forecast of each item, the yardstick of its size.

    Args:
        history: Daily demand, shape (items, days).
        starts: First day with a sale of each item, shape (items,); days before do not count.

    Returns:
        Mean absolute and mean squared change from day to day, shape (items,); NaN where an item
        has fewer than two days, or never changes.
    """
    steps = np.diff(history, axis=1)
    counts = np.arange(steps.shape[1])[None, :] >= starts[:, None]
    days = np.maximum(counts.sum(axis=1), 1)
    absolute = np.where(counts, np.abs(steps), 0).sum(axis=1) / days
    squared = np.where(counts, steps**2, 0).sum(axis=1) / days
    return np.where(absolute > 0, absolute, np.nan), np.where(squared > 0, squared, np.nan)


def scaled_errors(
    actual: Floats,
    mean: Floats,
    median: Floats,
    items: npt.NDArray[np.integer],
    scales: tuple[Floats, Floats],
) -> tuple[float, float]:
    """Return MASE of the median and RMSSE of the mean, averaged over items.

    Args:
        actual: Demand, shape (n,).
        mean: Forecast mean, shape (n,).
        median: Forecast median, shape (n,).
        items: Row of the item in `scales`, shape (n,).
        scales: What `naive_scales` returns.

    Returns:
        MASE and RMSSE; items without a scale are left out.

    Source: Hyndman and Koehler (2006) for MASE; the M5 competition (2020) for RMSSE.
    """
    size = len(scales[0])
    rows = np.bincount(items, minlength=size).astype(float)
    rows[rows == 0] = np.nan
    absolute = np.bincount(items, np.abs(actual - median), size) / rows / scales[0]
    squared = np.bincount(items, (actual - mean) ** 2, size) / rows / scales[1]
    if np.isnan(absolute).all():
        return float("nan"), float("nan")
    return float(np.nanmean(absolute)), float(np.nanmean(np.sqrt(squared)))


def sum_by(groups: npt.NDArray[np.integer], values: Floats, count: int) -> Floats:
    """Return the sum of each group's values, shape (count,); groups are numbered from 0."""
    return np.bincount(groups, values, count).astype(np.float64)


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Return the share of actuals within their bands, bounds included."""
    return float(((actual >= low) & (actual <= high)).mean())


def bootstrap_difference(
    first: Floats, second: Floats, seed: int, draws: int = 2000, block: int = 3
) -> tuple[float, float, float]:
    """Return how much less the first loses than the second, relative, with its 95 % interval.

    Origins overlap, and neighbours are alike; so blocks of them are drawn, with both methods of
    an origin together.

    Args:
        first: Sum of losses of each origin, in order, shape (origins,).
        second: The same of the other method.
        seed: Of the draws.
        draws: Number of resamples.
        block: Origins drawn together; three are a week of cutoffs.

    Returns:
        (second - first) / second, and its bounds; above 0 the first is better.

    Source: Künsch, The jackknife and the bootstrap for general stationary observations, 1989.
    """
    origins = len(first)
    block = min(block, origins)
    random = np.random.default_rng(seed)
    starts = random.integers(0, origins, size=(draws, -(-origins // block)))
    # Circular, so that each origin is drawn equally often.
    chosen = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :origins] % origins
    gains = 1 - first[chosen].sum(axis=1) / np.maximum(second[chosen].sum(axis=1), _TINY)
    low, high = np.quantile(gains, [0.025, 0.975])
    gain = 1 - first.sum() / max(second.sum(), _TINY)
    return float(gain), float(low), float(high)
