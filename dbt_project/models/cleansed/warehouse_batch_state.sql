{{ config(materialized='table') }}

-- Every movement in the warehouse is scanned with its lot: its balance is what is there.
select
    balances.store_id,
    balances.item_id as shelf_id,
    items.category,
    items.subcategory,
    nullif(balances.batch_code, '') as batch_code,
    lots.received_date,
    lots.expiry_date,
    balances.qty as batch_quantity_warehouse,
    cast({{ days_between("cast(" ~ to_local(as_of(), 'stores.timezone') ~ " as date)", 'lots.expiry_date') }} as integer) as days_to_expiry,
    balances.last_event_ts
from {{ ref('lot_balances') }} as balances
inner join {{ ref('stg_stores') }} as stores on balances.store_id = stores.store_id
inner join {{ ref('stg_items') }} as items on balances.item_id = items.item_id
left join {{ ref('lots') }} as lots
    on balances.store_id = lots.store_id
    and balances.item_id = lots.item_id
    and balances.batch_code = lots.batch_code
where balances.place = 'warehouse'
    and balances.qty <> 0
