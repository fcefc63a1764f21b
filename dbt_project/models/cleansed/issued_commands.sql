{{ config(materialized='incremental', incremental_strategy='append') }}

-- Every command of the system, once.
select
    command_id,
    command_type,
    store_id,
    item_id,
    issued_ts,
    qty,
    alert_id,
    priority,
    expires_ts,
    batch_code,
    location,
    expiry_date,
    discount,
    valid_from_ts,
    valid_to_ts,
    batch_size,
    cutoff_ts,
    delivery_ts,
    order_lines,
    order_pieces,
    policy,
    ingest_batch
from ({{ first_arrivals(ref('stg_commands'), 'command_id') }}) as arrivals
