{{ config(materialized='incremental', incremental_strategy='append') }}

with new_events as (
    select
        *,
        {{ arrival_no('event_id') }} as arrival_no
    from {{ ref('stg_pos_transactions') }}
    where event_type = 'adjustment'
        and ingest_batch > {{ seen_up_to('ingest_batch') }}
),

events as (
    select *
    from new_events
    where arrival_no = 1
    {% if is_incremental() %}
        and not exists (
            select 1 from {{ this }} as known where known.adjustment_event_id = new_events.event_id
        )
    {% endif %}
),

lines as (
    select
        events.*,
        {{ explode('items') }} as line
    from events
)

select
    coalesce(line.line_id, concat(event_id, '#', cast(line.line_no as {{ string_type() }}))) as event_id,
    event_ts,
    store_id,
    transaction_id,
    line.line_no as line_no,
    line.item_id as item_id,
    line.description as item_description,
    customer_id,
    country,
    line.quantity as qty,
    cast(line.unit_price as decimal(18, 4)) as unit_price,
    cast(round(line.quantity * line.unit_price, 2) as decimal(18, 2)) as amount,
    event_id as adjustment_event_id,
    ingest_batch,
    cast({{ next_load() }} as bigint) as load_seq
from lines
