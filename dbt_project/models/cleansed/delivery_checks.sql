{{ config(materialized='incremental', incremental_strategy='append') }}

-- What staff counted when a supplier brought something for an order.
with arrivals as (
    select
        *,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_warehouse_events') }}
    where ingest_batch > {{ seen_up_to('ingest_batch') }}
        and event_type = 'delivery_checked'
)

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
from arrivals
where arrival_no = 1
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known where known.event_id = arrivals.event_id
    )
{% endif %}
