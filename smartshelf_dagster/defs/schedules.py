"""Schedules: recurring jobs by the wall clock, for real stores."""

import dagster as dg

from smartshelf_dagster.defs.jobs import (
    business_reports_job,
    customer_insights_job,
    data_quality_job,
    forecast_watch_job,
    hourly_pipeline_job,
    maintenance_job,
    model_training_job,
)
from smartshelf_dagster.domain.cadence import CADENCES, Cadence
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.streaming.client import Clock

_JOBS = {
    job.name: job
    for job in (
        business_reports_job,
        customer_insights_job,
        data_quality_job,
        forecast_watch_job,
        hourly_pipeline_job,
        maintenance_job,
        model_training_job,
    )
}


def _build(cadence: Cadence) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{cadence.job}_schedule",
        job=_JOBS[cadence.job],
        cron_schedule=cadence.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs {cadence.job} when it is due by the wall clock.",
    )
    def scheduled(lake: LakeResource) -> dg.RunRequest | dg.SkipReason:
        if Clock(lake.connect(), lake.settings.clock).simulated_now() is not None:
            return dg.SkipReason("a simulated clock is in force; simulated_clock_sensor follows it")
        return dg.RunRequest()

    return scheduled


SCHEDULES = [_build(cadence) for cadence in CADENCES]
