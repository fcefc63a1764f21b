"""Data quality: the run of the checks, each check on the table it is about, and the runs of jobs.

Belongs here: how results appear in Dagster, and what Dagster knows of its runs. Does not belong
here: measuring and judging (`pipeline/quality.py`).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_dbt import build_dbt_asset_specs

from smartshelf_dagster.contracts.described import MADE_IN_PYTHON
from smartshelf_dagster.defs.common import OWNERS, QUALITY
from smartshelf_dagster.defs.dbt import MANIFEST, Translator
from smartshelf_dagster.domain.quality import BY_NAME, CHECKS, FAIL, PASS, SKIPPED, WARN
from smartshelf_dagster.pipeline.quality import NothingToCheckError, run_checks
from smartshelf_dagster.pipeline.quality_tables import (
    JOB_RUNS,
    REPORTS,
    RESULTS,
    STREAM_QUALITY,
    TABLE_MONITORING,
    JobRun,
    describe_run,
    newest_job_run,
    read_run,
    write_job_runs,
)
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.transform.runner import QUALITY as QUALITY_MODELS
from smartshelf_dagster.transform.runner import warehouse_lock

# A look brings in no more than this; the next one goes on.
_RUNS_AT_ONCE = 1_000
_SHOWN = ("asset", "scope", "status", "observed", "threshold", "sample_json")
_MODELS = build_dbt_asset_specs(
    manifest=MANIFEST, dagster_dbt_translator=Translator(), select=QUALITY_MODELS
)


def _table_spec(table: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.split("/"),
        deps=[spec.key for spec in _MODELS],
        group_name=QUALITY,
        owners=OWNERS,
        kinds={"deltalake"},
        description=MADE_IN_PYTHON[table].text,
        # There are none before the first publication.
        skippable=True,
    )


@dg.multi_asset(
    name="quality",
    specs=[
        *(spec.replace_attributes(skippable=True) for spec in _MODELS),
        *map(_table_spec, (RESULTS, REPORTS, TABLE_MONITORING, STREAM_QUALITY)),
    ],
)
def quality_tables(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Measure and judge everything, as of the clock in force."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of, read_at = session.as_of(), datetime.now(UTC)
        session.prepare(as_of)
        try:
            report = run_checks(
                lake.settings, session.transformer, as_of, context.run.run_id, read_at=read_at
            )
        except NothingToCheckError as nothing_yet:
            context.log.info("%s", nothing_yet)
            return
    for spec in _MODELS:
        yield dg.MaterializeResult(asset_key=spec.key, metadata={"as_of": as_of.isoformat()})
    figures: dict[str, Any] = {
        "as_of": as_of.isoformat(),
        "checks_passed": report.checks_passed,
        "checks_total": report.checks_total,
        "dq_score": report.score,
    }
    for table, version in report.versions.items():
        yield dg.MaterializeResult(
            asset_key=table.split("/"), metadata={**figures, "delta_version": version}
        )


@dg.multi_asset_check(
    name="quality_checks",
    specs=[
        dg.AssetCheckSpec(
            check.name,
            asset=check.asset.split("/"),
            description=f"{check.number}: {check.text}",
            additional_deps=[RESULTS.split("/")],
        )
        for check in CHECKS
    ],
)
def quality_checks(
    context: dg.AssetCheckExecutionContext, lake: LakeResource
) -> Iterator[dg.AssetCheckResult]:
    """Show what became of each check in this run."""
    rows = read_run(lake.settings, RESULTS, context.run.run_id).to_pylist()
    for name, check in BY_NAME.items():
        found = [row for row in rows if row["check_name"] == name]
        worst = max((row["status"] for row in found), key=(SKIPPED, PASS, WARN, FAIL).index)
        yield dg.AssetCheckResult(
            asset_key=check.asset.split("/"),
            check_name=name,
            passed=worst in {PASS, SKIPPED},
            severity=(dg.AssetCheckSeverity.WARN if worst == WARN else dg.AssetCheckSeverity.ERROR),
            metadata={
                "status": worst,
                "measured": [{column: row[column] for column in _SHOWN} for row in found],
            },
        )


@dg.asset(
    key=JOB_RUNS.split("/"),
    group_name=QUALITY,
    owners=OWNERS,
    kinds={"dagster", "deltalake"},
    description=MADE_IN_PYTHON[JOB_RUNS].text,
)
def job_runs(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[None]:
    """Write down the runs that have changed since the last look."""
    since = newest_job_run(lake.settings)
    records = context.instance.get_run_records(
        filters=dg.RunsFilter(updated_after=since),
        limit=_RUNS_AT_ONCE,
        order_by="update_timestamp",
        ascending=True,
    )
    runs = [_job_run(context.instance, record) for record in records]
    with warehouse_lock(lake.settings, wait=True):
        written = write_job_runs(lake.settings, runs)
    return dg.MaterializeResult(metadata={"runs": written})


def _job_run(instance: dg.DagsterInstance, record: dg.RunRecord) -> JobRun:
    """Ask Dagster for what a run said of the tables it made, and for what stopped it."""
    run = record.dagster_run
    made, errors = [], []
    for event in instance.all_logs(
        run.run_id,
        of_type={
            dg.DagsterEventType.ASSET_MATERIALIZATION,
            dg.DagsterEventType.STEP_FAILURE,
            dg.DagsterEventType.RUN_FAILURE,
        },
    ):
        if event.asset_materialization:
            made.append(_plain(event.asset_materialization.metadata))
        elif event.dagster_event:
            errors.append(_message(event.dagster_event))
    return describe_run(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status.value,
        started=_moment(record.start_time),
        ended=_moment(record.end_time),
        updated=record.update_timestamp.replace(tzinfo=UTC),
        made=made,
        error=next(filter(None, errors), None),
    )


def _message(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error if event.is_step_failure else None
    if error is None:
        return event.message or ""
    # What the code said, rather than which step said it.
    return (error.cause or error).message


def _plain(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, object]:
    return {name: value.value for name, value in metadata.items()}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
