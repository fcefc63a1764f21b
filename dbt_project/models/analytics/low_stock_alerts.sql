{{ config(materialized='table') }}

select
    store_id,
    item_id,
    category,
    stock_status,
    quantity_on_hand,
    wh_on_hand,
    on_order,
    safety_stock,
    reorder_point,
    greatest(reorder_point - quantity_on_hand, 0) as short_qty,
    days_of_cover,
    last_updated
from {{ ref('current_inventory') }}
where stock_status in ('OUT', 'CRITICAL', 'LOW')
