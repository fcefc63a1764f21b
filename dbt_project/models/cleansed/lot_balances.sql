{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['store_id', 'item_id', 'batch_code', 'place'],
) }}

-- Pieces of each lot by place, from movements that name the lot. Carts belong to the sales floor:
-- which lot a customer has in hand is known at the till. Pieces of no named lot stand under ''.
with changes as (
    select
        store_id,
        item_id,
        coalesce(batch_code, '') as batch_code,
        case when location = 'cart' then 'shelf' else location end as place,
        cast(sum(qty_signed) as bigint) as qty,
        min(case when qty_signed > 0 then event_ts end) as first_in_ts,
        max(case when qty_signed > 0 then event_ts end) as last_in_ts,
        max(event_ts) as last_event_ts,
        max(load_seq) as load_seq
    from {{ ref('stock_movements') }}
    where movement_type not in ('PICKUP', 'PUTBACK')
        and load_seq > {{ seen_up_to('load_seq') }}
    group by 1, 2, 3, 4
)

select
    changes.store_id,
    changes.item_id,
    changes.batch_code,
    changes.place,
    {% if is_incremental() -%}
    cast(changes.qty + coalesce(known.qty, 0) as bigint) as qty,
    least(coalesce(changes.first_in_ts, known.first_in_ts), coalesce(known.first_in_ts, changes.first_in_ts)) as first_in_ts,
    greatest(coalesce(changes.last_in_ts, known.last_in_ts), coalesce(known.last_in_ts, changes.last_in_ts)) as last_in_ts,
    greatest(changes.last_event_ts, coalesce(known.last_event_ts, changes.last_event_ts)) as last_event_ts,
    {%- else -%}
    changes.qty,
    changes.first_in_ts,
    changes.last_in_ts,
    changes.last_event_ts,
    {%- endif %}
    cast(changes.load_seq as bigint) as load_seq
from changes
{% if is_incremental() %}
left join {{ this }} as known
    on changes.store_id = known.store_id
    and changes.item_id = known.item_id
    and changes.batch_code = known.batch_code
    and changes.place = known.place
{% endif %}
