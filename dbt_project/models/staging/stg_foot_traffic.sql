select
    event_id,
    event_type as direction,
    store_id,
    gate_id,
    event_ts,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'foot_traffic') }}
