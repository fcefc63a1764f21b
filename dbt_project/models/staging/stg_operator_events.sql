-- A repeated id is the same action sent again: the first one counts.
with arrivals as (
    select
        *,
        {{ arrival_no('event_id', 'ingest_batch, ' ~ stream_order() ~ ', entry_index') }} as arrival_no
    from {{ source('raw', 'operator_events') }}
)

select
    event_id,
    event_type,
    store_id,
    event_ts,
    alert_id,
    alert_type,
    location,
    shelf_id as item_id,
    actor,
    note
from arrivals
where arrival_no = 1
