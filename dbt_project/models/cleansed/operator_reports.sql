{{ config(materialized='incremental', incremental_strategy='append') }}

-- A repeated id is the same action sent again: the first one counts.
with arrivals as (
    select
        *,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_operator_events') }}
    where ingest_batch > {{ seen_up_to('ingest_batch') }}
)

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
    qty,
    book_qty,
    actor,
    note,
    ingest_batch
from arrivals
where arrival_no = 1
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known where known.event_id = arrivals.event_id
    )
{% endif %}
