{{ config(materialized='table') }}

{#- What an ordering policy may know of an item: the goods, what is on order, and how it sold over
    the last 28 whole business days; in its first week, since it opened. -#}

with stores as (
    select
        store_id,
        timezone,
        cast({{ to_local(as_of(), 'timezone') }} as date) as business_date,
        cast({{ to_local('opened_ts', 'timezone') }} as date) as opened_date,
        ({{ epoch_us(as_of()) }} - {{ epoch_us('opened_ts') }}) / 86400000000.0 as days_open
    from {{ ref('stg_stores') }}
    where stock_tracking = 'sensors'
),

sellable as (
    select
        store_id,
        shelf_id as item_id,
        sum(batch_quantity_store) as qty,
        sum(case when days_to_expiry < 4 then batch_quantity_store else 0 end) as expiring_qty
    from {{ ref('shelf_batch_state') }}
    where coalesce(days_to_expiry, 0) >= 0
    group by store_id, shelf_id
),

expiring_in_warehouse as (
    select
        store_id,
        shelf_id as item_id,
        sum(batch_quantity_warehouse) as qty
    from {{ ref('warehouse_batch_state') }}
    where days_to_expiry between 0 and 3
    group by store_id, shelf_id
),

on_order as (
    select
        store_id,
        shelf_id as item_id,
        sum(open_qty) as qty
    from {{ ref('supplier_orders') }}
    where open_qty > 0
    group by store_id, shelf_id
),

lives as (
    select
        store_id,
        item_id,
        avg({{ days_between('received_date', 'expiry_date') }}) as days
    from {{ ref('lots') }}
    group by store_id, item_id
),

sales as (
    select
        daily.store_id,
        daily.item_id,
        sum(daily.units) as units,
        sum(daily.units * daily.units) as units_squared
    from {{ ref('daily_sales') }} as daily
    inner join stores on daily.store_id = stores.store_id
    where (daily.business_date < stores.business_date or stores.days_open < 7)
        and daily.business_date >= {{ add_days('stores.business_date', -28) }}
    group by daily.store_id, daily.item_id
)

select
    store_items.store_id,
    store_items.item_id as shelf_id,
    items.category,
    items.subcategory,
    items.batch_size,
    items.list_price,
    items.is_perishable,
    cast(coalesce(sellable.qty, 0) as bigint) as shelf_stock,
    cast(coalesce(shelves.in_transit, 0) as bigint) as in_transit,
    cast(coalesce(warehouses.sellable_stock, 0) as bigint) as warehouse_stock,
    cast(warehouses.current_stock as bigint) as warehouse_on_hand,
    cast(coalesce(sellable.expiring_qty, 0) + coalesce(expiring_in_warehouse.qty, 0) as bigint) as expiring_qty,
    store_items.shelf_capacity,
    store_items.warehouse_capacity,
    warehouses.reorder_point,
    cast(coalesce(on_order.qty, 0) as bigint) as on_order_qty,
    cast(lives.days as double) as life_days,
    cast(
        case
            when stores.days_open < 7 then stores.days_open
            else least({{ days_between('stores.opened_date', 'stores.business_date') }}, 28)
        end as double
    ) as sales_days,
    cast(coalesce(sales.units, 0) as bigint) as units_28d,
    cast(coalesce(sales.units_squared, 0) as bigint) as units_squared_28d
from {{ ref('stg_store_items') }} as store_items
inner join stores on store_items.store_id = stores.store_id
inner join {{ ref('stg_items') }} as items on store_items.item_id = items.item_id
inner join {{ ref('shelf_state') }} as shelves
    on store_items.store_id = shelves.store_id and store_items.item_id = shelves.shelf_id
inner join {{ ref('warehouse_state') }} as warehouses
    on store_items.store_id = warehouses.store_id and store_items.item_id = warehouses.shelf_id
left join sellable on store_items.store_id = sellable.store_id and store_items.item_id = sellable.item_id
left join expiring_in_warehouse
    on store_items.store_id = expiring_in_warehouse.store_id and store_items.item_id = expiring_in_warehouse.item_id
left join on_order on store_items.store_id = on_order.store_id and store_items.item_id = on_order.item_id
left join lives on store_items.store_id = lives.store_id and store_items.item_id = lives.item_id
left join sales on store_items.store_id = sales.store_id and store_items.item_id = sales.item_id
