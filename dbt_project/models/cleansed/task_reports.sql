{{ config(materialized='incremental', incremental_strategy='append') }}

-- The first report of a task counts; it may come before or after the last movement of the task.
with reports as (
    select
        command_id,
        store_id,
        item_id,
        outcome,
        variant as reason,
        placed_qty,
        event_ts as reported_ts,
        ingest_batch,
        {{ arrival_no('command_id') }} as arrival_no
    from {{ ref('stg_warehouse_events') }}
    where event_type = 'task_completed'
        and ingest_batch > {{ seen_up_to('ingest_batch') }}
)

select
    command_id,
    store_id,
    item_id,
    outcome,
    reason,
    placed_qty,
    reported_ts,
    ingest_batch
from reports
where arrival_no = 1
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known where known.command_id = reports.command_id
    )
{% endif %}
