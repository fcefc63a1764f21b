{{ config(materialized='table') }}

{#- Lots whose last day has passed are thrown away, on shelves and in the warehouse. A lot is asked
    for once; again only when more of it came to the place after staff had looked. -#}

with expired as (
    select store_id, shelf_id as item_id, 'shelf' as location, batch_code, expiry_date, batch_quantity_store as qty
    from {{ ref('shelf_batch_state') }}
    where days_to_expiry < 0 and batch_quantity_store > 0
    union all
    select store_id, shelf_id as item_id, 'warehouse' as location, batch_code, expiry_date, batch_quantity_warehouse as qty
    from {{ ref('warehouse_batch_state') }}
    where days_to_expiry < 0 and batch_quantity_warehouse > 0
),

asked_so_far as (
    select
        commands.store_id,
        commands.item_id,
        commands.location,
        commands.batch_code,
        count(*) as times,
        count(reports.removed_ts) as answers,
        max(reports.removed_ts) as last_removed_ts
    from {{ ref('issued_commands') }} as commands
    left join {{ removal_answers() }} as reports on commands.command_id = reports.command_id
    where commands.command_type = 'removal'
    group by commands.store_id, commands.item_id, commands.location, commands.batch_code
)

select
    {{ uuid5("concat('removal:', expired.store_id, ':', expired.item_id, ':', expired.location, ':', expired.batch_code, ':', cast(coalesce(so_far.times, 0) + 1 as " ~ string_type() ~ "))") }} as plan_id,
    expired.store_id,
    expired.item_id as shelf_id,
    expired.location,
    expired.batch_code,
    expired.expiry_date,
    expired.qty as expected_qty,
    {{ as_of() }} as created_ts
from expired
inner join {{ ref('lot_balances') }} as balances
    on expired.store_id = balances.store_id
    and expired.item_id = balances.item_id
    and expired.batch_code = balances.batch_code
    and expired.location = balances.place
left join asked_so_far as so_far
    on expired.store_id = so_far.store_id
    and expired.item_id = so_far.item_id
    and expired.location = so_far.location
    and expired.batch_code = so_far.batch_code
where so_far.times is null
    or (so_far.answers = so_far.times and balances.last_in_ts > so_far.last_removed_ts)
