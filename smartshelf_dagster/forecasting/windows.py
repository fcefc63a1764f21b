"""What is forecast at a cutoff: the windows of both families of models.

Belongs here: from a row of the supplier calendar to named windows. Does not belong here: who
forecasts them (`serving.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from smartshelf_dagster.forecasting.calendar import (
    TradingDay,
    Window,
    day,
    next_days,
    window_between,
)
from smartshelf_dagster.forecasting.tables import (
    COVER,
    DAY,
    DAYS,
    DELIVERY,
    MONTH,
    NEXT_7,
    NEXT_30,
    ORDERS,
    WEEK,
)

WEEK_DAYS, MONTH_DAYS = 7, 30
# Single days that a model of days learns from; it forecasts those between them as well.
TRAINED_DAYS = (*range(1, 8), 10, 14, 21, 30)
# Windows that a family is judged by, and the largest horizon of those.
JUDGED = {ORDERS: (COVER, MONTH_DAYS), DAYS: (DAY, WEEK_DAYS)}


@dataclass(frozen=True)
class Cutoff:
    """A row of `calendar.protection_intervals`, UTC.

    Attributes:
        cutoff_ts: When orders are placed, and forecasts are made.
        delivery_ts: When their goods arrive.
        covers_until_ts: When goods ordered at the next cutoff arrive.
    """

    cutoff_ts: datetime
    delivery_ts: datetime
    covers_until_ts: datetime


@dataclass(frozen=True)
class Target:
    """A window that is forecast.

    Attributes:
        name: One of `tables.WINDOWS`.
        horizon: First whole day ahead of a single day, number of whole days of a sum.
        window: As seen from the day of the cutoff.
        from_ts: Its first instant, UTC.
        until_ts: Its end, UTC.
    """

    name: str
    horizon: int
    window: Window
    from_ts: datetime
    until_ts: datetime


def targets(family: str, cutoff: Cutoff, trading: TradingDay | None = None) -> tuple[Target, ...]:
    """Return what a family forecasts at a cutoff.

    Args:
        family: `tables.ORDERS` or `tables.DAYS`.
        cutoff: Cutoff.
        trading: Opening hours; 8 to 21 without.
    """
    trading = trading or TradingDay()
    if family == ORDERS:
        return _from_the_cutoff(cutoff, trading)
    return _whole_days(cutoff, range(1, MONTH_DAYS + 1))


def trained_targets(
    family: str, cutoff: Cutoff, trading: TradingDay | None = None
) -> tuple[Target, ...]:
    """Return what a family learns from at a cutoff: as `targets`, of single days only some."""
    return (
        targets(ORDERS, cutoff, trading) if family == ORDERS else _whole_days(cutoff, TRAINED_DAYS)
    )


def window_of(
    origin: datetime, from_ts: datetime, until_ts: datetime, trading: TradingDay | None = None
) -> Window:
    """Return the window between two instants as seen from an origin: the inverse of `targets`."""
    if from_ts == origin:
        return window_between(origin, until_ts, trading)
    first = (from_ts.date() - origin.date()).days
    return Window(first, (until_ts.date() - origin.date()).days - 1)


def _from_the_cutoff(cutoff: Cutoff, trading: TradingDay) -> tuple[Target, ...]:
    start = cutoff.cutoff_ts
    midnight = datetime.combine(start.date(), time(), UTC)
    ends = [(DELIVERY, cutoff.delivery_ts), (COVER, cutoff.covers_until_ts)]
    ends += [
        (name, midnight + timedelta(days=days, minutes=trading.closes))
        for name, days in ((WEEK, WEEK_DAYS), (MONTH, MONTH_DAYS))
    ]
    found = []
    for name, until in ends:
        window = window_between(start, until, trading)
        if window.tail == 1:
            window = replace(window, last=window.last + 1, tail=0.0)
        found.append(Target(name, window.last, window, start, until))
    return tuple(found)


def _whole_days(cutoff: Cutoff, ahead: Sequence[int]) -> tuple[Target, ...]:
    midnight = datetime.combine(cutoff.cutoff_ts.date(), time(), UTC)

    def at(days: int) -> datetime:
        return midnight + timedelta(days=days)

    single = [Target(DAY, each, day(each), at(each), at(each + 1)) for each in ahead]
    sums = [
        Target(name, days, next_days(days), at(1), at(days + 1))
        for name, days in ((NEXT_7, WEEK_DAYS), (NEXT_30, MONTH_DAYS))
    ]
    return (*single, *sums)
