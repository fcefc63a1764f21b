{{ config(materialized='incremental', incremental_strategy='append') }}

-- The first report of a task counts; it may come before or after the last movement of the task.
select
    command_id,
    store_id,
    item_id,
    outcome,
    variant as reason,
    placed_qty,
    event_ts as reported_ts,
    ingest_batch
from ({{ first_arrivals(ref('stg_warehouse_events'), 'command_id', "event_type = 'task_completed'") }}) as arrivals
