{{ config(materialized='incremental', incremental_strategy='append') }}

-- A repeated id is the same command sent again: the first one counts.
with arrivals as (
    select
        *,
        {{ arrival_no('command_id') }} as arrival_no
    from {{ ref('stg_commands') }}
    where ingest_batch > {{ seen_up_to('ingest_batch') }}
)

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
from arrivals
where arrival_no = 1
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known where known.command_id = arrivals.command_id
    )
{% endif %}
