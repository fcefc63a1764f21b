"""The quality of a lake: measured, judged and kept.

Belongs here: what has to be asked of dbt, of Delta and of the lake as a whole. Does not belong
here: what SQL can ask (`dbt_project/models/quality`, dbt's tests), the checks and the judgement
(`domain/quality.py`), the tables of the results (`pipeline/quality_tables.py`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds

from smartshelf_dagster.contracts.tables import (
    QUARANTINE,
    UTC_MICROSECONDS,
    all_tables,
    arrow_schema,
    raw_tables,
)
from smartshelf_dagster.domain.cadence import clock_speed, due_every
from smartshelf_dagster.domain.quality import (
    CHECKS,
    FAIL,
    SKIPPED,
    Measurement,
    Pace,
    Status,
    Verdict,
    dq_score,
    judge,
    worst,
)
from smartshelf_dagster.domain.retention import POLICY
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.analytics import VERSIONS, analytics_models
from smartshelf_dagster.pipeline.anomaly_detection import TABLES as UNUSUAL
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.benchmark_log import BENCHMARKS
from smartshelf_dagster.pipeline.business_reports import BUSINESS_REPORTS
from smartshelf_dagster.pipeline.customer_insights import TABLES as INSIGHTS
from smartshelf_dagster.pipeline.demand import DEMAND_HISTORY
from smartshelf_dagster.pipeline.publish import (
    Publication,
    publish,
    published_models,
    read_publication,
    read_publications,
)
from smartshelf_dagster.pipeline.quality_tables import (
    REPORTS,
    RESULTS,
    SCHEMAS,
    STREAM_QUALITY,
    TABLE_MONITORING,
    write_run,
)
from smartshelf_dagster.pipeline.registry import SCHEMAS as FORECASTS
from smartshelf_dagster.pipeline.standing_lake import standing_lake
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.archive import LOG
from smartshelf_dagster.storage.warehouse import WarehouseReader, list_tables
from smartshelf_dagster.transform.runner import (
    ANALYTICS,
    CUSTOMERS,
    QUALITY,
    Transformer,
    table_of,
)

# What is accepted of the streams is asked of the events that were drained in this time.
_STREAM_WINDOW = timedelta(days=1)
_LAST_HOUR = "quality_last_hour"
_FACTS = "quality_analytics"
_NOT_EMPTY = "tables_have_rows"
_SHOWN_PROBLEMS = 5


class CriticalCheckError(SmartShelfError, RuntimeError):
    """A critical check failed, and what was built is not published; the message says which."""


class NothingToCheckError(SmartShelfError, RuntimeError):
    """Nothing was published from this lake yet."""


@dataclass(frozen=True)
class QualityReport:
    """What a run of the checks found.

    Attributes:
        run_id: Of the run.
        run_ts: The time that was checked, by the clock in force.
        verdicts: What became of every measurement; a check that was not measured has one too.
        statuses: The worst of each check, by name.
        checks_passed: Checks that did not fail.
        checks_total: Checks that there was something to measure for.
        score: Share of the checks that did not fail, by weight, percent; `None` without any.
        versions: Versions of the tables that it was written to.
    """

    run_id: str
    run_ts: datetime
    verdicts: tuple[Verdict, ...]
    statuses: dict[str, Status]
    checks_passed: int
    checks_total: int
    score: float | None
    versions: dict[str, int]

    @property
    def failures(self) -> list[str]:
        """One line for each measurement that failed."""
        return _failures(self.verdicts)

    def to_json(self) -> dict[str, object]:
        """Return the figures of the public contract."""
        return self._figures() | {"statuses": self.statuses}

    def to_text(self) -> dict[str, object]:
        """Return the figures and what became of each check, as they are shown to people."""
        checks = {check.name: f"{check.number} {check.name}" for check in CHECKS}
        return self._figures() | {label: self.statuses[name] for name, label in checks.items()}

    def _figures(self) -> dict[str, object]:
        return {
            "run_id": self.run_id,
            "run_ts": self.run_ts.isoformat(),
            "checks_passed": self.checks_passed,
            "checks_total": self.checks_total,
            "dq_score": self.score,
        }


def _failures(verdicts: Iterable[Verdict]) -> list[str]:
    return [
        f"{verdict.check.number} {verdict.check.name}: {verdict.measured.asset} "
        f"{verdict.measured.scope}: {verdict.measured.observed:g}, expected "
        f"{_as_words(verdict)} {verdict.measured.sample_json or ''}".rstrip()
        for verdict in verdicts
        if verdict.status == FAIL and verdict.measured.observed is not None
    ]


def _as_words(verdict: Verdict) -> str:
    side = "at least" if (verdict.measured.observed or 0) < (verdict.threshold or 0) else "at most"
    return f"{side} {verdict.threshold:g}"


def check_lake(settings: Settings, as_of: datetime | None = None) -> QualityReport:
    """Check a lake that nobody is at work on, and publish what was found.

    Args:
        settings: Which lake.
        as_of: The time to check; that of the last publication by default.

    Raises:
        NothingToCheckError: Nothing was published yet, or the warehouse is gone.
        WarehouseBusyError: Another process is writing to the lake.
    """
    with standing_lake(settings, as_of, NothingToCheckError) as (transformer, moment):
        report = run_checks(settings, transformer, moment, f"{moment:%Y%m%dT%H%M%S%fZ}")
        publish(settings, transformer)
    return report


def refuse_wrong_facts(transformer: Transformer, as_of: datetime) -> None:
    """Let nobody publish facts and summaries that a critical check refuses.

    Only what SQL and dbt's tests say of them is looked at; that a table is empty is no reason, for
    in a new lake it is.

    Args:
        transformer: dbt of the lake, whose analytics are built for `as_of`.
        as_of: The time; UTC.

    Raises:
        CriticalCheckError: One failed; readers keep what was published before.
    """
    measured = [
        *_measure_by_sql(transformer, as_of, [_FACTS]),
        *_measure_by_tests(transformer, as_of, ANALYTICS),
    ]
    failed = [
        line
        for verdict in (judge(of, Pace(1, 0)) for of in measured if of.check_name != _NOT_EMPTY)
        if verdict.status == FAIL and verdict.check.severity == "critical"
        for line in _failures([verdict])
    ]
    if failed:
        raise CriticalCheckError(f"analytics are not published: {'; '.join(failed)}")


def run_checks(
    settings: Settings,
    transformer: Transformer,
    as_of: datetime,
    run_id: str,
    *,
    read_at: datetime | None = None,
) -> QualityReport:
    """Measure everything, judge it, and write it down.

    Args:
        settings: Which lake.
        transformer: Its dbt project and warehouse, prepared.
        as_of: The time to check, by the clock in force; UTC.
        run_id: Names the run; done again, it replaces what it wrote.
        read_at: When the clock in force showed `as_of`, wall time, which tells its speed beside the
            publications; `None` for a time that was chosen.

    Raises:
        NothingToCheckError: Nothing was published yet.
        TransformError: A model failed, with the database's message.
    """
    publication = read_publication(settings)
    if publication is None:
        raise NothingToCheckError(f"{settings.lake}: nothing is published yet; run it first")
    shown = [(as_of, read_at)] if read_at else []
    speed = clock_speed([*read_publications(settings), *shown])
    pace = Pace(speed, settings.micro_batch_interval_s)
    monitored = _monitor_tables(settings, transformer)
    streams = _stream_quality(settings, as_of)
    measured = [
        *_measure_by_sql(transformer, as_of),
        *_measure_by_tests(transformer, as_of),
        *_ages(settings, transformer, publication, as_of, speed),
        _acceptance(streams),
        _reconciliation(settings),
        *_schema_problems(settings, transformer),
    ]
    known = {of.check_name for of in measured}
    measured += [Measurement(c.name, c.asset, "ALL", None) for c in CHECKS if c.name not in known]
    verdicts = tuple(judge(of, pace) for of in measured)
    statuses = worst(verdicts)
    judged = [status for status in statuses.values() if status != SKIPPED]
    passed, score = len(judged) - judged.count(FAIL), dq_score(statuses)
    with transformer.reading() as reader:
        hour = reader.rows(f"dq/{_LAST_HOUR}", ["as_of_ts"]).to_pylist()[0]
    figures = {
        "clock_speed": speed,
        "checks_passed": passed,
        "checks_total": len(judged),
        "dq_score": score,
    }
    rows = {
        RESULTS: [_to_row(verdict) for verdict in verdicts],
        REPORTS: [hour | figures],
        TABLE_MONITORING: monitored,
        STREAM_QUALITY: streams,
    }
    run = {"run_id": run_id, "run_ts": as_of}
    tables = {
        table: pa.Table.from_pylist([run | row for row in of], schema=SCHEMAS[table])
        for table, of in rows.items()
    }
    versions = write_run(settings, run_id, tables)
    return QualityReport(
        run_id, as_of, verdicts, statuses, passed, len(judged), score, versions
    )  # fmt: skip


def _to_row(verdict: Verdict) -> dict[str, Any]:
    check, measured = verdict.check, verdict.measured
    return {
        "check_no": check.number,
        "check_name": check.name,
        "asset": measured.asset,
        "scope": measured.scope,
        "dimension": check.dimension,
        "severity": check.severity,
        "status": verdict.status,
        "observed": measured.observed,
        "threshold": verdict.threshold,
        "sample_json": measured.sample_json,
        "duration_ms": measured.duration_ms,
    }


def _measure_by_sql(
    transformer: Transformer, as_of: datetime, only: Collection[str] = ()
) -> Iterator[Measurement]:
    """Build the models of quality whose tables are there, and read what they measured."""
    there = list_tables(transformer.warehouse)
    nodes = transformer.manifest()["nodes"]
    models = {}
    for table, node in transformer.models(QUALITY).items():
        parents = [nodes[unique_id] for unique_id in node["depends_on"]["nodes"]]
        needed = {table_of(of) for of in parents if of["config"]["materialized"] != "view"}
        if needed <= there and (not only or node["name"] in only):
            models[node["name"]] = table
    transformer.build_again(" ".join(sorted(models)), as_of)
    with transformer.reading() as reader:
        for name, table in sorted(models.items()):
            if name != _LAST_HOUR:
                yield from (Measurement(**row) for row in reader.rows(table).to_pylist())


def _measure_by_tests(
    transformer: Transformer, as_of: datetime, tag: str = ""
) -> Iterator[Measurement]:
    """Run dbt's tests that say which check they belong to, of the models that are there.

    Args:
        transformer: dbt of the lake.
        as_of: The time; UTC.
        tag: Only those of models with this tag.
    """
    there = list_tables(transformer.warehouse)
    models = transformer.models(tag).items()
    tables = {node["unique_id"]: table for table, node in models if table in there}
    chosen = {
        unique_id: (node, tables[node["attached_node"]])
        for unique_id, node in transformer.manifest()["nodes"].items()
        if node["resource_type"] == "test"
        and node["config"]["meta"].get("quality")
        and node["attached_node"] in tables
    }
    select = " ".join(node["name"] for node, _ in chosen.values())
    for result in transformer.build(select, as_of, command="test"):
        node, table = chosen[result.unique_id]
        # A test that could not be run has no failing rows, and has not passed either.
        failures = result.failures if result.ok else max(result.failures, 1)
        yield Measurement(
            check_name=node["config"]["meta"]["quality"],
            asset=table,
            scope=_scope(node),
            observed=float(failures),
            sample_json=None if result.ok else orjson.dumps(result.message).decode(),
            duration_ms=round(1000 * result.seconds, 3),
        )


def _scope(node: Mapping[str, Any]) -> str:
    """Return what of its table a dbt test is about: a column, some of them, or a condition."""
    arguments = node["test_metadata"]["kwargs"]
    columns = arguments.get("columns") or [arguments.get("column_name")]
    return arguments.get("expression") or ", ".join(str(column) for column in columns)


def _ages(
    settings: Settings,
    transformer: Transformer,
    publication: Publication,
    as_of: datetime,
    speed: float,
) -> Iterator[Measurement]:
    """Measure how old what was built longest ago is, in times that it is due."""
    built = {"micro_batch": {"serving/smartshelf": publication.as_of}}
    daily = {m.table for m in analytics_models(transformer) if m.part == CUSTOMERS}
    daily |= {*INSIGHTS, *UNUSUAL}
    if delta.table_exists(settings.table_uri(VERSIONS)):
        for row in delta.read(settings.table_uri(VERSIONS)).to_pylist():
            job = "customer_insights" if row["table"] in daily else "hourly_pipeline"
            built.setdefault(job, {})[row["table"]] = row["as_of_ts"]
    for job, times in built.items():
        table = min(times, key=lambda name: (times[name], name))
        age = max(as_of - times[table], timedelta())
        yield Measurement("tables_are_up_to_date", table, job, age / due_every(job, speed))


def _acceptance(streams: Sequence[dict[str, Any]]) -> Measurement:
    total, valid = (sum(row[name] for row in streams) for name in ("total", "valid"))
    refused = {row["topic"]: row["total"] for row in streams if row["total"] > row["valid"]}
    return Measurement(
        "events_are_accepted",
        QUARANTINE.table,
        "ALL",
        100 * valid / total if total else None,
        orjson.dumps(refused).decode() if refused else None,
    )


def _reconciliation(settings: Settings) -> Measurement:
    """Let the audit count what does not fit what was received."""
    found = audit(settings)
    wrong = found.lost + found.repeated + found.conservation_errors + found.state_mismatches
    return Measurement(
        "raw_is_reconciled",
        QUARANTINE.table,
        "ALL",
        float(wrong),
        orjson.dumps(found.details).decode() if found.details else None,
    )


def _schema_problems(settings: Settings, transformer: Transformer) -> Iterator[Measurement]:
    """Compare tables with their contracts: those from outside dbt, and those of its models."""
    found = []
    for contract in all_tables():
        uri = settings.table_uri(contract.table)
        if delta.table_exists(uri):
            problems = delta.schema_problems(uri, arrow_schema(contract))
            found += [f"{contract.table}: {problem}" for problem in problems]
    yield _problems("raw/pos_transactions", "contracts", found)
    with transformer.reading() as reader:
        found = list(_model_problems(transformer, reader))
    yield _problems("cleansed/sales_lines", "models", found)


def _model_problems(transformer: Transformer, reader: WarehouseReader) -> Iterator[str]:
    there = reader.tables()
    for table, node in transformer.models().items():
        if node["config"]["contract"]["enforced"] and table in there:
            declared = {column["name"]: column["data_type"] for column in node["columns"].values()}
            for problem in reader.schema_problems(table, declared):
                yield f"{table}: {problem}"


def _problems(asset: str, scope: str, found: Sequence[str]) -> Measurement:
    sample = orjson.dumps(found[:_SHOWN_PROBLEMS]).decode() if found else None
    return Measurement("schemas_match", asset, scope, float(len(found)), sample)


def _monitor_tables(settings: Settings, transformer: Transformer) -> list[dict[str, Any]]:
    """Return what the log of every Delta table says of it."""
    names = {contract.table for contract in all_tables()}
    names |= {model.table for model in published_models(transformer)}
    names |= {DEMAND_HISTORY, VERSIONS, BUSINESS_REPORTS, BENCHMARKS, POLICY, LOG}
    names |= {*FORECASTS, *SCHEMAS}
    if delta.table_exists(settings.table_uri(VERSIONS)):
        names |= set(delta.read(settings.table_uri(VERSIONS), ["table"])["table"].to_pylist())
    rows = []
    for name in sorted(names):
        if delta.table_exists(settings.table_uri(name)):
            state = delta.inspect(settings.table_uri(name))
            rows.append(
                {
                    "table": name,
                    "rows": state.rows,
                    "size_bytes": state.size_bytes,
                    "files": state.files,
                    "partitions": state.partitions,
                    "delta_version": state.version,
                    "last_modified_ts": state.last_modified,
                    "status": "HAS_DATA" if state.rows else "EMPTY",
                }
            )
    return rows


def _stream_quality(settings: Settings, as_of: datetime) -> list[dict[str, Any]]:
    """Return what came on each topic in the last day, by type; refused events are one more type."""
    after = pa.scalar(as_of - _STREAM_WINDOW, UTC_MICROSECONDS)
    until = pa.scalar(as_of, UTC_MICROSECONDS)
    drained = (pds.field("ingest_ts") > after) & (pds.field("ingest_ts") <= until)
    found = []
    for topic, contract in raw_tables().items():
        rows = delta.as_dataset(settings.table_uri(contract.table)).to_table(
            columns=["event_type", "event_ts", "ingest_ts"], filter=drained
        )
        found.append(_by_type(topic, rows))
    refused = delta.as_dataset(settings.table_uri(QUARANTINE.table)).to_table(
        columns=["topic", "payload"], filter=drained
    )
    found.append(_refused(refused))
    return pl.concat(found).sort("topic", "event_type").to_dicts()


def _by_type(topic: str, rows: pa.Table) -> pl.DataFrame:
    lag = pc.subtract(rows["ingest_ts"], rows["event_ts"])
    frame = pl.DataFrame(
        {
            "event_type": pl.from_arrow(rows["event_type"]),
            "event_ts": pl.from_arrow(rows["event_ts"]),
            "lag": pl.from_arrow(lag),
        }
    )
    return (
        frame.group_by("event_type")
        .agg(
            total=pl.len().cast(pl.Int64),
            valid=pl.len().cast(pl.Int64),
            empty=pl.lit(0, pl.Int64),
            earliest_ts=pl.col("event_ts").min(),
            latest_ts=pl.col("event_ts").max(),
            avg_processing_lag_s=pl.col("lag").dt.total_microseconds().mean() / 1e6,
        )
        .select(pl.lit(topic).alias("topic"), pl.all())
    )


def _refused(rows: pa.Table) -> pl.DataFrame:
    """Count refused events by topic; a payload of nothing but blanks is an empty one."""
    frame = pl.DataFrame(pl.from_arrow(rows))
    return frame.group_by("topic").agg(
        event_type=pl.lit("refused"),
        total=pl.len().cast(pl.Int64),
        valid=pl.lit(0, pl.Int64),
        empty=(pl.col("payload").str.strip_chars() == "").sum().cast(pl.Int64),
        earliest_ts=pl.lit(None, pl.Datetime("us", "UTC")),
        latest_ts=pl.lit(None, pl.Datetime("us", "UTC")),
        avg_processing_lag_s=pl.lit(None, pl.Float64),
    )
