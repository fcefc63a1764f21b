select
    event_id as command_id,
    event_type as command_type,
    store_id,
    shelf_id as item_id,
    event_ts as issued_ts,
    quantity as qty,
    alert_id,
    priority,
    expires_ts,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'commands') }}
