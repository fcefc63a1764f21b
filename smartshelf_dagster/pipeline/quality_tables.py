"""The tables of data quality: their columns, writing a run, giving them to readers, forgetting.

Belongs here: what every run leaves behind. Does not belong here: what a run finds out
(`pipeline/quality.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import ServedTable

RESULTS = "dq/results"
REPORTS = "dq/reports"
TABLE_MONITORING = "dq/table_monitoring"
STREAM_QUALITY = "dq/stream_quality"
JOB_RUNS = "ops/job_runs"

# How long rows are kept, and how long of that readers get; both as seen from the newest row.
KEPT = timedelta(days=90)
SERVED = timedelta(days=7)

_RUN = [("run_id", pa.string()), ("run_ts", UTC_MICROSECONDS)]
SCHEMAS: dict[str, pa.Schema] = {
    RESULTS: pa.schema(
        [
            *_RUN,
            ("check_no", pa.string()),
            ("check_name", pa.string()),
            ("asset", pa.string()),
            ("scope", pa.string()),
            ("dimension", pa.string()),
            ("severity", pa.string()),
            ("status", pa.string()),
            ("observed", pa.float64()),
            ("threshold", pa.float64()),
            ("sample_json", pa.string()),
            ("duration_ms", pa.float64()),
        ]
    ),
    REPORTS: pa.schema(
        [
            *_RUN,
            ("total_records", pa.int64()),
            ("store_count", pa.int64()),
            ("product_count", pa.int64()),
            ("customer_count", pa.int64()),
            ("avg_quantity", pa.float64()),
            ("avg_unit_price", pa.float64()),
            ("total_revenue", pa.decimal128(18, 2)),
            ("earliest_record", UTC_MICROSECONDS),
            ("latest_record", UTC_MICROSECONDS),
            ("data_freshness_seconds", pa.float64()),
            ("clock_speed", pa.float64()),
            ("checks_passed", pa.int64()),
            ("checks_total", pa.int64()),
            ("dq_score", pa.float64()),
        ]
    ),
    TABLE_MONITORING: pa.schema(
        [
            *_RUN,
            ("table", pa.string()),
            ("rows", pa.int64()),
            ("size_bytes", pa.int64()),
            ("files", pa.int64()),
            ("partitions", pa.int64()),
            ("delta_version", pa.int64()),
            ("last_modified_ts", UTC_MICROSECONDS),
            ("status", pa.string()),
        ]
    ),
    STREAM_QUALITY: pa.schema(
        [
            *_RUN,
            ("topic", pa.string()),
            ("event_type", pa.string()),
            ("total", pa.int64()),
            ("valid", pa.int64()),
            ("empty", pa.int64()),
            ("earliest_ts", UTC_MICROSECONDS),
            ("latest_ts", UTC_MICROSECONDS),
            ("avg_processing_lag_s", pa.float64()),
        ]
    ),
    JOB_RUNS: pa.schema(
        [
            ("run_id", pa.string()),
            ("job", pa.string()),
            ("status", pa.string()),
            ("started_ts", UTC_MICROSECONDS),
            ("ended_ts", UTC_MICROSECONDS),
            ("duration_s", pa.float64()),
            ("records_processed", pa.int64()),
            ("checkpoint", pa.string()),
            ("error", pa.string()),
            ("updated_ts", UTC_MICROSECONDS),
        ]
    ),
}
_DATED_BY = dict.fromkeys(SCHEMAS, "run_ts") | {JOB_RUNS: "updated_ts"}


@dataclass(frozen=True)
class JobRun:
    """What became of a run of a job.

    Attributes:
        run_id: Its id.
        job: Name of the job.
        status: As the orchestrator says, such as SUCCESS, FAILURE or STARTED.
        started_ts: When it started, wall time; `None` while it waits.
        ended_ts: When it ended, wall time; `None` until then.
        duration_s: Seconds from start to end.
        records_processed: Events received, else rows of the tables it made.
        checkpoint: The time that it brought tables up to, by the clock in force.
        error: First line of what went wrong.
        updated_ts: When the orchestrator changed it last, wall time.
    """

    run_id: str
    job: str
    status: str
    started_ts: datetime | None
    ended_ts: datetime | None
    duration_s: float | None
    records_processed: int | None
    checkpoint: str | None
    error: str | None
    updated_ts: datetime


def describe_run(
    *,
    run_id: str,
    job: str,
    status: str,
    started: datetime | None,
    ended: datetime | None,
    updated: datetime,
    made: Iterable[Mapping[str, object]],
    error: str | None,
) -> JobRun:
    """Tell what a run did by what it said of the tables it made.

    Args:
        run_id: Its id.
        job: Name of the job.
        status: As the orchestrator says.
        started: When it started.
        ended: When it ended.
        updated: When it changed last.
        made: What it said of each table it made: `events_received`, `dagster/row_count`, `as_of`.
        error: What went wrong.
    """
    said = list(made)
    times = [str(of["as_of"]) for of in said if of.get("as_of") is not None]
    return JobRun(
        run_id=run_id,
        job=job,
        status=status,
        started_ts=started,
        ended_ts=ended,
        duration_s=(ended - started).total_seconds() if started and ended else None,
        records_processed=_sum(said, "events_received", "dagster/row_count"),
        checkpoint=max(times, default=None),
        error=error.strip().splitlines()[0] if error and error.strip() else None,
        updated_ts=updated,
    )


def _sum(said: Iterable[Mapping[str, object]], *names: str) -> int | None:
    """Return the sum of the first of the figures that any table tells."""
    for name in names:
        told = [int(str(of[name])) for of in said if of.get(name) is not None]
        if told:
            return sum(told)
    return None


def write_run(settings: Settings, run_id: str, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Write the rows of a run; those of an earlier try are replaced.

    Args:
        settings: Which lake.
        run_id: Of the run.
        tables: Its rows, by table.

    Returns:
        Version by table.
    """
    versions = {}
    for table, rows in tables.items():
        uri = _ensure(settings, table)
        versions[table] = delta.replace_same(uri, rows, {"run_id": [run_id]}).version
    return versions


