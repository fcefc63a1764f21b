"""Time: simulated instants, business days, and the pace of the live mode.

An instant is an integer count of milliseconds since 1970-01-01T00:00:00Z. Ticks are half-open:
at clock T everything before T has happened and nothing at or after T. Only `Pacer` knows real
time, and only as a monotonic count.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulator.errors import SimulatorError

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def parse_instant(text: str) -> int:
    """Reads an RFC 3339 time with offset, to the millisecond.

    Raises:
        SimulatorError: It is not such a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SimulatorError(
            f"{text!r} is not a time; expected e.g. 2026-01-01T07:00:00Z"
        ) from error
    if moment.tzinfo is None:
        raise SimulatorError(f"{text!r} has no offset; expected e.g. 2026-01-01T07:00:00Z")
    return (moment - EPOCH) // _MILLISECOND


def to_datetime(instant_ms: int) -> datetime:
    """The instant as an aware UTC datetime."""
    return EPOCH + timedelta(milliseconds=instant_ms)


def event_time(instant_ms: int) -> str:
    """The instant as events carry it: RFC 3339 UTC, always with milliseconds."""
    return to_datetime(instant_ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant_ms % SECOND_MS:03d}Z"


def clock_text(instant_ms: int) -> str:
    """The instant as a clock shows it: RFC 3339 UTC, milliseconds only when there are any."""
    text = event_time(instant_ms)
    return text.replace(".000Z", "Z")


class Moment(NamedTuple):
    """An instant with its text.

    Attributes:
        ms: The instant, ms.
        text: The same as events carry it.
    """

    ms: int
    text: str

    @classmethod
    def at(cls, instant_ms: int) -> "Moment":
        """The moment of an instant."""
        return cls(instant_ms, event_time(instant_ms))


class BusinessCalendar:
    """Days of a store, midnight to midnight in its own time zone.

    Args:
        timezone: IANA name.

    Raises:
        SimulatorError: There is no such zone.
    """

    def __init__(self, timezone: str) -> None:
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SimulatorError(f"{timezone!r} is not an IANA time zone") from error

    def day_of(self, instant_ms: int) -> date:
        """Business date of an instant."""
        return to_datetime(instant_ms).astimezone(self._zone).date()

    def instant(self, day: date, hour: int = 0) -> int:
        """Instant of a full hour by the wall clock of the store, ms."""
        local = datetime.combine(day, time_of_day(hour), tzinfo=self._zone)
        return (local.astimezone(UTC) - EPOCH) // _MILLISECOND


class Pacer:
    """Maps real seconds to simulated time and waits for the next tick.

    When the world cannot keep up, the pacer starts anew from where it is instead of hurrying
    after a debt that only grows.

    Args:
        tick_seconds: Real time between ticks, s.
        monotonic: Real clock, s.
    """

    def __init__(
        self, tick_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._tick_seconds = tick_seconds
        self._monotonic = monotonic
        self._due = monotonic()

    def seconds_to_next(self) -> float:
        """Real time until the next tick is due, s; never negative."""
        now = self._monotonic()
        self._due = max(self._due + self._tick_seconds, now)
        return self._due - now
