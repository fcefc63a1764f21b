"""Due times follow from the time alone."""

from datetime import UTC, datetime

import pytest

from smartshelf_dagster.domain.cadence import CADENCES, Cadence


@pytest.mark.parametrize(
    ("now", "due"),
    [("2026-01-01T03:16:59", "2025-12-31T03:17"), ("2026-01-01T03:17:00", "2026-01-01T03:17")],
)
def test_last_due_daily_job_is_due_from_its_minute_on(now: str, due: str) -> None:
    daily = next(c for c in CADENCES if c.job == "maintenance")
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert daily.last_due(moment) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("cadence", CADENCES, ids=lambda c: c.job)
def test_cron_and_interval_of_a_cadence_agree(cadence: Cadence) -> None:
    due = cadence.last_due(datetime(2026, 3, 5, 17, 43, tzinfo=UTC))
    minute, hour = cadence.cron.split()[:2]
    assert (minute == str(due.minute)) or (
        minute.startswith("*/") and due.minute % int(minute[2:]) == 0
    )
    assert hour in {"*", str(due.hour)}
