{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='command_id',
) }}

-- The side of each movement on which staff count pieces: out of the warehouse, onto the shelf,
-- back into the warehouse.
with changes as (
    select
        ref_id as command_id,
        sum(case when movement_type = 'WH_OUT' and location = 'warehouse' then -qty_signed else 0 end) as picked_qty,
        sum(case when movement_type = 'SHELF_IN' and location = 'shelf' then qty_signed else 0 end) as placed_qty,
        sum(case when movement_type = 'RESTOCK_RETURN' and location = 'warehouse' then qty_signed else 0 end) as returned_qty,
        max(event_ts) as last_event_ts,
        max(load_seq) as load_seq
    from {{ ref('stock_movements') }}
    where movement_type in ('WH_OUT', 'SHELF_IN', 'RESTOCK_RETURN')
        and ref_id is not null
        and load_seq > {{ seen_up_to('load_seq') }}
    group by ref_id
)

select
    changes.command_id,
    {% if is_incremental() -%}
    cast(changes.picked_qty + coalesce(known.picked_qty, 0) as bigint) as picked_qty,
    cast(changes.placed_qty + coalesce(known.placed_qty, 0) as bigint) as placed_qty,
    cast(changes.returned_qty + coalesce(known.returned_qty, 0) as bigint) as returned_qty,
    greatest(changes.last_event_ts, coalesce(known.last_event_ts, changes.last_event_ts)) as last_event_ts,
    {%- else -%}
    cast(changes.picked_qty as bigint) as picked_qty,
    cast(changes.placed_qty as bigint) as placed_qty,
    cast(changes.returned_qty as bigint) as returned_qty,
    changes.last_event_ts,
    {%- endif %}
    cast(changes.load_seq as bigint) as load_seq
from changes
{% if is_incremental() %}
left join {{ this }} as known on changes.command_id = known.command_id
{% endif %}
