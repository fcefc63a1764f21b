"""What is written down of a run of a job."""

from datetime import UTC, datetime, timedelta

import pytest

from smartshelf_dagster.pipeline.quality_tables import SCHEMAS, JobRun, describe_run

STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENDED = STARTED + timedelta(seconds=90)


def described(**changes: object) -> JobRun:
    told = {
        "run_id": "r", "job": "micro_batch", "status": "SUCCESS", "started": STARTED,
        "ended": ENDED, "updated": ENDED, "made": [], "error": None,
    }  # fmt: skip
    return describe_run(**(told | changes))


def test_columns_are_those_of_the_table() -> None:
    assert set(vars(described())) == set(SCHEMAS["ops/job_runs"].names)


def test_events_count_before_rows() -> None:
    drained = [{"events_received": 3, "rows_added": 2}, {"events_received": 0}, {"rows_added": 1}]
    built = [{"dagster/row_count": 40, "as_of": "2026-01-01T08:00:00+00:00"}, {}]
    assert described(made=[*drained, *built]).records_processed == 3
    assert described(made=built).records_processed == 40
    assert described(made=[{"seconds": 1.5}]).records_processed is None


def test_checkpoint_is_the_newest_time_that_a_table_was_brought_to() -> None:
    made = [{"as_of": f"2026-01-01T0{hour}:00:00+00:00"} for hour in (7, 9, 8)]
    assert described(made=made).checkpoint == "2026-01-01T09:00:00+00:00"
    assert described().checkpoint is None


@pytest.mark.parametrize(("started", "ended"), [(None, None), (STARTED, None)])
def test_a_run_under_way_has_no_duration(started: datetime | None, ended: datetime | None) -> None:
    run = described(status="STARTED", started=started, ended=ended)
    assert (run.duration_s, run.ended_ts) == (None, None)
    assert described().duration_s == 90


def test_an_error_is_its_first_line() -> None:
    assert described(error="\nno such table\n  File x\n").error == "no such table"
    assert described(error="  ").error is None
