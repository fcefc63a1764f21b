"""How good the data are: checks, their history, tables, runs of jobs."""

import polars as pl

from dashboard import serving
from smartshelf_dagster.domain.quality import BY_NAME, Pace
from smartshelf_dagster.settings import load_settings

# The check of how long receipts take from the till to the lake.
_ARRIVALS = "events_arrive_in_time"


def is_checked() -> bool:
    """Return whether the data have been checked at all."""
    return serving.has_table("dq", "reports") and not reports().is_empty()


def reports() -> pl.DataFrame:
    """Return the runs of the last days: what they found of the last hour, the newest first."""
    return serving.query("select * from dq.reports order by run_ts desc, run_id")


def results(run_id: str) -> pl.DataFrame:
    """Return what became of each check in a run, the worst first."""
    return serving.query(
        """
        select
            concat_ws('/', check_name, asset, scope) as result_id, check_no, check_name, asset,
            scope, dimension, severity, status, observed, threshold, sample_json
        from dq.results
        where run_id = $run_id
        order by
            list_position(['fail', 'warn', 'pass', 'skipped'], status),
            list_position(['critical', 'error', 'warn'], severity),
            cast(substr(check_no, 2) as integer), check_name, asset, scope
        """,
        run_id=run_id,
    )


def history(check_name: str, asset: str, scope: str | None) -> pl.DataFrame:
    """Return what a check measured in the last days: run_ts, observed, threshold, status."""
    return serving.query(
        """
        select run_ts, observed, threshold, status
        from dq.results
        where check_name = $check_name and asset = $asset
            and scope is not distinct from $scope
        order by run_ts
        """,
        check_name=check_name,
        asset=asset,
        scope=scope,
    )


def arrivals() -> pl.DataFrame:
    """Return how long receipts took at each check of the last days, oldest first.

    Columns: at, p95_s: seconds that 95 % of an hour's lines did not exceed, warn_s and fail_s: the
    bounds at the speed the clock had.
    """
    found = serving.query(
        """
        select results.run_ts as "at", results.observed as p95_s, reports.clock_speed
        from dq.results as results
        inner join dq.reports as reports on results.run_id = reports.run_id
        where results.check_name = $check_name
        order by results.run_ts
        """,
        check_name=_ARRIVALS,
    )
    bounds = {speed: arrival_bounds(speed) for speed in found.get_column("clock_speed").unique()}
    speed = pl.col("clock_speed")
    return found.select(
        "at",
        "p95_s",
        *(
            speed.replace_strict(
                {known: pair[place] for known, pair in bounds.items()},
                default=None,
                return_dtype=pl.Float64,
            ).alias(name)
            for place, name in enumerate(("warn_s", "fail_s"))
        ),
    )


def arrival_bounds(speed: float | None) -> tuple[float, float]:
    """Return after how long receipts on their way are a warning, and a failure, in seconds.

    Args:
        speed: Seconds of the clock in force for each second on the wall; `None` is taken for 1.
    """
    pace = Pace(speed or 1.0, load_settings().micro_batch_interval_s)
    fail, warn = BY_NAME[_ARRIVALS].at(pace)
    if fail is None or warn is None or fail.high is None or warn.high is None:
        raise LookupError(f"{_ARRIVALS}: expected upper bounds")
    return warn.high, fail.high


def tables(run_id: str) -> pl.DataFrame:
    """Return how each Delta table was at a run, the largest first."""
    return serving.query(
        """
        select "table", status, rows, size_bytes, files, partitions, delta_version,
            last_modified_ts
        from dq.table_monitoring
        where run_id = $run_id
        order by size_bytes desc, "table"
        """,
        run_id=run_id,
    )


def job_runs() -> pl.DataFrame:
    """Return the runs of jobs of the last days, the newest first; none where nobody wrote any."""
    if not serving.has_table("ops", "job_runs"):
        return pl.DataFrame()
    return serving.query(
        """
        select job, status, started_ts, duration_s, records_processed, checkpoint, error
        from ops.job_runs
        order by coalesce(started_ts, updated_ts) desc, run_id
        """
    )
