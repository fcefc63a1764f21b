"""When recurring work is due, by whatever clock is in force.

Belongs here: due times as a pure function of the time, and how fast that passes. Does not belong
here: reading a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

# Readers see that a quiet store is quiet, and not that the system stands still.
QUIET_PUBLICATION = timedelta(minutes=10)
# However fast a simulated day passes, work for its own sake leaves time for the rest.
LEAST_REAL_INTERVAL = timedelta(minutes=10)

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


def clock_speed(publications: Sequence[tuple[datetime, datetime]]) -> float:
    """Return how many seconds of the clock in force pass in a second on the wall.

    It is 1 for the wall clock, which publications follow within the time that one takes; else the
    median of what the clock advanced from publication to publication over what the wall did.
    Publications for the same time say nothing. Never below 1: a clock that stands grants no delay.

    Args:
        publications: The time each was computed for, and when it was published, oldest first.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> started = datetime(2026, 5, 1, tzinfo=UTC)
    >>> clock_speed([(noon, started), (noon + timedelta(hours=1), started + timedelta(minutes=1))])
    60.0
    """
    if not publications or abs(publications[-1][1] - publications[-1][0]) <= QUIET_PUBLICATION:
        return 1.0
    ratios = [
        (later[0] - earlier[0]) / (later[1] - earlier[1])
        for earlier, later in pairwise(publications)
        if later[0] > earlier[0] and later[1] > earlier[1]
    ]
    return max(1.0, median(ratios)) if ratios else 1.0


def due_every(job: str, speed: float) -> timedelta:
    """Return how far apart two runs of a job are, by the clock in force.

    However fast the clock, recurring jobs rest between two runs on the wall.

    Args:
        job: Name of the job.
        speed: Seconds of the clock in force for each second on the wall.

    >>> due_every("hourly_pipeline", 1) == timedelta(hours=1)
    True
    >>> due_every("hourly_pipeline", 60) == timedelta(hours=10)
    True
    """
    every = {cadence.job: cadence.every for cadence in CADENCES}
    least = QUIET_PUBLICATION if job == "micro_batch" else LEAST_REAL_INTERVAL
    return max(every.get(job, timedelta()), least * speed)
