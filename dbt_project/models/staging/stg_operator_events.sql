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
    note,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'operator_events') }}
