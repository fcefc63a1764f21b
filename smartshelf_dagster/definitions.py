"""What Dagster loads: every definition, with the resources they run with.

`build_definitions` takes other resources, so that tests build the same thing on a lake of theirs.
"""

import dagster as dg

from smartshelf_dagster.defs import (
    customers,
    cutoffs,
    dbt,
    decisions,
    forecasts,
    ingest,
    jobs,
    maintenance,
    quality,
    reports,
    schedules,
    sensors,
    serving,
)
from smartshelf_dagster.resources.lake import LakeResource


def build_definitions(lake: LakeResource) -> dg.Definitions:
    """Assemble everything on one lake."""
    return dg.Definitions(
        assets=[
            *ingest.stream_specs(),
            *ingest.reference_specs(),
            ingest.drain_streams,
            dbt.dbt_models,
            dbt.demand_models,
            dbt.analytics_models,
            dbt.customer_models,
            customers.customer_tables,
            customers.anomaly_tables,
            forecasts.models,
            forecasts.predictions,
            forecasts.accuracy,
            forecasts.drift,
            decisions.task_commands,
            cutoffs.supplier_orders,
            serving.serving_file,
            reports.business_reports,
            maintenance.archived_days,
            maintenance.delta_tables,
            maintenance.dagster_runs,
            quality.quality_tables,
            quality.job_runs,
        ],
        asset_checks=[
            dbt.dbt_tests,
            dbt.demand_tests,
            dbt.analytics_tests,
            dbt.customer_tests,
            quality.quality_checks,
            forecasts.models_still_fit,
        ],
        jobs=[
            jobs.micro_batch_job,
            jobs.supplier_cutoff_job,
            jobs.demand_history_job,
            jobs.hourly_pipeline_job,
            jobs.customer_insights_job,
            jobs.business_reports_job,
            jobs.model_training_job,
            jobs.forecast_watch_job,
            jobs.data_quality_job,
            jobs.maintenance_job,
        ],
        sensors=[
            sensors.event_sensor,
            sensors.simulated_clock_sensor,
            sensors.cutoff_sensor,
            sensors.training_sensor,
            sensors.run_failure_sensor,
        ],
        schedules=schedules.SCHEDULES,
        resources={"lake": lake},
        executor=dg.in_process_executor,
    )


defs = build_definitions(LakeResource())
