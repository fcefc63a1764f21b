"""Protection intervals follow from the calendar."""

import csv
import datetime as dt

import pytest

from smartshelf_dagster.forecasting.calendar import (
    ROUNDS,
    CalendarError,
    SupplierRound,
    TradingDay,
    Window,
    day,
    next_days,
    protection_intervals,
    window_between,
)
from smartshelf_dagster.settings import PROJECT_ROOT

SUNDAY = dt.date(2026, 1, 4)
SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "supplier_calendar.csv"


def test_rounds_are_those_of_the_seed_that_the_models_read() -> None:
    rows = csv.DictReader(SEED.read_text("utf-8").splitlines())
    assert [SupplierRound(*(int(value) for value in row.values())) for row in rows] == list(ROUNDS)


def test_protection_intervals_of_a_week_are_68_68_and_92_hours() -> None:
    week = protection_intervals(SUNDAY, SUNDAY + dt.timedelta(days=6))
    assert week["hours"].to_list() == [68.0, 68.0, 92.0]
    assert [str(each) for each in week["cutoff_ts"].dt.strftime("%a %H:%M")] == [
        "Sun 12:00", "Tue 12:00", "Thu 12:00",
    ]  # fmt: skip
    assert [str(each) for each in week["covers_until_ts"].dt.strftime("%a %H:%M")] == [
        "Wed 08:00", "Fri 08:00", "Mon 08:00",
    ]  # fmt: skip


def test_windows_hold_35_35_and_48_hours_of_13_hour_days() -> None:
    week = protection_intervals(SUNDAY, SUNDAY + dt.timedelta(days=6))
    windows = [
        window_between(cutoff, until)
        for cutoff, until in week.select("cutoff_ts", "covers_until_ts").iter_rows()
    ]
    hours = [window.trading_days * 13 for window in windows]
    assert hours == pytest.approx([35, 35, 48])
    assert [window.end for window in windows] == [2, 2, 3]


def test_skipped_delivery_extends_the_interval_before_it() -> None:
    tuesday = SUNDAY + dt.timedelta(days=2)
    week = protection_intervals(SUNDAY, SUNDAY + dt.timedelta(days=6), skipped=[tuesday])
    # Sunday 12:00 until Friday 08:00.
    assert week["hours"].to_list() == [116.0, 92.0]


def test_delivery_within_a_trading_day_leaves_a_tail() -> None:
    rounds = [SupplierRound(7, 720, 1440 + 14 * 60 + 30)]
    row = protection_intervals(SUNDAY, SUNDAY, rounds).row(0, named=True)
    window = window_between(row["cutoff_ts"], row["covers_until_ts"])
    # Monday of the week after next 14:30, half of 8 to 21 passed.
    assert (window.first, window.last, window.end) == (1, 7, 8)
    assert window.tail == pytest.approx(0.5)
    assert window.rest_of_day == pytest.approx(9 / 13)


def test_share_until_is_bounded_by_opening_hours() -> None:
    trading = TradingDay(opens=600, closes=1200)
    assert [trading.share_until(m) for m in (0, 600, 900, 1200, 1440)] == [0, 0, 0.5, 1, 1]


def test_day_and_next_days_do_not_count_the_origin() -> None:
    assert day(3) == Window(3, 3)
    assert day(3).trading_days == 1
    assert next_days(7).trading_days == 7


def test_calendar_without_a_next_delivery_is_refused() -> None:
    every_day = [SUNDAY + dt.timedelta(days=each) for each in range(60)]
    with pytest.raises(CalendarError, match="expected a delivery"):
        protection_intervals(SUNDAY, SUNDAY, ROUNDS, skipped=every_day)
