{{ config(materialized='table') }}

select
    store_items.store_id,
    store_items.item_id as shelf_id,
    items.category,
    items.subcategory,
    items.aisle,
    coalesce(on_shelf.qty, 0) as current_stock,
    coalesce(in_transit.qty, 0) as in_transit,
    coalesce(in_carts.qty, 0) as in_carts,
    store_items.shelf_capacity,
    cast(coalesce(on_shelf.qty, 0) as double) / store_items.shelf_capacity as fill_rate,
    -- An item that no policy speaks of is there all the same; nothing is asked for.
    coalesce(thresholds.low_below_qty, 0) as low_below_qty,
    coalesce(thresholds.target_qty, 0) as target_qty,
    coalesce(levels.low_state, 0) = 1 as is_low,
    on_shelf.last_event_ts
from {{ ref('stg_store_items') }} as store_items
inner join {{ ref('stg_items') }} as items on store_items.item_id = items.item_id
left join {{ ref('stock_thresholds') }} as thresholds
    on store_items.store_id = thresholds.store_id
    and store_items.item_id = thresholds.item_id
    and thresholds.location = 'shelf'
    and {{ as_of() }} >= thresholds.valid_from_ts
    and {{ as_of() }} < thresholds.valid_to_ts
left join {{ ref('stock_balances') }} as on_shelf
    on store_items.store_id = on_shelf.store_id
    and store_items.item_id = on_shelf.item_id
    and on_shelf.location = 'shelf'
left join {{ ref('stock_balances') }} as in_transit
    on store_items.store_id = in_transit.store_id
    and store_items.item_id = in_transit.item_id
    and in_transit.location = 'transit'
left join {{ ref('stock_balances') }} as in_carts
    on store_items.store_id = in_carts.store_id
    and store_items.item_id = in_carts.item_id
    and in_carts.location = 'cart'
left join {{ ref('stock_levels') }} as levels
    on store_items.store_id = levels.store_id
    and store_items.item_id = levels.item_id
    and levels.location = 'shelf'
    and levels.is_latest
