{{ config(materialized='table') }}

with latest as (
    select *
    from {{ ref('fact_inventory') }}
    qualify date_key = max(date_key) over (partition by store_id, item_id)
),

-- The last 28 whole business days; of a younger item, all it has.
sold as (
    select
        latest.store_id,
        latest.item_id,
        sum(sales.units_sold) as units,
        count(*) as days
    from latest
    inner join {{ ref('daily_product_sales') }} as sales
        on latest.store_id = sales.store_id
        and latest.item_id = sales.item_id
        and sales.date_key < latest.date_key + case when latest.is_closed then 1 else 0 end
        and sales.date_key >= latest.date_key - case when latest.is_closed then 27 else 28 end
    group by latest.store_id, latest.item_id
),

expiries as (
    select store_id, shelf_id as item_id, min(expiry_date) as nearest_expiry
    from (
        select store_id, shelf_id, expiry_date from {{ ref('shelf_batch_state') }}
        union all
        select store_id, shelf_id, expiry_date from {{ ref('warehouse_batch_state') }}
    ) as lots
    group by store_id, shelf_id
)

select
    latest.store_id,
    latest.item_id,
    latest.category,
    latest.currency,
    latest.closing_qty as quantity_on_hand,
    latest.wh_on_hand_qty as wh_on_hand,
    latest.on_order_qty as on_order,
    latest.inventory_position,
    latest.reorder_point,
    latest.safety_stock,
    latest.max_stock,
    latest.stock_status,
    100 * {{ ratio('latest.closing_qty', 'latest.max_stock') }} as stock_pct,
    latest.unit_cost,
    latest.closing_value as stock_value,
    cast(round(greatest(latest.wh_on_hand_qty, 0) * latest.unit_cost, 2) as decimal(18, 2)) as wh_stock_value,
    {{ ratio('sold.units', 'sold.days') }} as avg_daily_units,
    {{ ratio('greatest(latest.closing_qty, 0)', ratio('sold.units', 'sold.days')) }} as days_of_cover,
    expiries.nearest_expiry,
    latest.last_updated
from latest
left join sold on latest.store_id = sold.store_id and latest.item_id = sold.item_id
left join expiries on latest.store_id = expiries.store_id and latest.item_id = expiries.item_id
