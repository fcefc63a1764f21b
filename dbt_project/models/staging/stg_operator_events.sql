select
    event_id,
    event_type,
    store_id,
    event_ts,
    alert_id,
    alert_type,
    location,
    shelf_id as item_id,
    cutoff_ts,
    batch_code,
    coalesce(order_quantity, counted_quantity) as qty,
    book_quantity as book_qty,
    actor,
    note,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'operator_events') }}
