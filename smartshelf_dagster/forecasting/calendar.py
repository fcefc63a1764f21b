"""Supplier cutoffs, and the time that an order placed at one has to last.

Belongs here: protection intervals and how much of a trading day lies in them, from a calendar of
rounds. Does not belong here: what is sold in them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from smartshelf_dagster.errors import SmartShelfError

_DAY_MINUTES = 1440
# A cutoff looks this far ahead for the delivery after its own.
_LOOK_AHEAD_DAYS = 35


class CalendarError(SmartShelfError, ValueError):
    """A supplier calendar cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True)
class SupplierRound:
    """A weekly chance to order, as a row of `seeds/supplier_calendar.csv`.

    Attributes:
        weekday: ISO weekday of the cutoff, 1 (Monday) to 7.
        cutoff_minute: Of that day, UTC.
        delivery_minute: From midnight of that day; more than 1440 is a later day.
    """

    weekday: int
    cutoff_minute: int
    delivery_minute: int


# Sunday, Tuesday and Thursday 12:00 UTC for the next day 08:00.
ROUNDS = tuple(SupplierRound(weekday, 720, 1920) for weekday in (7, 2, 4))


@dataclass(frozen=True)
class TradingDay:
    """Opening hours, in minutes from midnight.

    Attributes:
        opens: First minute of trade.
        closes: Minute at which trade has ended.
    """

    opens: int = 480
    closes: int = 1260

    def share_until(self, minute: float) -> float:
        """Return the share of a day's trade that lies before a minute of the day, 0 to 1.

        >>> round(TradingDay().share_until(720), 4)
        0.3077
        """
        return min(max((minute - self.opens) / (self.closes - self.opens), 0.0), 1.0)


# The stores of a lake sell at night as well: a quarter of the day's trade lies before eight.
ALWAYS_OPEN = TradingDay(0, 1440)


@dataclass(frozen=True)
class Window:
    """Days a forecast is for, as seen from the day it is made on.

    Attributes:
        first: First whole day; 1 is the day after.
        last: Last whole day; less than `first` when there is none.
        rest_of_day: Share of the origin day's trade that still counts.
        tail: Share of the trade of day `last + 1` that counts.
    """

    first: int
    last: int
    rest_of_day: float = 0.0
    tail: float = 0.0

    @property
    def trading_days(self) -> float:
        """Length in days of trade."""
        return self.rest_of_day + (self.last - self.first + 1) + self.tail

    @property
    def end(self) -> int:
        """The last day that counts, if only in part."""
        return self.last + 1 if self.tail > 0 else self.last


def day(ahead: int) -> Window:
    """Return the window of one whole day; 1 is the day after the origin."""
    return Window(ahead, ahead)


def next_days(days: int) -> Window:
    """Return the window of the next whole days together."""
    return Window(1, days)


def protection_intervals(
    first: date,
    last: date,
    rounds: Collection[SupplierRound] = ROUNDS,
    skipped: Collection[date] = (),
) -> pl.DataFrame:
    """List the cutoffs of a span, and until when an order placed at each has to last.

    An order has to last until goods ordered at the next cutoff arrive: a position is reviewed at
    each cutoff, and until then nothing more can be done.

    Args:
        first: First day that cutoffs are wanted of.
        last: Last day.
        rounds: The weekly calendar.
        skipped: Cutoff days without a delivery, such as holidays; the interval before grows.

    Returns:
        One row per cutoff, in order: cutoff_ts, delivery_ts, covers_until_ts (UTC), hours.

    Raises:
        CalendarError: There is no round, or none that delivers within five weeks.
    """
    rows: list[tuple[datetime, datetime]] = []
    for offset in range((last - first).days + _LOOK_AHEAD_DAYS + 1):
        at = first + timedelta(days=offset)
        midnight = datetime(at.year, at.month, at.day, tzinfo=UTC)
        rows.extend(
            (
                midnight + timedelta(minutes=each.cutoff_minute),
                midnight + timedelta(minutes=each.delivery_minute),
            )
            for each in rounds
            if each.weekday == at.isoweekday() and at not in skipped
        )
    frame = pl.DataFrame(
        sorted(rows),
        schema={"cutoff_ts": pl.Datetime("us", "UTC"), "delivery_ts": pl.Datetime("us", "UTC")},
        orient="row",
    ).with_columns(covers_until_ts=pl.col("delivery_ts").shift(-1))
    wanted = frame.filter(pl.col("cutoff_ts").dt.date() <= last)
    if wanted["covers_until_ts"].null_count() or not frame.height:
        raise CalendarError(
            f"{len(rounds)} supplier rounds from {first} to {last}, expected a delivery within"
            f" {_LOOK_AHEAD_DAYS} days of each cutoff"
        )
    span = pl.col("covers_until_ts") - pl.col("cutoff_ts")
    return wanted.with_columns(hours=span.dt.total_seconds() / 3600)


def window_between(cutoff: datetime, until: datetime, trading: TradingDay | None = None) -> Window:
    """Return the trade between two instants as days seen from the day of the first.

    Args:
        cutoff: When the forecast is made.
        until: End of the interval.
        trading: Opening hours; 8 to 21 without.

    Returns:
        The window; 35 hours of trade of 13 a day are 2.6923 trading days.
    """
    trading = trading or TradingDay()
    days = (until.date() - cutoff.date()).days
    return Window(
        first=1,
        last=days - 1,
        rest_of_day=1 - trading.share_until(_minute(cutoff)),
        tail=trading.share_until(_minute(until)),
    )


def _minute(moment: datetime) -> float:
    return moment.hour * 60 + moment.minute + moment.second / 60
