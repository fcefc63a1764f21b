"""When recurring work is due, by whatever clock is in force.

Belongs here: due times as a pure function of the time. Does not belong here: reading a clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cadence:
    """A job that is due at regular times.

    Attributes:
        job: Name of the job.
        every: Time between two due times.
        offset: From midnight UTC of the first day to the first due time.
        cron: The same for a scheduler that follows the wall clock.
    """

    job: str
    every: timedelta
    offset: timedelta
    cron: str

    def last_due(self, now: datetime) -> datetime:
        """Return the newest due time that is not later than now.

        >>> hourly = Cadence("hourly", timedelta(hours=1), timedelta(minutes=5), "5 * * * *")
        >>> hourly.last_due(datetime(2026, 1, 1, 7, 4, tzinfo=UTC)).isoformat()
        '2026-01-01T06:05:00+00:00'
        """
        passed = (now - _EPOCH - self.offset) // self.every
        return _EPOCH + self.offset + passed * self.every


CADENCES = (
    Cadence("data_quality", timedelta(minutes=30), timedelta(), "*/30 * * * *"),
    Cadence("hourly_pipeline", timedelta(hours=1), timedelta(minutes=5), "5 * * * *"),
    # Day 0 was a Thursday; models are trained on Sundays.
    Cadence("model_training", timedelta(days=7), timedelta(days=3, hours=2), "0 2 * * 0"),
    # Weeks and months, when they are over and not reported yet.
    Cadence("business_reports", timedelta(days=1), timedelta(hours=2, minutes=30), "30 2 * * *"),
    Cadence("forecast_watch", timedelta(days=1), timedelta(hours=3), "0 3 * * *"),
    Cadence("maintenance", timedelta(days=1), timedelta(hours=3, minutes=17), "17 3 * * *"),
    Cadence("customer_insights", timedelta(days=1), timedelta(hours=3, minutes=30), "30 3 * * *"),
)
