"""Judging what was measured, and how fast the clock runs."""

from datetime import UTC, datetime, timedelta

import pytest

from smartshelf_dagster.domain.cadence import clock_speed
from smartshelf_dagster.domain.quality import (
    BY_NAME,
    CHECKS,
    Bounds,
    Measurement,
    Pace,
    Status,
    dq_score,
    judge,
    worst,
)
from smartshelf_dagster.settings import PROJECT_ROOT

WALL = Pace(speed=1, batch_interval_s=60)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STARTED = datetime(2026, 5, 1, tzinfo=UTC)


def status(name: str, observed: float | None, pace: Pace = WALL) -> Status:
    return judge(Measurement(name, "t", "ALL", observed), pace).status


def test_checks_have_names_of_their_own_and_bounds() -> None:
    assert len(BY_NAME) == len(CHECKS)
    assert all(check.fail or check.warn for check in CHECKS)
    assert {check.name for check in CHECKS if check.fail is None} == {
        check.name for check in CHECKS if check.severity == "warn"
    }


@pytest.mark.parametrize(
    ("name", "observed", "expected"),
    [
        ("sales_are_fresh", 60, "pass"),
        ("sales_are_fresh", 61, "warn"),
        ("sales_are_fresh", 300, "warn"),
        ("sales_are_fresh", 301, "fail"),
        ("sales_are_fresh", None, "skipped"),
        ("sales_are_made", 0, "fail"),
        ("sales_are_made", 1, "pass"),
        ("volume_is_as_usual", 0.5, "pass"),
        ("volume_is_as_usual", 0.49, "fail"),
        ("volume_is_as_usual", 2.01, "fail"),
        ("events_are_accepted", 98.9, "fail"),
        ("returns_were_sold", 1_000, "warn"),
        # A micro-batch begins every minute, and nobody can be faster than that.
        ("events_arrive_in_time", 65, "pass"),
        ("events_arrive_in_time", 66, "warn"),
        ("events_arrive_in_time", 91, "fail"),
    ],
)
def test_bounds_belong_to_what_is_good(name: str, observed: float | None, expected: str) -> None:
    assert status(name, observed) == expected


def test_bounds_on_the_wall_stretch_with_the_clock() -> None:
    fast = Pace(speed=60, batch_interval_s=60)
    assert status("sales_are_fresh", 300 * 60, fast) == "warn"
    assert status("sales_are_fresh", 300 * 60 + 1, fast) == "fail"
    assert status("events_arrive_in_time", 90 * 60, fast) == "warn"
    assert status("sales_are_made", 0, fast) == "fail"


def test_threshold_is_the_bound_that_was_passed_or_is_near() -> None:
    def threshold(name: str, observed: float | None) -> float | None:
        return judge(Measurement(name, "t", "ALL", observed), WALL).threshold

    assert threshold("sales_are_fresh", 30) == 300
    assert threshold("sales_are_fresh", 90) == 60
    assert threshold("sales_are_fresh", 301) == 300
    assert threshold("volume_is_as_usual", 0.1) == 0.5
    assert threshold("volume_is_as_usual", None) == 2
    assert threshold("returns_were_sold", 0) == 0


def test_a_check_is_as_bad_as_the_worst_of_its_measurements() -> None:
    measured = [
        Measurement("summaries_agree", "a", "ALL", 0),
        Measurement("summaries_agree", "b", "ALL", 2),
        Measurement("tables_have_rows", "a", "ALL", None),
        Measurement("tables_have_rows", "b", "ALL", 5),
    ]
    found = worst(judge(of, WALL) for of in measured)
    assert found == {"summaries_agree": "fail", "tables_have_rows": "pass"}


def test_score_is_100_if_and_only_if_nothing_failed() -> None:
    fine: dict[str, Status] = {check.name: "pass" for check in CHECKS}
    assert dq_score(fine) == 100
    for check in CHECKS:
        assert dq_score(fine | {check.name: "warn"}) == 100
        assert dq_score(fine | {check.name: "skipped"}) == 100
        failed = dq_score(fine | {check.name: "fail"})
        assert failed is not None
        assert failed < 100
    assert dq_score(dict.fromkeys(fine, "fail")) == 0
    assert dq_score(dict.fromkeys(fine, "skipped")) is None


def test_no_bound_holds_beyond_itself() -> None:
    assert Bounds(low=1).hold(1)
    assert not Bounds(low=1).hold(0.9)
    assert Bounds().hold(1e9)
    assert Pace(10, 1).bounds(Bounds(1, 2), waits_for_batch=True) == Bounds(20, 30)


def test_the_wall_clock_runs_at_its_own_speed() -> None:
    """However long publications take, and whatever they were about before."""
    times = [
        (STARTED + timedelta(minutes=n), STARTED + timedelta(minutes=n, seconds=9 * n))
        for n in range(6)
    ]
    assert clock_speed(times) == 1
    assert clock_speed([(NOON, STARTED - timedelta(hours=1)), *times]) == 1


def test_a_simulated_clock_is_as_fast_as_it_went_from_publication_to_publication() -> None:
    times = [(NOON + timedelta(hours=n), STARTED + timedelta(minutes=n)) for n in range(6)]
    assert clock_speed(times) == 60
    # It stood for a night on the wall, and was published twice for the same time.
    later = [(time, wall + timedelta(hours=9)) for time, wall in times[3:]]
    assert clock_speed([*times[:3], *later]) == 60
    assert clock_speed([*times, (times[-1][0], times[-1][1] + timedelta(minutes=1))]) == 60


def test_nobody_knows_the_speed_of_a_clock_that_was_seen_once() -> None:
    assert clock_speed([]) == 1
    assert clock_speed([(NOON, STARTED)]) == 1
    assert clock_speed([(NOON, STARTED), (NOON, STARTED + timedelta(hours=1))]) == 1
    slow = [(NOON + timedelta(seconds=n), STARTED + timedelta(seconds=10 * n)) for n in range(3)]
    assert clock_speed(slow) == 1


def test_page_tells_every_check_and_its_bounds() -> None:
    def words(bounds: Bounds | None) -> str:
        if bounds is None:
            return ""
        if bounds.low is None:
            return f"≤ {bounds.high:g}"
        return f"≥ {bounds.low:g}" if bounds.high is None else f"{bounds.low:g} to {bounds.high:g}"

    page = (PROJECT_ROOT / "docs" / "explanation" / "analytics.md").read_text("utf-8")
    for c in CHECKS:
        row = f"| {c.number} | `{c.name}` | {c.text} | {words(c.fail)} | {words(c.warn)} | {c.severity} |"
        assert row in page, row
