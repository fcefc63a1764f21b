"""Windows of a cutoff: what orders and people need."""

from datetime import UTC, datetime

import pytest

from smartshelf_dagster.forecasting.calendar import Window, day
from smartshelf_dagster.forecasting.tables import DAYS, ORDERS, WINDOWS
from smartshelf_dagster.forecasting.windows import (
    TRAINED_DAYS,
    Cutoff,
    targets,
    trained_targets,
    window_of,
)

THURSDAY = Cutoff(
    datetime(2026, 1, 8, 12, tzinfo=UTC),
    datetime(2026, 1, 9, 8, tzinfo=UTC),
    datetime(2026, 1, 12, 8, tzinfo=UTC),
)
REST = 9 / 13


def test_windows_of_orders_begin_at_the_cutoff() -> None:
    found = targets(ORDERS, THURSDAY)
    assert [(t.name, t.horizon, t.until_ts) for t in found] == [
        ("delivery", 0, datetime(2026, 1, 9, 8, tzinfo=UTC)),
        ("cover", 3, datetime(2026, 1, 12, 8, tzinfo=UTC)),
        ("week", 7, datetime(2026, 1, 15, 21, tzinfo=UTC)),
        ("month", 30, datetime(2026, 2, 7, 21, tzinfo=UTC)),
    ]
    assert {t.from_ts for t in found} == {THURSDAY.cutoff_ts}
    assert [t.window.trading_days for t in found] == [
        pytest.approx(REST + whole) for whole in (0, 3, 7, 30)
    ]


def test_windows_of_days_are_whole_days_after_that_of_the_cutoff() -> None:
    found = targets(DAYS, THURSDAY)
    assert [t.horizon for t in found] == [*range(1, 31), 7, 30]
    assert found[0].window == day(1)
    assert (found[0].from_ts, found[0].until_ts) == (
        datetime(2026, 1, 9, tzinfo=UTC), datetime(2026, 1, 10, tzinfo=UTC),
    )  # fmt: skip
    assert [t.window for t in found[-2:]] == [Window(1, 7), Window(1, 30)]
    assert found[-1].until_ts == datetime(2026, 2, 8, tzinfo=UTC)


def test_a_model_of_days_learns_from_some_of_them() -> None:
    single = [t.horizon for t in trained_targets(DAYS, THURSDAY) if t.name == "day"]
    assert tuple(single) == TRAINED_DAYS
    assert trained_targets(ORDERS, THURSDAY) == targets(ORDERS, THURSDAY)


@pytest.mark.parametrize("family", [ORDERS, DAYS])
def test_windows_follow_from_the_instants_that_are_kept(family: str) -> None:
    for target in targets(family, THURSDAY):
        found = window_of(THURSDAY.cutoff_ts, target.from_ts, target.until_ts)
        assert found.trading_days == pytest.approx(target.window.trading_days)
        assert found.end == target.window.end
    assert {t.name for t in targets(family, THURSDAY)} == set(WINDOWS[family])