def write_job_runs(settings: Settings, runs: Iterable[JobRun]) -> int:
    """Write runs of jobs; what was known of them before is replaced. Returns how many."""
    rows = pa.Table.from_pylist([asdict(run) for run in runs], schema=SCHEMAS[JOB_RUNS])
    uri = _ensure(settings, JOB_RUNS)
    if rows.num_rows:
        delta.upsert(uri, rows, ["run_id"])
    return int(rows.num_rows)


def newest_job_run(settings: Settings) -> datetime | None:
    """Return when a run that is known changed last; `None` before the first."""
    return _newest(settings, JOB_RUNS)


def read_run(settings: Settings, table: str, run_id: str) -> pa.Table:
    """Return the rows of a run; none when the table was never written."""
    uri = settings.table_uri(table)
    if not delta.table_exists(uri):
        return SCHEMAS[table].empty_table()
    return delta.as_dataset(uri).to_table(filter=pds.field("run_id") == run_id)


def served_quality(settings: Settings) -> tuple[list[ServedTable], dict[str, pa.Table]]:
    """Return the tables as readers get them: the last days, `SERVED`, as seen from the newest row.

    Args:
        settings: Which lake.

    Returns:
        Tables that are looked through to their files, and tables that are copied.
    """
    views: list[ServedTable] = []
    copies: dict[str, pa.Table] = {}
    for table, schema in SCHEMAS.items():
        newest = _newest(settings, table)
        if newest is None:
            copies[table] = schema.empty_table()
            continue
        uri, column = settings.table_uri(table), _DATED_BY[table]
        if settings.lake_is_local:
            version = delta.open_table(uri).version()
            condition = f"{column} >= timestamptz '{(newest - SERVED).isoformat()}'"
            files = delta.data_files(uri, version)
            views.append(ServedTable(table, version, files, condition=condition))
        else:
            since = pc.field(column) >= pa.scalar(newest - SERVED, UTC_MICROSECONDS)
            copies[table] = delta.as_dataset(uri).to_table(filter=since)
    return views, copies


def forget_quality(settings: Settings) -> int:
    """Delete rows that are older than `KEPT`, as seen from the newest of their table.

    Returns:
        Number of rows deleted.
    """
    deleted = 0
    for table, column in _DATED_BY.items():
        newest = _newest(settings, table)
        if newest is not None:
            deleted += delta.delete_before(settings.table_uri(table), column, newest - KEPT)
    return deleted


def _newest(settings: Settings, table: str) -> datetime | None:
    uri = settings.table_uri(table)
    if not delta.table_exists(uri):
        return None
    newest = delta.read_stats(uri, latest_of=_DATED_BY[table]).latest
    return newest if isinstance(newest, datetime) else None


def _ensure(settings: Settings, table: str) -> str:
    uri = settings.table_uri(table)
    delta.ensure_columns(uri, SCHEMAS[table], name=table)
    return uri
