{{ config(materialized='incremental', incremental_strategy='append') }}

-- What staff counted when a supplier brought something for an order.
select
    event_id,
    command_id,
    store_id,
    item_id,
    accepted_qty,
    damaged_qty,
    is_final,
    event_ts as checked_ts,
    ingest_batch
from ({{ first_arrivals(ref('stg_warehouse_events'), 'event_id', "event_type = 'delivery_checked'") }}) as arrivals
