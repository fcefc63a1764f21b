select
    event_id,
    event_type,
    source,
    store_id,
    event_ts,
    ingest_ts,
    transaction_id,
    original_transaction_id,
    till_id,
    {{ published_customer('customer_id') }} as customer_id,
    payment_method,
    country,
    items,
    ingest_batch,
    {{ stream_order() }} as stream_order,
    entry_index
from {{ source('raw', 'pos_transactions') }}
