{{ config(materialized='incremental', incremental_strategy='append') }}

-- Every thing that a person did, once.
select
    event_id,
    event_type,
    store_id,
    event_ts,
    alert_id,
    alert_type,
    location,
    item_id,
    cutoff_ts,
    batch_code,
    scope_type,
    scope_id,
    currency,
    grain,
    bucket_start,
    direction,
    qty,
    book_qty,
    actor,
    note,
    ingest_batch
from ({{ first_arrivals(ref('stg_operator_events'), 'event_id') }}) as arrivals
