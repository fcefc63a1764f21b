"""What a report is about: a day, a week or a month that is over, and what it is compared with.

Belongs here: the calendar of reports. Does not belong here: which of them exist already.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


class ReportType(StrEnum):
    """What kind of report."""

    DAILY = "DAILY_REPORT"
    WEEKLY = "WEEKLY_ANALYSIS"
    MONTHLY = "MONTHLY_SUMMARY"

    @property
    def span(self) -> Literal["day", "week", "month"]:
        """What it is about."""
        spans: dict[str, Literal["day", "week", "month"]] = {
            "DAILY_REPORT": "day",
            "WEEKLY_ANALYSIS": "week",
            "MONTHLY_SUMMARY": "month",
        }
        return spans[self.value]


@dataclass(frozen=True)
class Period:
    """A day, a week from Monday on, or a month.

    Attributes:
        report_type: Which of them.
        first: First business date.
        last: Last business date; the date of the report.
    """

    report_type: ReportType
    first: date
    last: date

    @property
    def before(self) -> "Period":
        """What it is compared with: the same weekday a week before, the week or month before."""
        if self.report_type is ReportType.MONTHLY:
            return period_with(self.report_type, self.first - _DAY)
        return Period(self.report_type, self.first - _WEEK, self.last - _WEEK)


def period_with(report_type: ReportType, day: date) -> Period:
    """Return the day, week or month that a business date is in.

    >>> period_with(ReportType.WEEKLY, date(2026, 1, 1)).first.isoformat()
    '2025-12-29'
    """
    if report_type is ReportType.DAILY:
        return Period(report_type, day, day)
    if report_type is ReportType.WEEKLY:
        monday = day - timedelta(days=day.weekday())
        return Period(report_type, monday, monday + _WEEK - _DAY)
    first = day.replace(day=1)
    next_month = (first + timedelta(days=31)).replace(day=1)
    return Period(report_type, first, next_month - _DAY)


def newest_period(report_type: ReportType, last_complete: date) -> Period:
    """Return the newest day, week or month that is over.

    Args:
        report_type: Which of them.
        last_complete: The last business date that is over.

    >>> newest_period(ReportType.MONTHLY, date(2026, 1, 30)).last.isoformat()
    '2025-12-31'
    """
    current = period_with(report_type, last_complete)
    if current.last <= last_complete:
        return current
    return period_with(report_type, current.first - _DAY)
