{{ config(materialized='incremental', incremental_strategy='append') }}

-- The first report of a task counts; it may come before or after the last movement of the task.
with reports as (
    select
        command_id,
        store_id,
        item_id,
        outcome,
        placed_qty,
        event_ts as reported_ts,
        ingest_batch
    from {{ ref('stg_warehouse_events') }}
    where event_type = 'task_completed'
        and ingest_batch > {{ seen_up_to('ingest_batch') }}
    qualify row_number() over (
        partition by command_id order by ingest_batch, stream_order, entry_index
    ) = 1
)

select *
from reports
{% if is_incremental() %}
where not exists (
    select 1 from {{ this }} as known where known.command_id = reports.command_id
)
{% endif %}
