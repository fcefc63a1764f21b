{{ config(materialized='table') }}

-- Pieces that no lot accounts for have no age.
with lots as (
    select store_id, shelf_id as item_id, received_date, batch_quantity_store as units
    from {{ ref('shelf_batch_state') }}
    union all
    select store_id, shelf_id as item_id, received_date, batch_quantity_warehouse as units
    from {{ ref('warehouse_batch_state') }}
),

aged as (
    select
        lots.store_id,
        lots.item_id,
        lots.units,
        {{ days_between('lots.received_date', 'cast(' ~ to_local(as_of(), 'stores.timezone') ~ ' as date)') }} as days,
        stores.currency
    from lots
    inner join {{ ref('dim_store') }} as stores on lots.store_id = stores.store_id
),

bucketed as (
    select
        *,
        case
            when days is null then 'unknown'
            when days <= 7 then '0-7'
            when days <= 30 then '8-30'
            when days <= 60 then '31-60'
            when days <= 90 then '61-90'
            else '>90'
        end as age_bucket
    from aged
)

select
    bucketed.store_id,
    bucketed.item_id,
    products.category,
    bucketed.currency,
    bucketed.age_bucket,
    cast(sum(bucketed.units) as bigint) as units,
    cast(round(sum(bucketed.units) * any_value(products.unit_cost), 2) as decimal(18, 2)) as value
from bucketed
inner join {{ ref('dim_product') }} as products on bucketed.item_id = products.item_id and products.is_current
group by bucketed.store_id, bucketed.item_id, products.category, bucketed.currency, bucketed.age_bucket
