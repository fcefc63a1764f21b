"""Housekeeping: small files, old files, old runs.

Belongs here: the assets that keep the lake and Dagster small. Does not belong here: how Delta
compacts (`storage/delta.py`), what is archived (`domain/retention.py`).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from smartshelf_dagster.defs.common import MAINTENANCE, OWNERS
from smartshelf_dagster.pipeline.maintain import maintain_lake
from smartshelf_dagster.pipeline.retention import NothingToArchiveError, retain
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.transform.runner import warehouse_lock

_RUNS_DELETED_AT_ONCE = 500
_FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


@dg.asset(
    key=["maintenance", "archive"],
    group_name=MAINTENANCE,
    kinds={"deltalake", "parquet"},
    owners=OWNERS,
    description="Old days of raw events moved to the archive, old forecasts deleted.",
)
def archived_days(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Do what the rules of retention say."""
    with warehouse_lock(lake.settings, wait=True):
        try:
            report = retain(lake.settings)
        except NothingToArchiveError:
            return dg.MaterializeResult(metadata={"partitions": 0})
    return dg.MaterializeResult(metadata=report.to_json())


@dg.asset(
    key=["maintenance", "delta_tables"],
    deps=[archived_days],
    group_name=MAINTENANCE,
    kinds={"deltalake"},
    owners=OWNERS,
    description="Small files compacted, files that no version needs removed, logs shortened.",
)
def delta_tables(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Maintain every table of the lake."""
    with warehouse_lock(lake.settings, wait=True):
        report = maintain_lake(lake.settings)
    return dg.MaterializeResult(
        metadata={
            "tables": report.tables,
            "files_before": report.files_before,
            "files_after": report.files_after,
            "files_deleted": report.files_deleted,
        }
    )


@dg.asset(
    key=["maintenance", "dagster_runs"],
    group_name=MAINTENANCE,
    kinds={"dagster"},
    owners=OWNERS,
    description="Finished runs older than the retention deleted; each keeps a database file.",
)
def dagster_runs(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> dg.MaterializeResult[None]:
    """Delete old finished runs."""
    before = datetime.now(UTC) - timedelta(days=lake.settings.run_retention_days)
    old = context.instance.get_runs(
        filters=dg.RunsFilter(statuses=_FINISHED, created_before=before),
        limit=_RUNS_DELETED_AT_ONCE,
    )
    for run in old:
        context.instance.delete_run(run.run_id)
    return dg.MaterializeResult(metadata={"runs_deleted": len(old)})
