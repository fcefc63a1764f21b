{{ config(materialized='incremental', incremental_strategy='append') }}

with events as (
    select
        event_id,
        direction,
        store_id,
        gate_id,
        event_ts,
        cast(event_ts as date) as event_date,
        ingest_batch
    from {{ ref('stg_foot_traffic') }}
    where ingest_batch > {{ seen_up_to('ingest_batch') }}
    qualify row_number() over (
        partition by event_id order by ingest_batch, stream_order, entry_index
    ) = 1
)

select
    events.*,
    cast({{ next_load() }} as bigint) as load_seq
from events
{% if is_incremental() %}
where not exists (
    select 1 from {{ this }} as known where known.event_id = events.event_id
)
{% endif %}
