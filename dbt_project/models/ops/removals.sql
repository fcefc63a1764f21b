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

asked as (
    select
        commands.command_id,
        commands.store_id,
        commands.item_id,
        commands.location,
        commands.batch_code,
        commands.expiry_date,
        commands.issued_ts,
        reports.removed_qty,
        reports.removed_ts
    from {{ ref('issued_commands') }} as commands
    left join (
        select command_id, sum(removed_qty) as removed_qty, min(removed_ts) as removed_ts
        from {{ ref('removal_reports') }}
        where command_id is not null
        group by command_id
    ) as reports on commands.command_id = reports.command_id
    where commands.command_type = 'removal'
),

asked_so_far as (
    select
        store_id,
        item_id,
        location,
        batch_code,
        count(*) as times,
        count(removed_ts) as answers,
        max(removed_ts) as last_removed_ts
    from asked
    group by store_id, item_id, location, batch_code
),

pending as (
    select
        {{ uuid5("concat('removal:', expired.store_id, ':', expired.item_id, ':', expired.location, ':', expired.batch_code, ':', cast(coalesce(so_far.times, 0) + 1 as " ~ string_type() ~ "))") }} as plan_id,
        expired.store_id,
        expired.item_id,
        expired.location,
        expired.batch_code,
        expired.expiry_date,
        expired.qty
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
),

together as (
    select
        plan_id, store_id, item_id, location, batch_code, expiry_date,
        'pending' as status,
        qty as expected_qty,
        cast(null as bigint) as removed_qty,
        {{ as_of() }} as created_ts,
        cast(null as {{ timestamp_type() }}) as completed_ts
    from pending
    union all
    select
        asked.command_id as plan_id, asked.store_id, asked.item_id, asked.location, asked.batch_code, asked.expiry_date,
        case when asked.removed_ts is null then 'issued' else 'completed' end as status,
        coalesce(asked.removed_qty, 0) + greatest(coalesce(left_over.qty, 0), 0) as expected_qty,
        cast(asked.removed_qty as bigint) as removed_qty,
        asked.issued_ts as created_ts,
        asked.removed_ts as completed_ts
    from asked
    left join {{ ref('lot_balances') }} as left_over
        on asked.store_id = left_over.store_id
        and asked.item_id = left_over.item_id
        and asked.batch_code = left_over.batch_code
        and asked.location = left_over.place
)

select
    together.plan_id,
    together.store_id,
    together.item_id as shelf_id,
    items.category,
    items.subcategory,
    together.location,
    together.batch_code,
    together.expiry_date,
    together.status,
    cast(together.expected_qty as bigint) as expected_qty,
    together.removed_qty,
    cast(coalesce(together.removed_qty, 0) * items.list_price as decimal(18, 2)) as wasted_value,
    together.created_ts,
    together.completed_ts
from together
inner join {{ ref('stg_items') }} as items on together.item_id = items.item_id
