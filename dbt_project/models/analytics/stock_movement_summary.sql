{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['date_key', 'store_id', 'category', 'movement_type', 'location'],
) }}

-- A movement between two places is told at both: it leaves one and comes to the other.
with changes as (
    select
        cast({{ to_local('movements.event_ts', 'stores.timezone') }} as date) as date_key,
        movements.store_id,
        products.category,
        movements.movement_type,
        movements.location,
        any_value(stores.currency) as currency,
        count(*) as events,
        sum(movements.qty_signed) as units,
        sum(round(movements.qty_signed * products.unit_cost, 2)) as value_at_cost,
        sum(round(movements.qty_signed * products.list_price, 2)) as value_at_price
    from {{ ref('stock_movements') }} as movements
    inner join {{ ref('dim_store') }} as stores on movements.store_id = stores.store_id
    inner join {{ ref('dim_product') }} as products
        on movements.item_id = products.item_id
        and movements.event_ts >= products.valid_from
        and (products.valid_to is null or movements.event_ts < products.valid_to)
    where movements.load_seq > {{ seen_up_to('load_seq') }}
    group by 1, 2, 3, 4, 5
)

select
    changes.date_key,
    changes.store_id,
    changes.category,
    changes.movement_type,
    changes.location,
    changes.currency,
    {% if is_incremental() -%}
    cast(changes.events + coalesce(known.events, 0) as bigint) as events,
    cast(changes.units + coalesce(known.units, 0) as bigint) as units,
    cast(coalesce(changes.value_at_cost, 0) + coalesce(known.value_at_cost, 0) as decimal(18, 2)) as value_at_cost,
    cast(coalesce(changes.value_at_price, 0) + coalesce(known.value_at_price, 0) as decimal(18, 2)) as value_at_price,
    {%- else -%}
    cast(changes.events as bigint) as events,
    cast(changes.units as bigint) as units,
    cast(coalesce(changes.value_at_cost, 0) as decimal(18, 2)) as value_at_cost,
    cast(coalesce(changes.value_at_price, 0) as decimal(18, 2)) as value_at_price,
    {%- endif %}
    cast((select max(load_seq) from {{ ref('stock_movements') }}) as bigint) as load_seq
from changes
{% if is_incremental() %}
left join {{ this }} as known
    on changes.date_key = known.date_key
    and changes.store_id = known.store_id
    and changes.category = known.category
    and changes.movement_type = known.movement_type
    and changes.location = known.location
{% endif %}
