"""Sensors: what starts runs.

Belongs here: looking whether something is due. Does not belong here: doing it; a sensor that
takes long delays all others.
"""

import hashlib
import json
from datetime import UTC, datetime

import dagster as dg

from smartshelf_dagster.defs.cutoffs import CUTOFFS
from smartshelf_dagster.defs.jobs import (
    business_reports_job,
    customer_insights_job,
    data_quality_job,
    forecast_watch_job,
    hourly_pipeline_job,
    maintenance_job,
    micro_batch_job,
    model_training_job,
    supplier_cutoff_job,
)
from smartshelf_dagster.domain.cadence import (
    CADENCES,
    LEAST_REAL_INTERVAL,
    QUIET_PUBLICATION,
)
from smartshelf_dagster.pipeline.forecast import is_training_due
from smartshelf_dagster.pipeline.peek import peek_streams, unread_streams
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Clock

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def _is_under_way(context: dg.SensorEvaluationContext, job: str) -> bool:
    filters = dg.RunsFilter(job_name=job, statuses=_UNDER_WAY)
    return bool(context.instance.get_run_ids(filters=filters, limit=1))


@dg.sensor(
    name="event_sensor",
    job=micro_batch_job,
    minimum_interval_seconds=load_settings().micro_batch_interval_s,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a micro-batch when a stream has new entries; only looks at their ids.",
)
def event_sensor(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> dg.SensorResult | dg.SkipReason:
    """Request a micro-batch when there is something to drain."""
    if _is_under_way(context, micro_batch_job.name):
        return dg.SkipReason("a micro-batch is under way")
    now = datetime.now(UTC)
    client = lake.connect()
    if unread := unread_streams(lake.settings, client):
        context.log.warning("streams of stores that are not in ref/stores: %s", ", ".join(unread))
    found = peek_streams(lake.settings, client)
    cursor = json.loads(context.cursor or "{}")
    quiet_since = datetime.fromisoformat(cursor.get("requested_at", "1970-01-01T00:00:00+00:00"))
    if found == cursor.get("last_ids") and now - quiet_since < QUIET_PUBLICATION:
        return dg.SkipReason("no new entries on any stream")
    key = hashlib.sha256(json.dumps([found, now.isoformat()]).encode()).hexdigest()[:16]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=key)],
        cursor=json.dumps({"last_ids": found, "requested_at": now.isoformat()}),
    )


@dg.sensor(
    name="simulated_clock_sensor",
    jobs=[
        business_reports_job,
        customer_insights_job,
        data_quality_job,
        forecast_watch_job,
        hourly_pipeline_job,
        maintenance_job,
        model_training_job,
    ],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests recurring jobs when they are due by the simulated clock.",
)
def simulated_clock_sensor(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> dg.SensorResult | dg.SkipReason:
    """Request what has become due since the last look; never while wall time is in force."""
    simulated = Clock(lake.connect(), lake.settings.clock).simulated_now()
    if simulated is None:
        return dg.SkipReason("wall time is in force; the schedules follow it")
    now = datetime.now(UTC)
    cursor = json.loads(context.cursor or "{}")
    requests = []
    for cadence in CADENCES:
        due = cadence.last_due(simulated).isoformat()
        last = cursor.get(cadence.job, {"due": due, "at": "1970-01-01T00:00:00+00:00"})
        cursor.setdefault(cadence.job, last)
        rested = now - datetime.fromisoformat(last["at"]) >= LEAST_REAL_INTERVAL
        if due > last["due"] and rested and not _is_under_way(context, cadence.job):
            requests.append(dg.RunRequest(run_key=f"{cadence.job}:{due}", job_name=cadence.job))
            cursor[cadence.job] = {"due": due, "at": now.isoformat()}
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(cursor))


@dg.sensor(
    name="cutoff_sensor",
    job=supplier_cutoff_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the orders of every supplier cutoff that has passed, on either clock.",
)
def cutoff_sensor(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> dg.SensorResult | dg.SkipReason:
    """Request each cutoff once, oldest first; a clock that jumped over several skips none."""
    stores: list[datetime] = read_reference(lake.settings, "stores")["opened_ts"].to_list()
    opened = min(stores, default=None)
    now = Clock(lake.connect(), lake.settings.clock).now()
    if opened is None or now < opened:
        return dg.SkipReason("no store is open yet")
    passed = [
        key
        for key in CUTOFFS.get_partition_keys(current_time=now)
        if opened < CUTOFFS.time_window_for_partition_key(key).start <= now
    ]
    new = [key for key in passed if key > (context.cursor or "")]
    requests = [dg.RunRequest(run_key=f"cutoff:{key}", partition_key=key) for key in new]
    return dg.SensorResult(run_requests=requests, cursor=passed[-1] if passed else None)


@dg.sensor(
    name="training_sensor",
    job=model_training_job,
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests training when there is no model yet, or models no longer fit.",
)
def training_sensor(
    context: dg.SensorEvaluationContext, lake: LakeResource
) -> dg.RunRequest | dg.SkipReason:
    """Request training when it is due by the clock in force, whichever that is."""
    if _is_under_way(context, model_training_job.name):
        return dg.SkipReason("training is under way")
    now = Clock(lake.connect(), lake.settings.clock).now()
    if not is_training_due(lake.settings, now):
        return dg.SkipReason("the models are not due to be trained")
    return dg.RunRequest(run_key=f"model_training:{now.date().isoformat()}")


@dg.run_failure_sensor(
    name="run_failure_sensor",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes every failed run to failures.jsonl in the state folder.",
)
def run_failure_sensor(context: dg.RunFailureSensorContext) -> None:
    """Keep a record of failures that outlives Dagster's own retention."""
    settings = load_settings()
    record = {
        "at": datetime.now(UTC).isoformat(),
        "job": context.dagster_run.job_name,
        "run_id": context.dagster_run.run_id,
        "error": context.failure_event.message,
    }
    settings.state_path.mkdir(parents=True, exist_ok=True)
    with (settings.state_path / "failures.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")
