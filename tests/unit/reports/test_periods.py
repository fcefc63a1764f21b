"""What reports are about: days, weeks and months that are over."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from smartshelf_dagster.reports.periods import ReportType, newest_period, period_with

NEW_YEAR = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("report_type", "first", "last"),
    [
        (ReportType.DAILY, "2026-01-01", "2026-01-01"),
        (ReportType.WEEKLY, "2025-12-29", "2026-01-04"),
        (ReportType.MONTHLY, "2026-01-01", "2026-01-31"),
    ],
)
def test_period_has_the_day_in_it(report_type: ReportType, first: str, last: str) -> None:
    period = period_with(report_type, NEW_YEAR)
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)


@pytest.mark.parametrize("report_type", list(ReportType))
def test_periods_follow_each_other_without_a_gap(report_type: ReportType) -> None:
    days = [NEW_YEAR + timedelta(days=number) for number in range(400)]
    periods = list(dict.fromkeys(period_with(report_type, day) for day in days))
    for one, following in pairwise(periods):
        assert following.first == one.last + timedelta(days=1)


@pytest.mark.parametrize("report_type", list(ReportType))
def test_newest_period_is_over_and_the_next_one_is_not(report_type: ReportType) -> None:
    for number in range(400):
        day = NEW_YEAR + timedelta(days=number)
        newest = newest_period(report_type, day)
        assert newest.last <= day < period_with(report_type, newest.last + timedelta(days=1)).last


def test_a_period_is_compared_with_its_like() -> None:
    before = {t: period_with(t, date(2026, 3, 31)).before for t in ReportType}
    assert before[ReportType.DAILY].first == before[ReportType.DAILY].last == date(2026, 3, 24)
    assert before[ReportType.WEEKLY].last == date(2026, 3, 29)
    month = before[ReportType.MONTHLY]
    assert (month.first, month.last) == (date(2026, 2, 1), date(2026, 2, 28))
