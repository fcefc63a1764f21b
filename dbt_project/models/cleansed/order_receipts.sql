{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='order_id',
) }}

-- What was scanned into the warehouse for each order.
with changes as (
    select
        ref_id as order_id,
        sum(qty_signed) as received_qty,
        count(distinct batch_code) as lots,
        min(event_ts) as first_in_ts,
        max(event_ts) as last_in_ts,
        max(load_seq) as load_seq
    from {{ ref('stock_movements') }}
    where movement_type = 'WH_IN'
        and ref_id is not null
        and load_seq > {{ seen_up_to('load_seq') }}
    group by ref_id
)

select
    changes.order_id,
    {% if is_incremental() -%}
    cast(changes.received_qty + coalesce(known.received_qty, 0) as bigint) as received_qty,
    -- A lot is scanned in at one go.
    cast(changes.lots + coalesce(known.lots, 0) as bigint) as lots,
    least(changes.first_in_ts, coalesce(known.first_in_ts, changes.first_in_ts)) as first_in_ts,
    greatest(changes.last_in_ts, coalesce(known.last_in_ts, changes.last_in_ts)) as last_in_ts,
    {%- else -%}
    cast(changes.received_qty as bigint) as received_qty,
    cast(changes.lots as bigint) as lots,
    changes.first_in_ts,
    changes.last_in_ts,
    {%- endif %}
    cast(changes.load_seq as bigint) as load_seq
from changes
{% if is_incremental() %}
left join {{ this }} as known on changes.order_id = known.order_id
{% endif %}
