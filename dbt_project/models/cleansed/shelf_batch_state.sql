{{ config(materialized='table') }}

{#- What is left of each lot on the shelf. A lot has come onto the sales floor and been sold by the
    piece, lot by lot, as tills say. What customers have in hand, and what was sold without naming a
    lot, is taken from the lots that expire first and may still be sold. The sums are those of
    shelf_state: what no lot accounts for stands under no lot. -#}

with places as (
    select
        stores.store_id,
        cast({{ to_local(as_of(), 'stores.timezone') }} as date) as business_date
    from {{ ref('stg_stores') }} as stores
),

on_floor as (
    select
        balances.store_id,
        balances.item_id,
        balances.batch_code,
        balances.qty,
        balances.last_event_ts,
        lots.received_date,
        lots.expiry_date,
        places.business_date,
        balances.qty > 0 and lots.batch_code is not null as is_lot
    from {{ ref('lot_balances') }} as balances
    inner join places on balances.store_id = places.store_id
    left join {{ ref('lots') }} as lots
        on balances.store_id = lots.store_id
        and balances.item_id = lots.item_id
        and balances.batch_code = lots.batch_code
    where balances.place = 'shelf'
        and balances.qty <> 0
),

not_in_a_lot as (
    select
        store_id,
        item_id,
        sum(case when is_lot then 0 else qty end) as qty
    from on_floor
    group by store_id, item_id
),

to_take as (
    select
        floor_items.store_id,
        floor_items.item_id,
        coalesce(in_carts.qty, 0) - coalesce(not_in_a_lot.qty, 0) as qty
    from (
        select distinct store_id, item_id from {{ ref('stock_balances') }} where location in ('shelf', 'cart')
    ) as floor_items
    left join not_in_a_lot
        on floor_items.store_id = not_in_a_lot.store_id and floor_items.item_id = not_in_a_lot.item_id
    left join {{ ref('stock_balances') }} as in_carts
        on floor_items.store_id = in_carts.store_id
        and floor_items.item_id = in_carts.item_id
        and in_carts.location = 'cart'
),

queued as (
    select
        *,
        sum(qty) over (
            partition by store_id, item_id
            order by case when expiry_date < business_date then 1 else 0 end, expiry_date, batch_code
            rows between unbounded preceding and current row
        ) - qty as qty_before
    from on_floor
    where is_lot
),

left_over as (
    select
        queued.store_id,
        queued.item_id,
        queued.batch_code,
        queued.received_date,
        queued.expiry_date,
        queued.qty - least(greatest(to_take.qty - queued.qty_before, 0), queued.qty) as qty,
        queued.last_event_ts
    from queued
    inner join to_take on queued.store_id = to_take.store_id and queued.item_id = to_take.item_id
),

in_lots as (
    select
        store_id,
        item_id,
        sum(qty) as qty
    from queued
    group by store_id, item_id
),

unaccounted as (
    select
        to_take.store_id,
        to_take.item_id,
        -- More was taken than all lots hold, or less than nothing was taken.
        least(coalesce(in_lots.qty, 0) - to_take.qty, 0) + greatest(-to_take.qty, 0) as qty
    from to_take
    left join in_lots on to_take.store_id = in_lots.store_id and to_take.item_id = in_lots.item_id
),

rows_by_lot as (
    select store_id, item_id, batch_code, received_date, expiry_date, qty, last_event_ts
    from left_over
    where qty > 0
    union all
    select
        store_id,
        item_id,
        cast(null as {{ string_type() }}) as batch_code,
        cast(null as date) as received_date,
        cast(null as date) as expiry_date,
        qty,
        cast(null as {{ timestamp_type() }}) as last_event_ts
    from unaccounted
    where qty <> 0
),

markdowns as (
    select
        store_id,
        item_id,
        batch_code,
        max(discount) as discount
    from {{ ref('issued_commands') }}
    where command_type = 'markdown'
        and valid_from_ts <= {{ as_of() }}
        and valid_to_ts > {{ as_of() }}
    group by store_id, item_id, batch_code
)

select
    rows_by_lot.store_id,
    rows_by_lot.item_id as shelf_id,
    items.category,
    items.subcategory,
    items.aisle,
    rows_by_lot.batch_code,
    rows_by_lot.received_date,
    rows_by_lot.expiry_date,
    cast(rows_by_lot.qty as bigint) as batch_quantity_store,
    cast({{ days_between('places.business_date', 'rows_by_lot.expiry_date') }} as integer) as days_to_expiry,
    cast(coalesce(markdowns.discount, 0) as decimal(9, 6)) as markdown,
    rows_by_lot.last_event_ts
from rows_by_lot
inner join places on rows_by_lot.store_id = places.store_id
inner join {{ ref('stg_items') }} as items on rows_by_lot.item_id = items.item_id
left join markdowns
    on rows_by_lot.store_id = markdowns.store_id
    and rows_by_lot.item_id = markdowns.item_id
    and rows_by_lot.batch_code = markdowns.batch_code
