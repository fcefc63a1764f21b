"""The judgement on each part of the system."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smartshelf_dagster.domain.quality import Pace
from smartshelf_dagster.domain.system_status import Component, Known, judge

AS_OF = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = AS_OF - timedelta(minutes=1)
HEALTHY = Known(
    as_of=AS_OF,
    published_at=AS_OF,
    newest_event=AS_OF - timedelta(seconds=10),
    events=5,
    behind=0,
    drain_lag_s=20.0,
    only_loaded=False,
    analysed=AS_OF - timedelta(hours=1),
    tables=30,
    decided=AS_OF - timedelta(days=3),
    forecasts=True,
    free_bytes=50_000_000_000,
    open_since=AS_OF - timedelta(hours=4),
    pace=Pace(speed=1, batch_interval_s=60),
    last_ok={},
)


def by_name(known: Known) -> dict[str, Component]:
    return {component.component: component for component in judge(known)}


def statuses(known: Known) -> dict[str, str]:
    return {name: component.status for name, component in by_name(known).items()}


def test_in_a_healthy_system_every_part_is_well() -> None:
    assert set(statuses(HEALTHY).values()) == {"ok"}
    assert {component.last_ok_ts for component in judge(HEALTHY)} == {AS_OF}


@pytest.mark.parametrize(
    ("component", "status", "change"),
    [
        ("raw", "warn", {"newest_event": AS_OF - timedelta(minutes=17)}),
        ("raw", "fail", {"newest_event": AS_OF - timedelta(minutes=62)}),
        ("raw", "fail", {"newest_event": None}),
        ("cleansed", "warn", {"behind": 1}),
        ("analytics", "warn", {"analysed": AS_OF - timedelta(hours=3)}),
        ("analytics", "fail", {"analysed": AS_OF - timedelta(hours=27)}),
        ("analytics", "off", {"analysed": None}),
        ("stream", "warn", {"drain_lag_s": 961.0}),
        ("stream", "fail", {"drain_lag_s": None}),
        ("stream", "off", {"drain_lag_s": None, "only_loaded": True}),
        ("model", "warn", {"decided": None}),
        ("model", "off", {"forecasts": False}),
        ("disk", "warn", {"free_bytes": 4_000_000_000}),
        ("disk", "fail", {"free_bytes": 0}),
        ("disk", "off", {"free_bytes": None}),
    ],
)
def test_a_part_that_stops_changes_its_own_row_alone(
    component: str, status: str, change: dict[str, object]
) -> None:
    found = statuses(replace(HEALTHY, **change))
    assert found == statuses(HEALTHY) | {component: status}


def test_at_night_nothing_comes_in_and_that_is_well() -> None:
    night = replace(
        HEALTHY, open_since=None, newest_event=AS_OF - timedelta(hours=9), drain_lag_s=None
    )
    assert statuses(night) == statuses(HEALTHY)


@pytest.mark.parametrize(
    ("opened_before", "raw", "stream"),
    [(1, "ok", "ok"), (30, "warn", "warn"), (90, "fail", "fail")],
)
def test_in_the_morning_what_is_missing_counts_from_the_opening(
    opened_before: int, raw: str, stream: str
) -> None:
    morning = replace(
        HEALTHY,
        open_since=AS_OF - timedelta(minutes=opened_before),
        newest_event=AS_OF - timedelta(hours=11),
        drain_lag_s=None,
    )
    assert statuses(morning) == statuses(HEALTHY) | {"raw": raw, "stream": stream}
    assert by_name(morning)["raw"].latency_s == 11 * 3600


def test_a_fast_clock_grants_what_passes_while_a_batch_is_awaited() -> None:
    """A minute on the wall is an hour of the clock: for both it is the same lateness."""
    old = {
        "newest_event": AS_OF - timedelta(hours=2),
        "drain_lag_s": 7200.0,
        "analysed": AS_OF - timedelta(hours=19),
    }
    slow = statuses(replace(HEALTHY, **old))
    assert (slow["raw"], slow["stream"], slow["analytics"]) == ("fail", "fail", "warn")
    fast = replace(HEALTHY, **old, pace=Pace(speed=60, batch_interval_s=60))
    assert statuses(fast) == statuses(HEALTHY)
    late = replace(
        fast, newest_event=AS_OF - timedelta(hours=62), open_since=AS_OF - timedelta(hours=70)
    )
    assert statuses(late)["raw"] == "fail"


def test_what_was_well_before_is_remembered() -> None:
    broken = replace(HEALTHY, behind=2, last_ok={"cleansed": BEFORE})
    found = by_name(broken)
    assert found["cleansed"].last_ok_ts == BEFORE
    assert found["raw"].last_ok_ts == AS_OF
