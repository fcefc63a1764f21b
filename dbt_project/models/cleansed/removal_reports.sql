{{ config(materialized='incremental', incremental_strategy='append') }}

-- What staff threw away. Without a command they found it themselves.
select
    event_id,
    command_id,
    store_id,
    item_id,
    variant as location,
    batch_code,
    qty as removed_qty,
    event_ts as removed_ts,
    ingest_batch
from ({{ first_arrivals(ref('stg_warehouse_events'), 'event_id', "event_type = 'removal'") }}) as arrivals
