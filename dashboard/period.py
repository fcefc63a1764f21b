"""Stretches of days: their names, and which days they are.

Belongs here: what the choice of a period means. Does not belong here: drawing the choice
(`components/filters.py`), and which pages have it (`page.py`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

# Days of each length, by its name; `None` is all of them.
LENGTHS: dict[str, int | None] = {"7d": 7, "30d": 30, "90d": 90, "365d": 365, "all": None}
NAMES = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "A year", "all": "All"}
# Shown while nobody has chosen.
USUAL = "30d"


@dataclass(frozen=True)
class Period:
    """The days that a page tells about.

    Attributes:
        name: One of `LENGTHS`: the newest days, up to wherever a page's figures reach.
        days: First and last day, if the reader has chosen days instead; what is told of fixed
            periods only is then still of `name`.
    """

    name: str = USUAL
    days: tuple[date, date] | None = None

    @property
    def label(self) -> str:
        """What it is called in a sentence: 30 days, all days, 1 Dec 2025 to 3 Dec 2025."""
        if self.days:
            first, last = self.days
            return _day(first) if first == last else f"{_day(first)} to {_day(last)}"
        return self.fixed_label

    @property
    def fixed_label(self) -> str:
        """The same of `name` alone, whatever days are chosen."""
        return "all days" if self.name == "all" else NAMES[self.name].lower()

    @property
    def when(self) -> str:
        """When something was, at the end of a sentence: in the last 30 days."""
        if self.days:
            return f"on {self.label}" if self.days[0] == self.days[1] else f"from {self.label}"
        lasted = {"all": "so far", "365d": "in the last year"}
        return lasted.get(self.name, f"in the last {self.fixed_label}")

    def span(self, newest: date) -> tuple[date | None, date]:
        """Return the first and the last day; no first day where all are meant.

        Args:
            newest: Last day that a page knows of.
        """
        if self.days:
            return self.days
        length = LENGTHS[self.name]
        return (newest - timedelta(days=length - 1) if length else None), newest


def nearest(name: str, offered: Collection[str]) -> str:
    """Return which of some lengths is nearest to one; of two the shorter.

    Args:
        name: One of `LENGTHS`.
        offered: One at least of `LENGTHS`.
    """
    if name in offered:
        return name
    finite = {other: days for other in offered if (days := LENGTHS[other]) is not None}
    wanted = LENGTHS[name]
    if wanted is None:
        return max(finite, key=finite.__getitem__)
    if not finite:
        return next(iter(offered))
    return min(finite, key=lambda other: (abs(finite[other] - wanted), finite[other]))


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
