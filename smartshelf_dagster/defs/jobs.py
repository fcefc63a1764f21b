"""Jobs: what runs together. All in one process: a process per step costs more than the steps."""

import dagster as dg

from smartshelf_dagster.defs.common import (
    CUTOFF_LANE,
    DECISIONS,
    INGEST,
    MAINTENANCE,
    MICRO_BATCH_LANE,
    ORDERS,
    SERVING,
    WRITER_LANE,
)
from smartshelf_dagster.defs.customers import anomaly_tables, customer_tables
from smartshelf_dagster.defs.dbt import (
    analytics_models,
    analytics_tests,
    customer_models,
    customer_tests,
    dbt_models,
    dbt_tests,
    demand_models,
    demand_tests,
)
from smartshelf_dagster.defs.forecasts import (
    accuracy,
    drift,
    models,
    models_still_fit,
    predictions,
)
from smartshelf_dagster.defs.ingest import drain_streams
from smartshelf_dagster.defs.quality import job_runs, quality_checks, quality_tables
from smartshelf_dagster.defs.reports import business_reports

micro_batch_job = dg.define_asset_job(
    "micro_batch",
    selection=dg.AssetSelection.groups(INGEST, DECISIONS, SERVING).without_checks()
    | dg.AssetSelection.assets(dbt_models).without_checks()
    | dg.AssetSelection.checks(*drain_streams.check_keys),
    executor_def=dg.in_process_executor,
    tags=MICRO_BATCH_LANE,
    description="Drain the streams, build state, alerts and plans, issue commands, publish.",
)

supplier_cutoff_job = dg.define_asset_job(
    "supplier_cutoff",
    selection=dg.AssetSelection.groups(ORDERS) | dg.AssetSelection.assets(predictions),
    executor_def=dg.in_process_executor,
    tags=CUTOFF_LANE,
    description="Forecast one cutoff, plan and send its supplier orders.",
)

demand_history_job = dg.define_asset_job(
    "demand_history",
    selection=dg.AssetSelection.assets(demand_models).without_checks()
    | dg.AssetSelection.checks(demand_tests),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="Bring the demand history up to the clock in force, and test it.",
)

hourly_pipeline_job = dg.define_asset_job(
    "hourly_pipeline",
    selection=dg.AssetSelection.assets(analytics_models).without_checks()
    | dg.AssetSelection.groups(SERVING).without_checks()
    | dg.AssetSelection.checks(analytics_tests),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="Bring the analytics up to the clock in force, test and publish them.",
)

customer_insights_job = dg.define_asset_job(
    "customer_insights",
    selection=dg.AssetSelection.assets(
        customer_models, customer_tables, anomaly_tables
    ).without_checks()
    | dg.AssetSelection.checks(customer_tests),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="Bring customers, baskets and anomalies up to the clock in force, and test them.",
)

business_reports_job = dg.define_asset_job(
    "business_reports",
    selection=dg.AssetSelection.assets(business_reports),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="The reports of yesterday, and of the week and month when they are over.",
)

model_training_job = dg.define_asset_job(
    "model_training",
    selection=dg.AssetSelection.assets(demand_models, models).without_checks(),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="Train the models on the demand up to yesterday, and decide who forecasts.",
)

forecast_watch_job = dg.define_asset_job(
    "forecast_watch",
    selection=dg.AssetSelection.assets(accuracy, drift)
    | dg.AssetSelection.checks(models_still_fit),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="How forecasts turned out, and whether the models still fit.",
)

data_quality_job = dg.define_asset_job(
    "data_quality",
    selection=dg.AssetSelection.assets(quality_tables, job_runs).without_checks()
    | dg.AssetSelection.checks(dbt_tests, quality_checks),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="dbt's tests on what was built, the checks of data quality with the audit of what "
    "was published, and the runs of jobs.",
)

maintenance_job = dg.define_asset_job(
    "maintenance",
    selection=dg.AssetSelection.groups(MAINTENANCE).without_checks(),
    executor_def=dg.in_process_executor,
    tags=WRITER_LANE,
    description="Archive, compaction, vacuum, log clean-up, deletion of old runs.",
)
