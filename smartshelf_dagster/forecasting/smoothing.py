"""Exponential smoothing of all items at once: Croston, TSB, ETS.

Belongs here: one walk through the days that keeps the state at each origin. Does not belong here:
distributions (`baselines.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from smartshelf_dagster.forecasting.calendar import Window
from smartshelf_dagster.forecasting.panel import Floats, Panel

# Source: Teunter, Syntetos and Babai, Eur. J. Oper. Res. 214 (2011), for slow-moving items.
TSB_DEMAND, TSB_PROBABILITY = 0.1, 0.1
CROSTON_SMOOTHING = 0.1
# The first generation of Smart Shelf: an exponential mean of sales, with Poisson demand around it.
FIRST_GENERATION_SMOOTHING = 0.1
# ETS(A,N,A) and, with a seasonal weight of 0, ETS(A,N,N): one pair per item by its past errors.
ETS_GRID = tuple(product((0.02, 0.05, 0.1, 0.2, 0.4), (0.0, 0.05, 0.15)))
_WEEK = 7


@dataclass(frozen=True)
class Smoothed:
    """What smoothing has come to before a column.

    Attributes:
        tsb: Daily demand after Teunter, Syntetos and Babai, shape (items,).
        croston: The same after Croston, corrected as by Syntetos and Boylan.
        exponential: Exponential mean of daily demand.
        ets_level: Level of exponential smoothing with weekdays.
        ets_season: What each weekday adds, shape (items, 7); day 0 is that of column 0.
        ets_variance: Mean squared error of its forecasts of the next day, shape (items,).
    """

    tsb: Floats
    croston: Floats
    exponential: Floats
    ets_level: Floats
    ets_season: Floats
    ets_variance: Floats

    def ets(self, column: int, window: Window, days: float) -> Floats:
        """Return the mean of a window by exponential smoothing, shape (items,).

        Args:
            column: Of the state.
            window: As seen from there.
            days: Its length in days of usual trade.
        """
        weights = np.zeros(_WEEK)
        for ahead in range(window.first, window.last + 1):
            weights[(column + ahead) % _WEEK] += 1
        weights[(column + window.end) % _WEEK] += window.tail
        weights[column % _WEEK] += days - weights.sum()
        return np.maximum(self.ets_level * days + self.ets_season @ weights, 0)


def smooth(panel: Panel, columns: Iterable[int]) -> dict[int, Smoothed]:
    """Walk through the days once, and keep the state before each of some columns.

    Args:
        panel: Demand.
        columns: Origins.

    Returns:
        The states by column; each depends on the days before it only.
    """
    columns = set(columns)
    items = len(panel.starts)
    alphas, gammas = np.array(ETS_GRID).T
    size = np.zeros(items)
    probability, interval, since = np.zeros(items), np.ones(items), np.zeros(items)
    croston_size, exponential = np.zeros(items), np.zeros(items)
    level = np.zeros((items, len(ETS_GRID)))
    season = np.zeros((items, len(ETS_GRID), _WEEK))
    errors, steps = np.zeros((items, len(ETS_GRID))), np.zeros(items)
    states: dict[int, Smoothed] = {}
    for column in range(max(columns, default=-1) + 1):
        if column in columns:
            best = errors.argmin(axis=1)
            at = np.arange(items), best
            states[column] = Smoothed(
                tsb=probability * size,
                # Source: Syntetos and Boylan, Int. J. Forecasting 21 (2005).
                croston=(1 - CROSTON_SMOOTHING / 2) * croston_size / interval,
                exponential=exponential.copy(),
                ets_level=level[at],
                ets_season=season[at].astype(np.float32),
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
