{{ config(materialized='incremental', incremental_strategy='append') }}

with events as (
    select
        event_id,
        direction,
        store_id,
        gate_id,
        event_ts,
        cast(event_ts as date) as event_date,
        ingest_batch,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_foot_traffic') }}
    where ingest_batch > {{ seen_up_to('ingest_batch') }}
)

select
    event_id,
    direction,
    store_id,
    gate_id,
    event_ts,
    event_date,
    ingest_batch,
    cast({{ next_load() }} as bigint) as load_seq
from events
where arrival_no = 1
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known where known.event_id = events.event_id
    )
{% endif %}
