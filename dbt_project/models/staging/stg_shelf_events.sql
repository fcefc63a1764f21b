select
    event_id,
    event_type,
    coalesce(actor_role, 'customer') as variant,
    store_id,
    shelf_id as item_id,
    event_ts,
    quantity as qty,
    delta_weight_g,
    command_id,
    batch_code,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'shelf_events') }}
