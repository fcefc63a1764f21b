{{ config(materialized='table') }}

-- The last 30 whole business days. Goods that tills took back are for sale again once staff put them
-- on the shelf; until then they are no stock of it.
with spans as (
    select
        store_id,
        cast({{ to_local(as_of(), 'timezone') }} as date) as today
    from {{ ref('dim_store') }}
),

moved as (
    select movements.*
    from {{ ref('stock_movement_summary') }} as movements
    inner join spans
        on movements.store_id = spans.store_id
        and movements.date_key < spans.today
        and movements.date_key >= {{ add_days('spans.today', -30) }}
)

select
    store_id,
    category,
    currency,
    cast(coalesce(sum(events) filter (where movement_type = 'SALE'), 0) as bigint) as sales_count,
    cast(coalesce(sum(events) filter (where movement_type = 'RETURN'), 0) as bigint) as return_count,
    cast(coalesce(sum(events) filter (where movement_type = 'SHELF_IN' and location = 'shelf'), 0) as bigint) as restock_count,
    cast(-coalesce(sum(units) filter (where movement_type = 'SALE'), 0) as bigint) as total_sold,
    cast(coalesce(sum(units) filter (where movement_type = 'RETURN'), 0) as bigint) as total_returned,
    cast(coalesce(sum(units) filter (where movement_type = 'SHELF_IN' and location = 'shelf'), 0) as bigint) as total_restocked,
    cast(-coalesce(sum(units) filter (where movement_type = 'REMOVAL'), 0) as bigint) as total_wasted,
    cast(coalesce(sum(units) filter (where location = 'shelf'), 0) as bigint) as net_shelf_change,
    cast(coalesce(sum(units) filter (where location = 'warehouse'), 0) as bigint) as net_warehouse_change
from moved
group by store_id, category, currency
