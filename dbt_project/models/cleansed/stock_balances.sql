{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'item_id', 'location'],
) }}

with changes as (
    select
        store_id,
        item_id,
        location,
        cast(sum(qty_signed) as bigint) as qty,
        max(event_ts) as last_event_ts,
        max(load_seq) as load_seq
    from {{ ref('stock_movements') }}
    where load_seq > {{ seen_up_to('load_seq') }}
    group by store_id, item_id, location
)

select
    changes.store_id,
    changes.item_id,
    changes.location,
    {% if is_incremental() -%}
    cast(changes.qty + coalesce(known.qty, 0) as bigint) as qty,
    greatest(changes.last_event_ts, coalesce(known.last_event_ts, changes.last_event_ts)) as last_event_ts,
    {%- else -%}
    changes.qty,
    changes.last_event_ts,
    {%- endif %}
    cast(changes.load_seq as bigint) as load_seq
from changes
{% if is_incremental() %}
left join {{ this }} as known
    on changes.store_id = known.store_id
    and changes.item_id = known.item_id
    and changes.location = known.location
{% endif %}
