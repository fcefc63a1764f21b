{{ config(materialized='incremental', incremental_strategy='append') }}

-- What staff threw away. Without a command they found it themselves.
with arrivals as (
    select
        *,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_warehouse_events') }}
    where ingest_batch > {{ seen_up_to('ingest_batch') }}
        and event_type = 'removal'
)

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
from arrivals
where arrival_no = 1
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known where known.event_id = arrivals.event_id
    )
{% endif %}
