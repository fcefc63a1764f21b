{{ config(materialized='table') }}

select
    store_items.store_id,
    store_items.item_id as shelf_id,
    items.category,
    items.subcategory,
    items.batch_size,
    coalesce(in_warehouse.qty, 0) as current_stock,
    -- Expired lots wait for their removal; nobody carries them to a shelf.
    coalesce(in_warehouse.qty, 0) - coalesce(expired.qty, 0) as sellable_stock,
    store_items.warehouse_capacity,
    cast(coalesce(in_warehouse.qty, 0) as double) / nullif(store_items.warehouse_capacity, 0) as fill_rate,
    -- An item that no policy speaks of is there all the same.
    coalesce(thresholds.low_below_qty, 0) as reorder_point,
    coalesce(levels.low_state, 0) = 1 as is_low,
    in_warehouse.last_event_ts
from {{ ref('stg_store_items') }} as store_items
inner join {{ ref('stg_items') }} as items on store_items.item_id = items.item_id
left join {{ ref('stock_thresholds') }} as thresholds
    on store_items.store_id = thresholds.store_id
    and store_items.item_id = thresholds.item_id
    and thresholds.location = 'warehouse'
    and {{ as_of() }} >= thresholds.valid_from_ts
    and {{ as_of() }} < thresholds.valid_to_ts
left join {{ ref('stock_balances') }} as in_warehouse
    on store_items.store_id = in_warehouse.store_id
    and store_items.item_id = in_warehouse.item_id
    and in_warehouse.location = 'warehouse'
left join (
    select
        store_id,
        shelf_id,
        cast(sum(batch_quantity_warehouse) as bigint) as qty
    from {{ ref('warehouse_batch_state') }}
    where days_to_expiry < 0
    group by store_id, shelf_id
) as expired
    on store_items.store_id = expired.store_id and store_items.item_id = expired.shelf_id
left join {{ ref('stock_levels') }} as levels
    on store_items.store_id = levels.store_id
    and store_items.item_id = levels.item_id
    and levels.location = 'warehouse'
    and levels.is_latest
