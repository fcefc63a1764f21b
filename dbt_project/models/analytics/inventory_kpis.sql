{{ config(materialized='table') }}

with cells as (
    select
        case grouping(store_id) when 1 then 'ALL' else store_id end as store_id,
        case grouping(category) when 1 then 'ALL' else category end as category,
        currency,
        count(*) as items_total,
        count(*) filter (where stock_status = 'OUT') as out_of_stock_items,
        count(*) filter (where stock_status = 'CRITICAL') as critical_items,
        count(*) filter (where stock_status = 'LOW') as low_stock_items,
        count(*) filter (where stock_status = 'NORMAL') as normal_items,
        count(*) filter (where stock_status = 'OVERSTOCK') as overstock_items,
        count(*) filter (where quantity_on_hand <= reorder_point) as at_or_below_rop_items,
        sum(quantity_on_hand) as total_stock,
        sum(wh_on_hand) as total_wh_stock,
        sum(stock_value) as stock_value,
        sum(wh_stock_value) as wh_stock_value
    from {{ ref('current_inventory') }}
    group by grouping sets ((currency, store_id, category), (currency, store_id), (currency, category), (currency))
)

select
    store_id,
    category,
    currency,
    items_total,
    out_of_stock_items,
    critical_items,
    low_stock_items,
    normal_items,
    overstock_items,
    at_or_below_rop_items,
    100 * {{ ratio('out_of_stock_items', 'items_total') }} as out_of_stock_rate_pct,
    100 * {{ ratio('critical_items + low_stock_items', 'items_total') }} as low_stock_rate_pct,
    100 * {{ ratio('items_total - out_of_stock_items', 'items_total') }} as in_stock_rate_pct,
    {{ ratio('total_stock', 'items_total') }} as avg_stock_level,
    cast(total_stock as bigint) as total_stock,
    cast(total_wh_stock as bigint) as total_wh_stock,
    cast(stock_value as decimal(18, 2)) as stock_value,
    cast(wh_stock_value as decimal(18, 2)) as wh_stock_value
from cells
