{{ config(materialized='table') }}

-- On sale is what was on the last complete business day on which the store traded.
with last_days as (
    select sales.store_id, max(sales.date_key) as last_date
    from {{ ref('daily_product_sales') }} as sales
    inner join {{ ref('stg_stores') }} as stores on sales.store_id = stores.store_id
    where sales.date_key < cast({{ to_local(as_of(), 'stores.timezone') }} as date)
    group by sales.store_id
)

select
    sales.store_id,
    sales.item_id,
    nullif(sales.category, {{ uncategorised() }}) as category,
    case when stores.stock_tracking = 'sensors' then shelves.current_stock > 0 end as in_stock
from {{ ref('daily_product_sales') }} as sales
inner join last_days on sales.store_id = last_days.store_id and sales.date_key = last_days.last_date
inner join {{ ref('stg_stores') }} as stores on sales.store_id = stores.store_id
left join {{ ref('shelf_state') }} as shelves
    on sales.store_id = shelves.store_id and sales.item_id = shelves.shelf_id
