-- A repeated id is the same command sent again: the first one counts.
with arrivals as (
    select
        *,
        {{ arrival_no('event_id', 'ingest_batch, ' ~ stream_order() ~ ', entry_index') }} as arrival_no
    from {{ source('raw', 'commands') }}
)

select
    event_id as command_id,
    event_type as command_type,
    store_id,
    shelf_id as item_id,
    event_ts as issued_ts,
    quantity as qty,
    alert_id,
    priority,
    expires_ts
from arrivals
where arrival_no = 1
