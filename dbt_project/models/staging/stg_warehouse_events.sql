select
    event_id,
    event_type,
    coalesce(reason, location) as variant,
    store_id,
    shelf_id as item_id,
    event_ts,
    quantity as qty,
    placed_quantity as placed_qty,
    outcome,
    command_id,
    batch_code,
    received_date,
    expiry_date,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'warehouse_events') }}
